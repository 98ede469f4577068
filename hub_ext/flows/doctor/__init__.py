"""Looks at everything that a launch rests on, and says for each fault what to do.

`examine` never changes anything but for one short-lived container, which looks at the network from inside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hub_ext.errors import HubExtError
from hub_ext.flows.doctor import agreement, door, engine, gpus, record, release, software
from hub_ext.flows.doctor.finding import Finding, Health, failed
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase

__all__ = ["CHECKS", "Finding", "Health", "examine"]

Check = Callable[[Site], Awaitable[tuple[Finding, ...]]]

# In the order in which a person should read and mend.
CHECKS: dict[Phrase, Check] = {
    Phrase("engine"): engine.check,
    Phrase("network"): engine.check_network,
    Phrase("isolation"): engine.check_isolation,
    Phrase("gate"): door.check_gate,
    Phrase("origins"): door.check_origins,
    Phrase("certificate"): door.check_certificate,
    Phrase("registry"): record.check_registries,
    Phrase("store"): record.check_store,
    Phrase("secrets"): record.check_secrets,
    Phrase("sign-in"): record.check_sign_in,
    Phrase("hub admins"): record.check_admins,
    Phrase("volumes"): agreement.check,
    Phrase("gpus"): gpus.check,
    Phrase("disk"): engine.check_disk,
    Phrase("software"): software.check,
    Phrase("host"): release.check,
}


async def examine(site: Site) -> tuple[Finding, ...]:
    """Every finding, in the order of CHECKS. A check that itself fails is a finding, never an exception."""

    async def one(name: Phrase, check: Check) -> tuple[Finding, ...]:
        try:
            return await check(site)
        except HubExtError as error:
            return (failed(name, error),)

    groups = await asyncio.gather(*(one(name, check) for name, check in CHECKS.items()))
    return tuple(finding for group in groups for finding in group)
