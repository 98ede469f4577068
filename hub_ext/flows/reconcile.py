"""Compares what the store says with what the engine runs, and mends.

The engine's list of containers is read first: an engine that is down, slow or fails raises, and nothing is
mended. Unknown is not gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE, ContainerSummary
from hub_ext.adapters.engine.volumes import LABEL_SEED
from hub_ext.adapters.store import audit, launches, leases
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows import launch as launch_flow
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Launch, LaunchState, Lease, Verb

RECONCILER = Actor(ActorKind.SERVICE, "reconciler")


class Mend(StrEnum):
    """What was out of agreement, and is no more."""

    CONTAINER_REMOVED = "container-removed"  # a container of ours whose launch holds nothing
    LAUNCH_RELEASED = "launch-released"  # a launch whose container is gone, or has ended
    LEASE_ENDED = "lease-ended"  # a GPU held for a launch that holds nothing


@dataclass(frozen=True, slots=True)
class Mended:
    """One mend: what, and the launch (or, where it names none, the container) it is about."""

    mend: Mend
    subject: str


async def sweep(site: Site, *, booting: bool = False, dry_run: bool = False) -> tuple[Mended, ...]:
    """Mend everything of this node and say what was, or with `dry_run` what would be.

    `booting`: the Hub is not up, so that nobody starts anything; otherwise a launch that was admitted a
    short while ago may still be on its way, and is left alone. Raises EngineError, having changed nothing,
    where the engine cannot be read.
    """
    containers = await site.engine.listing({LABEL_INSTANCE: site.settings.instance})
    known, held = await asyncio.to_thread(_read, site)
    overdue = await asyncio.to_thread(_overdue, site, known.values())
    mends = [
        *_stray_containers(containers, known, booting=booting),
        *_lost_launches(site, containers, known, overdue, booting=booting),
        *_stray_leases(held, known),
    ]
    if dry_run:
        return tuple(mends)
    by_name = {_launch_of(container) or container.name: container.id for container in containers}
    return tuple([mended for mended in mends if await _mend(site, mended, by_name)])


def _read(site: Site) -> tuple[dict[str, Launch], tuple[Lease, ...]]:
    with site.store.reading() as tx:
        active = launches.listing(tx, node=site.settings.node, active=True)
        return {launch.id: launch for launch in active}, leases.active(tx, node=site.settings.node)


def _overdue(site: Site, active: Iterable[Launch]) -> frozenset[str]:
    """Launches whose stop was ordered, and is not done though it has had its time: the engine failed then."""
    limit = site.now() - timedelta(seconds=site.settings.stop_seconds + 2 * site.settings.engine_seconds)
    stopping = [launch.id for launch in active if launch.state is LaunchState.STOPPING]
    with site.store.reading() as tx:
        return frozenset(
            launch_id
            for launch_id in stopping
            if not audit.listing(tx, subject=launch_id, verb=Verb.LAUNCH_STOPPING, since=limit)
        )


def _launch_of(container: ContainerSummary) -> str:
    return container.labels.get(LABEL_LAUNCH, "")


def _stray_containers(
    containers: Iterable[ContainerSummary], active: dict[str, Launch], *, booting: bool
) -> list[Mended]:
    return [
        Mended(Mend.CONTAINER_REMOVED, _launch_of(container) or container.name)
        for container in containers
        if _launch_of(container) not in active
        and LABEL_PROBE not in container.labels
        # It lives for a second, in the hands of a start.
        and (booting or LABEL_SEED not in container.labels)
    ]


def _lost_launches(
    site: Site,
    containers: Iterable[ContainerSummary],
    active: dict[str, Launch],
    overdue: frozenset[str],
    *,
    booting: bool,
) -> list[Mended]:
    running = {_launch_of(container) for container in containers if container.state in ("running", "paused")}
    slowest_start = timedelta(seconds=site.settings.pull_seconds + site.settings.start_seconds)

    def lost(launch: Launch) -> bool:
        if booting:
            return launch.id not in running or launch.state is not LaunchState.RUNNING
        starts = launch.state is LaunchState.ADMITTED and site.now() - launch.admitted <= slowest_start
        under_way = starts or launch.state is LaunchState.STOPPING
        return launch.id in overdue or (launch.id not in running and not under_way)

    return [Mended(Mend.LAUNCH_RELEASED, launch.id) for launch in active.values() if lost(launch)]


def _stray_leases(held: Iterable[Lease], active: dict[str, Launch]) -> list[Mended]:
    return [
        Mended(Mend.LEASE_ENDED, launch_id)
        for launch_id in sorted({lease.launch_id for lease in held} - set(active))
    ]


async def _mend(site: Site, mended: Mended, container_ids: dict[str, str]) -> bool:
    """Whether it could be mended; what could not be is looked at again by the next sweep."""
    if mended.mend is Mend.LAUNCH_RELEASED:
        await launch_flow.release(site, mended.subject)
        active, _ = await asyncio.to_thread(_read, site)
        if mended.subject in active:
            return False
    elif mended.mend is Mend.CONTAINER_REMOVED:
        await site.engine.remove(container_ids[mended.subject])
    await asyncio.to_thread(_write_down, site, mended)
    return True


def _write_down(site: Site, mended: Mended) -> None:
    now = site.now()
    with site.store.transaction() as tx:
        if mended.mend is Mend.LEASE_ENDED:
            leases.end(tx, mended.subject, now)
        audit.append(
            tx,
            time=now,
            actor=RECONCILER,
            verb=Verb.RECONCILE_MENDED,
            subject=mended.subject,
            facts={"mend": mended.mend.value},
        )
