"""What store and engine do not both have, and nobody mends without an order."""

from __future__ import annotations

from hub_ext.flows import strays
from hub_ext.flows.doctor.finding import Finding, fail, ok, warn
from hub_ext.flows.site import Site


async def check(site: Site) -> tuple[Finding, ...]:
    """Volumes and networks with our labels are those of the store, and all of the store's are there."""
    found = await strays.find(site)
    findings = []
    if found.missing:
        findings.append(
            fail(
                "volumes",
                f"the engine has lost {', '.join(found.missing)}",
                "Restore them from a backup: no server that needs one starts.",
            )
        )
    if found.volumes:
        findings.append(
            warn(
                "volumes",
                f"in no row: {', '.join(found.volumes)}",
                "See whose they were: `hub-ext volume show`; `hub-ext volume delete` removes one.",
            )
        )
    if found.networks:
        findings.append(
            warn(
                "networks",
                f"ours by label, and not the closed one: {', '.join(found.networks)}",
                "See who made them, then `docker network rm`.",
            )
        )
    return tuple(findings) or (ok("volumes", "store and engine have the same"),)
