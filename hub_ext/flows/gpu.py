"""Brings the store's GPUs into agreement with the machine's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hub_ext.adapters import gpu_inventory
from hub_ext.adapters.store import Tx, audit, gpus, launches, leases, persons
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Gpu, GpuHealth, Launch, Lease, Person, Verb


@dataclass(frozen=True, slots=True)
class GpuChanges:
    """What a refresh saw: ids of GPUs that appeared or changed, and of GPUs that are no longer there."""

    found: tuple[str, ...]
    lost: tuple[str, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class Share:
    """One share of a GPU of this node, numbered from 1, and the launch that holds it; None: nobody does."""

    gpu: Gpu
    number: int
    lease: Lease | None
    launch: Launch | None
    person: Person | None


def shares(site: Site) -> tuple[Share, ...]:
    """Every share, by GPU, in one snapshot; also of GPUs that are lost, which a launch may still hold."""
    node = site.settings.node
    with site.store.reading() as tx:
        held = {(lease.gpu_id, lease.share): lease for lease in leases.active(tx, node=node)}
        known = {lease.launch_id: launches.get(tx, lease.launch_id) for lease in held.values()}
        people = {
            one.id: one for one in persons.listing(tx, ids={launch.person_id for launch in known.values()})
        }
        found = []
        for gpu in gpus.listing(tx, node=node):
            for number in range(0 if gpu.ended else gpu.shares):
                lease = held.get((gpu.id, number))
                launch = known[lease.launch_id] if lease else None
                person = people[launch.person_id] if launch else None
                found.append(Share(gpu, number + 1, lease, launch, person))
        return tuple(found)


async def refresh(site: Site, actor: Actor) -> GpuChanges:
    """Offer GPUs that are there, and stop offering those that are not.

    A lost GPU keeps its row and its leases: a launch may still hold it. An inventory that cannot be read
    raises EngineError and changes nothing: unknown is not lost.
    """

    def look() -> GpuChanges:
        present = {found.id: found for found in gpu_inventory.inventory(site.settings)}
        with site.store.reading() as tx:
            changes = _compare(present, _known(tx, site))
        # Asked every minute: where nothing changed, nobody waits for a transaction.
        return _write_down(site, actor, present) if changes.found or changes.lost else changes

    return await asyncio.to_thread(look)


def _known(tx: Tx, site: Site) -> dict[str, Gpu]:
    return {known.id: known for known in gpus.listing(tx, node=site.settings.node)}


def _compare(present: dict[str, Gpu], known: dict[str, Gpu]) -> GpuChanges:
    offered = {gpu.id: _offered(gpu) for gpu in known.values()}
    found = tuple(gpu.id for gpu in present.values() if offered.get(gpu.id) != _offered(gpu))
    lost = (gpu.id for gpu in known.values() if gpu.id not in present and gpu.health is not GpuHealth.LOST)
    return GpuChanges(found, tuple(lost), len(present) - len(found))


def _write_down(site: Site, actor: Actor, present: dict[str, Gpu]) -> GpuChanges:
    now = site.now()
    with site.store.transaction() as tx:
        known = _known(tx, site)
        changes = _compare(present, known)
        for gpu in (present[gpu_id] for gpu_id in changes.found):
            if gpu.id in known:
                gpus.replace(tx, replace(gpu, created=known[gpu.id].created))
            else:
                gpus.add(tx, replace(gpu, created=now))
            facts = {"device": gpu.device, "model": gpu.model, "shares": gpu.shares}
            audit.append(tx, time=now, actor=actor, verb=Verb.GPU_FOUND, subject=gpu.id, facts=facts)
        for gpu in (known[gpu_id] for gpu_id in changes.lost):
            gpus.replace(tx, replace(gpu, health=GpuHealth.LOST))
            facts = {"device": gpu.device}
            audit.append(tx, time=now, actor=actor, verb=Verb.GPU_LOST, subject=gpu.id, facts=facts)
    return changes


def _offered(gpu: Gpu) -> tuple[object, ...]:
    return gpu.device, gpu.model, gpu.mem_bytes, gpu.shares, gpu.health
