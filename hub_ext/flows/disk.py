"""Room on disk: what homes and project folders hold, and what is free where a launch would write."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from hub_ext.adapters import files
from hub_ext.adapters.store import volumes
from hub_ext.errors import EngineError
from hub_ext.flows.site import Site
from hub_ext.model import DiskFacts, Volume

ALMOST = 0.9  # of the allowance: from here on people are told


async def measure(site: Site, *, volume_ids: Collection[str] | None = None) -> tuple[Volume, ...]:
    """Measure the living volumes of this node, or those named, and store what they hold.

    One that the engine does not have keeps its former measurement. Takes seconds to minutes.
    Raises EngineError where the engine cannot measure; nothing is stored then.
    """
    measured = [volume for volume in await asyncio.to_thread(living, site) if _wanted(volume, volume_ids)]
    if not measured:
        return ()
    used = await site.engine.measure_volumes(volume.name for volume in measured)

    def store() -> tuple[Volume, ...]:
        with site.store.transaction() as tx:
            stored = []
            # Read again: a volume may have been seeded or quarantined while the engine walked.
            for volume in volumes.listing(tx, ids=[volume.id for volume in measured]):
                if volume.name in used:
                    volume = replace(volume, used_bytes=used[volume.name], measured=site.now())
                    volumes.replace(tx, volume)
                stored.append(volume)
            return tuple(stored)

    return await asyncio.to_thread(store)


def living(site: Site, *, project: str | None = None) -> tuple[Volume, ...]:
    """The volumes of this node, or of one project on it, that have not ended."""
    with site.store.reading() as tx:
        found = volumes.listing(tx, node=site.settings.node, project=project)
    return tuple(volume for volume in found if volume.ended is None)


def share_used(volume: Volume) -> float | None:
    """The share of its allowance that a volume holds; above 1.0 it is over. None: unknown, or no limit."""
    if volume.used_bytes is None or volume.allowed_bytes <= 0:
        return None
    return volume.used_bytes / volume.allowed_bytes


def almost_full(volume: Volume) -> bool:
    """Whether its owner should be told. A full home still starts."""
    share = share_used(volume)
    return share is not None and share >= ALMOST


async def facts(site: Site) -> DiskFacts:
    """The least room where a launch writes: the engine's data, and our state (store and audit trail).

    None where one of them cannot be measured: a full disk is not told from an unknown one by guessing.
    """
    try:
        engine, state = await free_bytes(site)
    except EngineError:
        engine = state = None
    free = None if engine is None or state is None else min(engine, state)
    return DiskFacts(free_bytes=free, reserve_bytes=site.settings.disk_reserve_bytes)


async def free_bytes(site: Site) -> tuple[int | None, int | None]:
    """What is free for the engine's data, and for our state; None for what cannot be measured.

    Raises EngineError.
    """
    engine = await site.engine.free_bytes()
    return engine, await asyncio.to_thread(files.free_bytes, site.settings.state_dir)


def _wanted(volume: Volume, volume_ids: Collection[str] | None) -> bool:
    return volume_ids is None or volume.id in volume_ids
