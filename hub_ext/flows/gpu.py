"""Brings the store's GPUs into agreement with the machine's, and tells who holds them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hub_ext.adapters import gpu_inventory
from hub_ext.adapters.gpu_inventory import GpuUse, Inventory
from hub_ext.adapters.store import Tx, audit, gpus, launches, leases, persons
from hub_ext.flows import outbox
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Gpu, GpuHealth, Launch, Lease, Person, Verb
from hub_ext.model.letters import LetterKind
from hub_ext.policy.gpus import seen, strangers


@dataclass(frozen=True, slots=True)
class GpuChanges:
    """What a refresh saw: ids of GPUs that appeared or changed, and of GPUs that are no longer there.

    `lost_leases` are those of which the GPU is gone. `trespassers` are launches of ours that compute on a GPU
    which they do not lease, with that GPU's id, told when it is first seen.
    """

    found: tuple[str, ...]
    lost: tuple[str, ...]
    unchanged: int
    lost_leases: tuple[str, ...] = ()
    trespassers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """One share of a GPU of this node, numbered from 1, and the launch that holds it; None: nobody does."""

    gpu: Gpu
    number: int
    lease: Lease | None
    launch: Launch | None
    person: Person | None

    @property
    def until(self) -> datetime | None:
        """When it is free at the latest: its lease's own end, or that of a right of the launch."""
        ends = (self.lease and self.lease.until, self.launch and self.launch.expires_at)
        return min((end for end in ends if end), default=None)


def shares(site: Site, gpu_id: str | None = None) -> tuple[Share, ...]:
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
            if gpu.ended or gpu_id not in (None, gpu.id):
                continue
            # Where the shares were reduced, those beyond are told while somebody holds them.
            beyond = {share for held_id, share in held if held_id == gpu.id and share >= gpu.shares}
            for number in (*range(gpu.shares), *sorted(beyond)):
                lease = held.get((gpu.id, number))
                launch = known[lease.launch_id] if lease else None
                person = people[launch.person_id] if launch else None
                found.append(Share(gpu, number + 1, lease, launch, person))
        return tuple(found)


def use(site: Site) -> Mapping[str, GpuUse]:
    """Readings by the GPU's id, kept nowhere; what is not in it is not known. Raises nothing."""
    return gpu_inventory.use(site.settings)


async def refresh(site: Site, actor: Actor) -> GpuChanges:
    """Offer GPUs that are there and nobody else's, and stop offering the others.

    A lost GPU keeps its row and its leases, which are marked: a launch may still hold it. An inventory that
    cannot be read raises EngineError and changes nothing, and one that is not whole loses nothing: unknown
    is not lost.
    """

    def look() -> GpuChanges:
        now = gpu_inventory.inventory(site.settings)
        with site.store.reading() as tx:
            compared = _compare(tx, site, now)
        # Asked every minute: where nothing changed, nobody waits for a transaction.
        return _write_down(site, actor, now) if compared.any else compared.told

    return await asyncio.to_thread(look)


def differences(site: Site) -> GpuChanges:
    """What a refresh would see, with nothing written. Raises EngineError."""
    now = gpu_inventory.inventory(site.settings)
    with site.store.reading() as tx:
        return _compare(tx, site, now).told


@dataclass(frozen=True, slots=True)
class _Compared:
    """The rows to write, and what is told of them."""

    changed: tuple[tuple[Gpu, Gpu | None], ...]  # as it is now, and as it was known
    lost: tuple[Gpu, ...]
    leases: tuple[Lease, ...]
    trespassers: tuple[tuple[str, str], ...]
    unchanged: int

    @property
    def any(self) -> bool:
        return bool(self.changed or self.lost or self.leases)

    @property
    def told(self) -> GpuChanges:
        return GpuChanges(
            tuple(gpu.id for gpu, _ in self.changed),
            tuple(gpu.id for gpu in self.lost),
            self.unchanged,
            tuple(lease.id for lease in self.leases),
            self.trespassers,
        )


