"""Ends of rights as they come: which sessions they end and why, written down first; warnings before them.

What this module writes down is carried out by `services.revocation`. Rights that nobody knows to have ended
end nothing, and an end is never braked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_ext.adapters.store import Tx, audit, launches
from hub_ext.adapters.store.facts import timestamp
from hub_ext.flows.causes import causes
from hub_ext.flows.launch import facts as launch_facts
from hub_ext.flows.launch.end import announce, container_name, finish
from hub_ext.flows.launch.session import end_of_rights
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Launch, LaunchState, StopReason, Verb
from hub_ext.model.session_facts import EndAhead
from hub_ext.policy.launch import coverage, stop_reason

REVOCATION = Actor(ActorKind.SERVICE, "revocation")
WARN_MINUTES = (60, 15, 5)
# What is pursued until the container is gone, whoever ordered it. Idle servers are the culler's.
PURSUED = frozenset(
    {
        StopReason.RIGHT_ENDED,
        StopReason.LEASE_ENDED,
        StopReason.BLOCKED,
        StopReason.QUARANTINED,
        StopReason.IMAGE_UNSAFE,
        StopReason.OPERATOR,
    }
)
# In one transaction: whoever else writes waits for its end.
AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Looked:
    """What a whole look found: the launches announced, and when the next right ends of those that go on."""

    announced: tuple[Launch, ...]
    next_end: datetime | None


def head(site: Site) -> int:
    """The number of the newest event: nothing that ends a right changes without one."""
    with site.store.reading() as tx:
        return audit.head(tx)[0]


def announce_ends(site: Site) -> Looked:
    """Looks at every launch of this node that is being started or runs; writes down why some must end.

    Also who has to be warned. What is written is judged again in the transaction that writes it.
    """
    with site.store.reading() as tx:
        held = list(_living(tx, site))
        judged = {launch.id: end_of_rights(tx, launch, site.now()) for launch in held}
        ends = [end for end in judged.values() if end is not None]
        now = site.now()
        doomed = [one.id for one in held if (end := judged[one.id]) and end.at <= now]
        due = [one.id for one in held if (end := judged[one.id]) and _step(end.at, now) and end.at > now]
        due = [launch_id for launch_id in due if not _warned(tx, launch_id, judged[launch_id], now)]
    announced = tuple(launch for part in _parts(doomed) for launch in _announce(site, part))
    for part in _parts(due):
        _warn(site, part)
    return Looked(announced, min((end.at for end in ends if end.at > now), default=None))


def unfinished(site: Site) -> tuple[Launch, ...]:
    """Launches of this node that are to end and still hold what they were given."""
    with site.store.reading() as tx:
        active = launches.listing(tx, node=site.settings.node, active=True)
    return tuple(
        launch for launch in active if launch.state is LaunchState.STOPPING and launch.stop_reason in PURSUED
    )


def has_ended(site: Site, launch_id: str) -> bool:
    """Whether the launch holds nothing any more."""
    with site.store.reading() as tx:
        launch = launches.find(tx, launch_id)
    return launch is None or not launch.state.active


async def end_directly(site: Site, launch_id: str) -> None:
    """Stops the container itself and ends the launch: for when the Hub does not. Raises EngineError."""
    await stop_container(site, launch_id)
    await finish(site, launch_id, REVOCATION)


async def stop_container(site: Site, launch_id: str) -> None:
    """Stops the container, if it runs; whoever started it finds it so. Raises EngineError."""
    await site.engine.stop(container_name(site, launch_id), site.settings.stop_seconds)


def end_ahead(tx: Tx, launch: Launch, now: datetime) -> EndAhead | None:
    """The end of a launch's rights where it is near enough for a warning, or has come; else None."""
    if launch.state not in (LaunchState.ADMITTED, LaunchState.RUNNING):
        return None
    return if_near(end_of_rights(tx, launch, now), now)


def if_near(end: EndAhead | None, now: datetime) -> EndAhead | None:
    """The end where it is near enough for a warning, or has come; else None."""
    return end if end is not None and _step(end.at, now) else None


def ends_ahead(tx: Tx, active: Iterable[Launch], now: datetime) -> dict[str, EndAhead]:
    """Of these launches, by id, the ends of which somebody has been warned and that still stand.

    Only what was warned of is looked at: many open pages ask this, about many sessions.
    """
    since = now - timedelta(minutes=max(WARN_MINUTES) + 1)
    warned = {event.subject for event in audit.listing(tx, verb=Verb.LAUNCH_WARNED, since=since)}
    found = {one.id: end_ahead(tx, one, now) for one in active if one.id in warned}
    return {launch_id: end for launch_id, end in found.items() if end is not None}


def _living(tx: Tx, site: Site) -> Iterable[Launch]:
    active = launches.listing(tx, node=site.settings.node, active=True)
    return (launch for launch in active if launch.state in (LaunchState.ADMITTED, LaunchState.RUNNING))


def _step(end: datetime, now: datetime) -> int:
    """Minutes of the warning that is due; 0 where none is."""
    return min((step for step in WARN_MINUTES if end - now <= timedelta(minutes=step)), default=0)


def _warned(tx: Tx, launch_id: str, end: EndAhead | None, now: datetime) -> bool:
    """Whether the record holds this warning, or a later one, of this very end."""
    return end is not None and any(
        event.facts["ends"] == timestamp(end.at) and event.facts["minutes"] <= _step(end.at, now)
        for event in audit.listing(tx, subject=launch_id, verb=Verb.LAUNCH_WARNED)
    )


def _announce(site: Site, launch_ids: Iterable[str]) -> list[Launch]:
    found = []
    with site.store.transaction() as tx:
        for launch_id in launch_ids:
            launch, now = launches.get(tx, launch_id), site.now()
            if launch.state not in (LaunchState.ADMITTED, LaunchState.RUNNING):
                continue
            reasons = coverage(launch, launch_facts.live(tx, launch, now)).reasons
            if reasons:
                facts = {"cause": causes(tx, launch, reasons)}
                found.append(announce(tx, site, launch, stop_reason(reasons), REVOCATION, facts=facts))
    return found


def _warn(site: Site, launch_ids: Iterable[str]) -> None:
    with site.store.transaction() as tx:
        for launch_id in launch_ids:
            launch, now = launches.get(tx, launch_id), site.now()
            end = end_ahead(tx, launch, now)
            if end is None or end.at <= now or _warned(tx, launch_id, end, now):
                continue
            facts = {
                "person": launch.person_id,
                "project": launch.project,
                "ends": end.at,
                "minutes": _step(end.at, now),
                "cause": causes(tx, launch, end.reasons),
            }
            site.record(tx, REVOCATION, Verb.LAUNCH_WARNED, launch.id, facts)


def _parts(ids: list[str]) -> Iterable[list[str]]:
    return (ids[begin : begin + AT_ONCE] for begin in range(0, len(ids), AT_ONCE))
