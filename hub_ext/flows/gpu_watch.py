"""How the GPUs that launches hold are used: one look after another, summed up in the store.

The sums outlive the process that looks. A time in which nobody looked, or the driver said nothing, is not
counted, and what was known before it says nothing about idleness any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from hub_ext.adapters.store import Tx, gpu_use, leases
from hub_ext.flows import gpu
from hub_ext.flows.site import Site
from hub_ext.model import Lease
from hub_ext.model.idleness import GpuUseSum
from hub_ext.policy.idle import IDLE_GPU_SHARE, GpuWork

# Looks that are further apart than so many sweeps of the culler leave a gap.
GAP_SWEEPS = 3


def shares(site: Site) -> dict[str, float | None]:
    """The utilisation of each device now, from 0 to 1, by GPU id; None: not known. Raises nothing."""
    return {
        gpu_id: None if read.percent is None else read.percent / 100 for gpu_id, read in gpu.use(site).items()
    }


def look(site: Site, shares: Mapping[str, float | None]) -> dict[str, GpuWork]:
    """What the GPUs of each launch did, by launch id; those that hold none are left out.

    `shares` are the devices' utilisations now, from 0 to 1, by GPU id; None, or left out: not known.
    """
    with site.store.reading() as tx:
        held = leases.active(tx, node=site.settings.node)
    if not held:
        return {}
    with site.store.transaction() as tx:
        sums = _summed(tx, site, held, shares)
    launches: dict[str, list[Lease]] = {}
    for lease in held:
        launches.setdefault(lease.launch_id, []).append(lease)
    return {launch: _work(own, sums, shares) for launch, own in launches.items()}


def _summed(
    tx: Tx, site: Site, held: Iterable[Lease], shares: Mapping[str, float | None]
) -> dict[str, GpuUseSum]:
    now = site.now()
    gap = timedelta(seconds=GAP_SWEEPS * site.settings.cull_seconds)
    known = gpu_use.listing(tx, [lease.id for lease in held])
    for lease in held:
        share, before = shares.get(lease.gpu_id), known.get(lease.id)
        if share is None:
            continue
        computes = share >= IDLE_GPU_SHARE
        worked = now if computes else before.worked if before else None
        if before is None:
            known[lease.id] = GpuUseSum(lease.id, now, now, worked=worked)
            gpu_use.add(tx, known[lease.id])
            continue
        passed = now - before.seen
        watched = passed.total_seconds() if timedelta() <= passed <= gap else 0.0
        known[lease.id] = replace(
            before,
            # What was not watched may have been work.
            since=before.since if watched or not passed else now,
            seen=now,
            watched_seconds=before.watched_seconds + watched,
            used_seconds=before.used_seconds + (watched if computes else 0.0),
            worked=worked,
        )
        gpu_use.replace(tx, known[lease.id])
    return known


def _work(own: Iterable[Lease], sums: Mapping[str, GpuUseSum], shares: Mapping[str, float | None]) -> GpuWork:
    """Of several devices the busiest; where one is not known, nothing is."""
    seen = [(shares.get(lease.gpu_id), sums.get(lease.id)) for lease in own]
    known = [(share, held) for share, held in seen if share is not None and held is not None]
    if len(known) < len(seen):
        return GpuWork()
    return GpuWork(
        share=max(share for share, _ in known),
        worked=max((held.worked for _, held in known if held.worked), default=None),
        watched_since=max(held.since for _, held in known),
    )
