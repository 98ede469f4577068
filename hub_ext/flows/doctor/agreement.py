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
                "the engine has lost {names}",
                "Restore them from a backup: no server that needs one starts.",
                names=tuple(found.missing),
            )
        )
    if found.volumes:
        findings.append(
            warn(
                "volumes",
                "in no row: {names}",
                "See whose they were: `hub-ext volume show`; `hub-ext volume delete` removes one.",
                names=tuple(found.volumes),
            )
        )
    if found.networks:
        findings.append(
            warn(
                "networks",
                "ours by label, and not the closed one: {names}",
                "See who made them, then `docker network rm`.",
                names=tuple(found.networks),
            )
        )
    return tuple(findings) or (ok("volumes", "store and engine have the same"),)
