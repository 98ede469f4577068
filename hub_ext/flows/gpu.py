"""Brings the store's GPUs into agreement with the machine's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hub_ext.adapters import gpu_inventory
from hub_ext.adapters.store import audit, gpus
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Gpu, GpuHealth, Verb


@dataclass(frozen=True, slots=True)
class GpuChanges:
    """What a refresh saw: ids of GPUs that appeared and of GPUs that are no longer there."""

    found: tuple[str, ...]
    lost: tuple[str, ...]
    unchanged: int


async def refresh(site: Site, actor: Actor) -> GpuChanges:
    """Offer GPUs that are there, and stop offering those that are not.

    A lost GPU keeps its row and its leases: a launch may still hold it. An inventory that cannot be read
    raises EngineError and changes nothing: unknown is not lost.
    """

    def look() -> GpuChanges:
        present = {found.id: found for found in gpu_inventory.inventory(site.settings)}
        return _write_down(site, actor, present)

    return await asyncio.to_thread(look)


def _write_down(site: Site, actor: Actor, present: dict[str, Gpu]) -> GpuChanges:
    now = site.now()
    found, lost, unchanged = [], [], 0
    with site.store.transaction() as tx:
        known = {gpu.id: gpu for gpu in gpus.listing(tx, node=site.settings.node)}
        for gpu in present.values():
            before = known.get(gpu.id)
            if before is None:
                gpus.add(tx, replace(gpu, created=now))
            elif _offered(before) == _offered(gpu):
                unchanged += 1
                continue
            else:
                gpus.replace(tx, replace(gpu, created=before.created))
            found.append(gpu.id)
            facts = {"device": gpu.device, "model": gpu.model, "shares": gpu.shares}
            audit.append(tx, time=now, actor=actor, verb=Verb.GPU_FOUND, subject=gpu.id, facts=facts)
        for gpu in known.values():
            if gpu.id not in present and gpu.health is not GpuHealth.LOST:
                gpus.replace(tx, replace(gpu, health=GpuHealth.LOST))
                lost.append(gpu.id)
                facts = {"device": gpu.device}
                audit.append(tx, time=now, actor=actor, verb=Verb.GPU_LOST, subject=gpu.id, facts=facts)
    return GpuChanges(tuple(found), tuple(lost), unchanged)


def _offered(gpu: Gpu) -> tuple[object, ...]:
    return gpu.device, gpu.model, gpu.mem_bytes, gpu.shares, gpu.health
