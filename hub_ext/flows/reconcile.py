"""Compares what the store says with what the engine runs, and mends.

The engine's list of containers is read first: an engine that is down, slow or fails raises, and nothing is
mended. Unknown is not gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from hub_ext.adapters import launch_secrets, session_files
from hub_ext.adapters.engine import (
    LABEL_INSTANCE,
    LABEL_PROBE,
    LABEL_SEED,
    PROBE,
    RUNNING,
    ContainerSummary,
    EngineAnswered,
)
from hub_ext.adapters.store import Tx, audit, launches, leases
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows.launch import end
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Launch, LaunchState, Lease, StopReason, Verb

RECONCILER = Actor(ActorKind.SERVICE, "reconciler")
# A stop that was ordered has the server's time to save, and this long beside it.
STOP_PATIENCE = timedelta(seconds=5)
# A volume is seeded in a second, and a probe has a minute: what is older was left behind.
SEED_HOLDS = timedelta(seconds=30)
PROBE_HOLDS = timedelta(minutes=15)
# What cannot be mended is tried again at each sweep, and written down once a day.
SAID_HOLDS = timedelta(days=1)


class Mend(StrEnum):
    """What was out of agreement, and is no more."""

    CONTAINER_REMOVED = "container-removed"  # a container of ours whose launch holds nothing
    LAUNCH_RELEASED = "launch-released"  # a launch whose container is gone, or has ended
    LAUNCH_FORGOTTEN = "launch-forgotten"  # a launch that runs, and that no server of the Hub is
    LEASE_ENDED = "lease-ended"  # a GPU held for a launch that holds nothing
    FIREWALL_RESTORED = "firewall-restored"  # rules that were missing, altered or not asked first


@dataclass(frozen=True, slots=True)
class Mended:
    """One mend: what, and the launch (or, where it names none, the container) it is about."""

    mend: Mend
    subject: str


@dataclass(frozen=True, slots=True)
class View:
    """What one sweep compares. `overdue` are launches whose stop was ordered, and should be done by now."""

    containers: tuple[ContainerSummary, ...]
    active: dict[str, Launch]
    held: tuple[Lease, ...]
    overdue: frozenset[str]

    def only(self, launch_id: str) -> View:
        """The same of one launch."""
        return View(
            tuple(container for container in self.containers if launch_of(container) == launch_id),
            {known: launch for known, launch in self.active.items() if known == launch_id},
            tuple(lease for lease in self.held if lease.launch_id == launch_id),
            self.overdue,
        )


async def sweep(
    site: Site,
    *,
    hub_since: datetime | None = None,
    forgotten: Collection[str] = (),
    only: str = "",
    actor: Actor = RECONCILER,
    dry_run: bool = False,
) -> tuple[Mended, ...]:
    """Mend everything of this node, or of the launch `only`; what was, or with `dry_run` would be mended.

    `hub_since` is when the present Hub began: whatever was under way before that has nobody to finish it.
    Otherwise what was begun a short while ago is left alone. `forgotten` are launches of which the Hub has
    long known nothing. Raises EngineError, having changed nothing, where the engine cannot be read.
    """
    containers = await site.engine.listing({LABEL_INSTANCE: site.settings.instance})
    view = await asyncio.to_thread(_read, site, containers, hub_since)
    if only:
        view = view.only(only)
    mends = [
        *_stray_containers(site, view, hub_since),
        *_lost_launches(site, view, hub_since, frozenset(forgotten)),
        *_stray_leases(view),
    ]
    if dry_run:
        return tuple(mends)
    if not only:
        await in_store(lambda: _forget_files(site))
    ids = {launch_of(container) or container.name: container.id for container in containers}
    return tuple([mended for mended in mends if await _mend(site, actor, mended, ids)])


def _read(site: Site, containers: tuple[ContainerSummary, ...], hub_since: datetime | None) -> View:
    patience = timedelta(seconds=site.settings.stop_seconds) + STOP_PATIENCE
    limit = max(site.now() - patience, hub_since or datetime.min.replace(tzinfo=UTC))
    with site.store.reading() as tx:
        active = {known.id: known for known in launches.listing(tx, node=site.settings.node, active=True)}
        overdue = frozenset(
            launch.id
            for launch in active.values()
            if launch.state is LaunchState.STOPPING
            and not audit.listing(tx, subject=launch.id, verb=Verb.LAUNCH_STOPPING, since=limit)
        )
        return View(containers, active, leases.active(tx, node=site.settings.node), overdue)


def _forget_files(site: Site) -> None:
    """Removes secrets and facts of launches that hold nothing: whoever ended them may have been killed."""
    for launch_id in launch_secrets.launch_ids(site.settings) | session_files.launch_ids(site.settings):
        # Read one by one, after the listing: a launch that begins meanwhile is active before it has files.
        with site.store.reading() as tx:
            launch = launches.find(tx, launch_id)
        if launch is None or not launch.state.active:
            end.forget_files(site, launch_id)


def launch_of(container: ContainerSummary) -> str:
    """The id of the launch that the container is; "" for one that is none."""
    return container.labels.get(LABEL_LAUNCH, "")


def _stray_containers(site: Site, view: View, hub_since: datetime | None) -> list[Mended]:
    def stray(container: ContainerSummary) -> bool:
        age = site.now() - container.created
        if LABEL_PROBE in container.labels:
            # A check of an image has a sweep of its own, which takes its volumes along.
            return container.labels[LABEL_PROBE] == PROBE and age > PROBE_HOLDS
        if LABEL_SEED in container.labels:
            return age > SEED_HOLDS or (hub_since is not None and container.created < hub_since)
        return launch_of(container) not in view.active

    return [
        Mended(Mend.CONTAINER_REMOVED, launch_of(container) or container.name)
        for container in view.containers
        if stray(container)
    ]


def _lost_launches(
    site: Site, view: View, hub_since: datetime | None, forgotten: frozenset[str]
) -> list[Mended]:
    running = {launch_of(container) for container in view.containers if container.state in RUNNING}
    slowest_start = timedelta(seconds=site.settings.pull_seconds + site.settings.start_seconds)

    def lost(launch: Launch) -> bool:
        if launch.state is LaunchState.STOPPING:
            return launch.id in view.overdue
        if launch.state is LaunchState.ADMITTED:
            if hub_since is not None and launch.admitted < hub_since:
                return True
            return launch.id not in running and site.now() - launch.admitted > slowest_start
        return launch.id not in running

    released = [launch.id for launch in view.active.values() if lost(launch)]
    alive = [
        launch.id
        for launch in view.active.values()
        if launch.state is LaunchState.RUNNING and launch.id in forgotten and launch.id not in released
    ]
    return [
        *(Mended(Mend.LAUNCH_RELEASED, launch_id) for launch_id in released),
        *(Mended(Mend.LAUNCH_FORGOTTEN, launch_id) for launch_id in alive),
    ]


def _stray_leases(view: View) -> list[Mended]:
    stray = {lease.launch_id for lease in view.held} - set(view.active)
    return [Mended(Mend.LEASE_ENDED, launch_id) for launch_id in sorted(stray)]


async def _mend(site: Site, actor: Actor, mended: Mended, container_ids: dict[str, str]) -> bool:
    """Whether it was mended here; what could not be is looked at again by the next sweep."""
    if mended.mend is Mend.LEASE_ENDED:
        await in_store(lambda: _end_leases(site, actor, mended))
        return True
    if mended.mend is Mend.CONTAINER_REMOVED:
        return await _remove(site, actor, mended, container_ids[mended.subject])
    if mended.mend is Mend.LAUNCH_FORGOTTEN:
        await in_store(lambda: _announce(site, actor, mended.subject))
    return await end.release(
        site, mended.subject, actor, beside=lambda tx: _write_down(tx, site, actor, mended)
    )


async def _remove(site: Site, actor: Actor, mended: Mended, container_id: str) -> bool:
    try:
        if await site.engine.inspect(container_id) is None:
            return False  # somebody else was quicker
        # Before it is done: whoever is killed in between has not removed anything unsaid.
        await in_store(lambda: _say(site, actor, mended))
        await site.engine.remove(container_id)
    except EngineAnswered:
        return False  # this one is stuck; the others are not
    return True


def _announce(site: Site, actor: Actor, launch_id: str) -> None:
    with site.store.transaction() as tx:
        launch = launches.find(tx, launch_id)
        if launch is not None and launch.state is LaunchState.RUNNING:
            end.announce(tx, site, launch, StopReason.HUB_LOST, actor)


def _end_leases(site: Site, actor: Actor, mended: Mended) -> None:
    with site.store.transaction() as tx:
        leases.end(tx, mended.subject, site.now())
        _write_down(tx, site, actor, mended)


def _say(site: Site, actor: Actor, mended: Mended) -> None:
    with site.store.transaction() as tx:
        said = audit.listing(
            tx, subject=mended.subject, verb=Verb.RECONCILE_MENDED, since=site.now() - SAID_HOLDS
        )
        if not any(event.facts["mend"] == mended.mend for event in said):
            _write_down(tx, site, actor, mended)


def _write_down(tx: Tx, site: Site, actor: Actor, mended: Mended) -> None:
    site.record(tx, actor, Verb.RECONCILE_MENDED, mended.subject, {"mend": mended.mend.value})