def _compare(tx: Tx, site: Site, now: Inventory) -> _Compared:
    node = site.settings.node
    known = {gpu.id: gpu for gpu in gpus.listing(tx, node=node)}
    held = leases.active(tx, node=node)
    containers = {one.container_id: one.id for one in launches.listing(tx, node=node, active=True)}
    launched = {launch_id: container_id for container_id, launch_id in containers.items() if container_id}
    changed, trespassers = [], []
    for one in now.seen:
        holders, before = one.holders, known.get(one.gpu.id)
        tenants = {launched.get(lease.launch_id, "") for lease in held if lease.gpu_id == one.gpu.id}
        after = seen(one.gpu, before, holders, tenants)
        if before is None or after != before:
            changed.append((after, before))
            foreign = strangers(holders or (), tenants)
            trespassers += [(after.id, launch) for launch, its in sorted(launched.items()) if its in foreign]
    present = {one.gpu.id for one in now.seen}
    missing = {gpu_id for gpu_id in known if gpu_id not in present} if now.whole else set()
    lost = missing | ({gpu.id for gpu in known.values() if gpu.health is GpuHealth.LOST} - present)
    # The same device under another id, from another source, is still there; so is what is only not offered.
    there = {one.gpu.device for one in now.seen}
    gone = {gpu_id for gpu_id in lost if known[gpu_id].device not in there}
    if site.settings.gpu_source == "none":
        gone = set()
    return _Compared(
        tuple(changed),
        tuple(known[gpu_id] for gpu_id in sorted(missing) if known[gpu_id].health is not GpuHealth.LOST),
        tuple(lease for lease in held if lease.lost is None and lease.gpu_id in gone),
        tuple(trespassers),
        len(now.seen) - len(changed),
    )


def _write_down(site: Site, actor: Actor, seen_now: Inventory) -> GpuChanges:
    now = site.now()
    with site.store.transaction() as tx:
        compared = _compare(tx, site, seen_now)
        for gpu, before in compared.changed:
            if before is None:
                gpu = replace(gpu, created=now)
                gpus.add(tx, gpu)
            else:
                gpus.replace(tx, gpu)
            _record_found(tx, site, actor, gpu, before, compared.trespassers)
        for gpu in compared.lost:
            gpus.replace(tx, replace(gpu, health=GpuHealth.LOST))
            audit.append(
                tx, time=now, actor=actor, verb=Verb.GPU_LOST, subject=gpu.id, facts={"device": gpu.device}
            )
        for lease in compared.leases:
            _lose(tx, site, actor, lease)
    return compared.told


def _record_found(
    tx: Tx,
    site: Site,
    actor: Actor,
    gpu: Gpu,
    before: Gpu | None,
    trespassers: tuple[tuple[str, str], ...],
) -> None:
    facts = {"device": gpu.device, "model": gpu.model, "shares": gpu.shares, "health": gpu.health}
    if gpu.health is GpuHealth.HELD_OUTSIDE and (before is None or before.health is not gpu.health):
        launched = [launch_id for gpu_id, launch_id in trespassers if gpu_id == gpu.id]
        site.record(tx, actor, Verb.GPU_HELD_OUTSIDE, gpu.id, {**facts, "launches": launched})
    else:
        site.record(tx, actor, Verb.GPU_FOUND, gpu.id, facts)


def _lose(tx: Tx, site: Site, actor: Actor, lease: Lease) -> None:
    """Marks a lease of which the GPU is gone, and tells its owner: at home, and by letter."""
    leases.replace(tx, replace(lease, lost=site.now()))
    launch = launches.get(tx, lease.launch_id)
    facts = {
        "gpu": lease.gpu_id,
        "launch": launch.id,
        "person": launch.person_id,
        "project": launch.project,
    }
    site.record(tx, actor, Verb.LEASE_LOST, lease.id, facts)
    outbox.tell(tx, site, LetterKind.GPU_LOST, [launch.person_id], "")
