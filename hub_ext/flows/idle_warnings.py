"""Warnings before a server is stopped for idleness, and the time that its person may ask for then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from hub_ext.adapters.store import Tx, extensions, idle_warnings, launches
from hub_ext.errors import InputError
from hub_ext.flows.cull import CULLER
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Launch, Verb
from hub_ext.model.idleness import IdleWarning, StopAhead, TimeExtension
from hub_ext.policy.idle import Verdict, Warn

# A time that moves by less is the same warning.
SAME = timedelta(minutes=1)


def write_down(site: Site, judged: Iterable[tuple[Launch, Verdict]]) -> None:
    """Keeps the warnings that stand now in place of the former ones; a new one is on the record."""
    due = {launch.id: (launch, verdict) for launch, verdict in judged if isinstance(verdict, Warn)}
    with site.store.reading() as tx:
        standing = {known.launch_id: known for known in idle_warnings.listing(tx)}
    over = standing.keys() - due.keys()
    new = {one: pair for one, pair in due.items() if not _same(standing.get(one), pair[1])}
    if not over and not new:
        return
    with site.store.transaction() as tx:
        if over:
            idle_warnings.remove(tx, over)
        for launch, verdict in new.values():
            _warn(tx, site, launch, verdict, standing.get(launch.id))


def ahead(tx: Tx, site: Site, launch: Launch) -> StopAhead:
    """The stop that is ahead of that launch's server, and the time that may be asked for."""
    warning = idle_warnings.find(tx, launch.id)
    made = extensions.listing(tx, launch.id)
    return StopAhead(
        warning.reason if warning else None,
        warning.at if warning else None,
        max(site.settings.extensions_most - len(made), 0),
        site.settings.extension_seconds,
        made[-1].until if made else None,
    )


def active(site: Site, launch_id: str) -> Launch | None:
    """The launch of that id while it holds anything."""
    with site.store.reading() as tx:
        launch = launches.find(tx, launch_id)
    return launch if launch and launch.state.active else None


def extend(site: Site, actor: Actor, launch_id: str) -> TimeExtension:
    """More time from now on, for a server that was warned; its person is on the record as having asked.

    Raises NotFound, and InputError where nothing is about to end or no more may be asked for.
    """
    with site.store.transaction() as tx:
        launch = launches.get(tx, launch_id)
        stop = ahead(tx, site, launch)
        if stop.at is None or not launch.state.active:
            raise InputError("This server is not about to be stopped.", advice="There is nothing to extend.")
        if not stop.left:
            raise InputError(
                "More time was asked for as often as is allowed here ({most}).",
                advice="Use the server, or save your work: home and project folder are kept.",
                most=site.settings.extensions_most,
            )
        now = site.now()
        number = len(extensions.listing(tx, launch_id)) + 1
        made = TimeExtension(
            launch_id, number, max(stop.at, now) + timedelta(seconds=stop.seconds), now, actor.id
        )
        extensions.add(tx, made)
        idle_warnings.remove(tx, [launch_id])
        facts = {
            **{"person": launch.person_id, "project": launch.project, "reason": stop.reason},
            **{"until": made.until, "number": number},
        }
        site.record(tx, actor, Verb.LAUNCH_EXTENDED, launch_id, facts)
    return made


def _same(standing: IdleWarning | None, verdict: Verdict) -> bool:
    assert isinstance(verdict, Warn)
    return standing is not None and standing.reason is verdict.reason and abs(standing.at - verdict.at) < SAME


def _warn(tx: Tx, site: Site, launch: Launch, verdict: Warn, standing: IdleWarning | None) -> None:
    made = IdleWarning(launch.id, verdict.reason, verdict.at, standing.since if standing else site.now())
    (idle_warnings.replace if standing else idle_warnings.add)(tx, made)
    if standing is not None and standing.reason is verdict.reason:
        return  # the same warning, of another minute
    facts = {
        **{"person": launch.person_id, "project": launch.project},
        **{"reason": verdict.reason, "at": verdict.at},
    }
    site.record(tx, CULLER, Verb.CULL_WARNED, launch.id, facts)
