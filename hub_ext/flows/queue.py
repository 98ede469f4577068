"""The line for GPUs: joined, called, started, put back, cancelled, failed; where everybody stands.

Rows in the store, and nothing else: whoever looks after the line goes on from them, whatever was killed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hub_ext.adapters.store import Tx, blocks, gpus, held_time, launches, leases, persons, queue
from hub_ext.errors import InputError
from hub_ext.flows import checks, outbox
from hub_ext.flows.gpu_limits import standing
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, ActorKind, Facts, LaunchRequest, Lease, Reason, ReasonCode, Refusal, Verb
from hub_ext.model.gpu_limits import LimitKind
from hub_ext.model.letters import LetterKind
from hub_ext.model.queue import Line, ProjectUse, Standing, Waiting, WaitingState
from hub_ext.phrase import Phrase
from hub_ext.policy import accounting
from hub_ext.policy import queue as policy
from hub_ext.policy.blocks import Touched, covering
from hub_ext.policy.queue import Place

SERVICE = Actor(ActorKind.SERVICE, "queue")

# A called row whose start the Hub answers and does not take for so long is called anew, so many times.
CALL_PATIENCE = timedelta(minutes=10)
MOST_CALLS = 3
# For how long somebody reads that their turn came in vain.
TOLD_FOR = timedelta(days=7)


# --- facts ----------------------------------------------------------------------------------------


def line(tx: Tx, site: Site) -> Line:
    """Who waits for this node's GPUs, and what their turns hang on."""
    rows = queue.living(tx, node=site.settings.node)
    aged_after = timedelta(seconds=site.settings.queue_aged_seconds)
    if not rows:
        return Line(aged_after=aged_after)
    people = {row.person_id for row in rows}
    projects = {row.project for row in rows}
    holders = [(LimitKind.PERSON, one) for one in people] + [(LimitKind.PROJECT, one) for one in projects]
    return Line(
        rows,
        standings=tuple(Standing(whose, standing(tx, site, kind, whose)) for kind, whose in holders),
        used=_used(tx, site, projects),
        resting=_resting(tx, site, rows),
        aged_after=aged_after,
    )


def _resting(tx: Tx, site: Site, rows: tuple[Waiting, ...]) -> frozenset[str]:
    active = launches.listing(tx, active=True)
    servers = {(one.person_id, one.server_name) for one in active}
    projects: dict[str, set[str]] = {}
    if site.settings.one_project_at_a_time:
        for one in active:
            projects.setdefault(one.person_id, set()).add(one.project)
    stopped = blocks.standing(tx, site.now())
    return frozenset(
        row.id
        for row in rows
        if row.server in servers
        or projects.get(row.person_id, set()) - {row.project}
        or covering(stopped, _touched(row), site.now())
    )


def _touched(row: Waiting) -> Touched:
    return Touched(row.person_id, row.project, row.datasets, row.environment, row.node)


def _used(tx: Tx, site: Site, projects: Iterable[str]) -> tuple[ProjectUse, ...]:
    now, zone = site.now(), ZoneInfo(site.settings.time_zone)
    month = accounting.month_of(now, zone)
    since = accounting.begin_of(month, zone)
    held = held_time.gpu_leases(tx, since, accounting.begin_of(month.plus(1), zone))
    found = accounting.accounts((), held, first=month, last=month, now=now, zone=zone)
    hours = {one.project: one.gpu_hours for one in accounting.totals(found, by_project=True)}
    return tuple(
        ProjectUse(slug, hours.get(slug, 0.0), held_time.gpus_held(tx, project=slug))
        for slug in sorted(projects)
    )


def places(site: Site) -> tuple[Place, ...]:
    """Everybody's place in line, and by when their turn comes at the latest as things stand."""
    with site.store.reading() as tx:
        return _places(tx, site)


def _places(tx: Tx, site: Site) -> tuple[Place, ...]:
    waiting = line(tx, site)
    if not waiting.rows:
        return ()
    node = site.settings.node
    held = [_ending(tx, lease) for lease in leases.active(tx, node=node)]
    return policy.places(waiting, gpus.listing(tx, node=node), held, site.now())


def _ending(tx: Tx, lease: Lease) -> Lease:
    """The lease with the end that it has at the latest: its own, or that of a right of its launch."""
    ends = (lease.until, launches.get(tx, lease.launch_id).expires_at)
    return replace(lease, until=min((end for end in ends if end), default=None))


@dataclass(frozen=True, slots=True)
class Own:
    """What one person is told: their places, and turns that came in vain not long ago."""

    places: tuple[Place, ...] = ()
    failed: tuple[Waiting, ...] = ()


def own(site: Site, person_id: str) -> Own:
    """Where that person stands with each of their servers."""
    with site.store.reading() as tx:
        rows = queue.last_of(tx, person_id)
        if not rows:
            return Own()
        mine = [place for place in _places(tx, site) if place.row.person_id == person_id]
        return Own(tuple(mine), tuple(row for row in rows if _in_vain(tx, row, site.now())))


def _in_vain(tx: Tx, row: Waiting, now: datetime) -> bool:
    if row.state is not WaitingState.FAILED or row.ended is None or now - row.ended > TOLD_FOR:
        return False
    last = launches.last_of(tx, row.person_id, row.server_name)
    return last is None or last.admitted < row.ended


# --- in the transaction of a launch ---------------------------------------------------------------


def join(tx: Tx, site: Site, actor: Actor, request: LaunchRequest, known: Facts) -> Refusal:
    """Takes a request into line that only lacks free GPUs: the refusal that says its place, or that the
    line is full.

    Who stands in line with this server already keeps their place, with the new choice; for more GPUs, or in
    another project, they come last.
    """
    before = queue.of_server(tx, request.person_id, request.server_name)
    if before is None and (full := _full(tx, site, request.person_id)):
        return Refusal((full,))
    wanted = _row(tx, site, request, known.now)
    if before is None:
        queue.add(tx, wanted)
        _record(tx, site, actor, Verb.QUEUE_JOINED, wanted, **_choice(wanted))
    else:
        keeps = wanted.project == before.project and wanted.gpus <= before.gpus
        kept = replace(wanted, id=before.id, asked=before.asked if keeps else known.now, calls=before.calls)
        if _choice(kept) != _choice(before) or before.state is not WaitingState.WAITING:
            queue.replace(tx, kept)
            _record(tx, site, actor, Verb.QUEUE_JOINED, kept, **_choice(kept))
        wanted = kept
    place = next(one for one in _places(tx, site) if one.row.id == wanted.id)
    by = (("by", place.by),) if place.by else ()
    shown = (("asked", wanted.gpus), ("place", place.number), ("of", place.of), *by)
    return Refusal((Reason(ReasonCode.GPUS_IN_LINE, wanted.server_name, shown),))


def _full(tx: Tx, site: Site, person_id: str) -> Reason | None:
    rows = queue.living(tx)
    own = sum(row.person_id == person_id for row in rows)
    bounds = (
        ("you", own, site.settings.queue_most_person),
        ("site", len(rows), site.settings.queue_most),
    )
    for holder, there, most in bounds:
        if there >= most:
            return Reason(ReasonCode.LINE_FULL, "", (("holder", holder), ("ceiling", most)))
    return None


def _row(tx: Tx, site: Site, request: LaunchRequest, now: datetime) -> Waiting:
    return Waiting(
        id=new_id("que"),
        person_id=request.person_id,
        username=persons.get(tx, request.person_id).username,
        server_name=request.server_name,
        project=request.project,
        node=site.settings.node,
        environment=request.environment,
        datasets=request.datasets,
        size=request.size,
        gpus=request.gpus,
        state=WaitingState.WAITING,
        asked=now,
    )


def called(tx: Tx, actor: Actor, request: LaunchRequest) -> bool:
    """Whether this start may go on: by anybody but the line's service, or of a row that is called still."""
    if not of_service(actor):
        return True
    row = queue.of_server(tx, request.person_id, request.server_name)
    return row is not None and row.state is WaitingState.CALLED


def started(tx: Tx, site: Site, actor: Actor, request: LaunchRequest) -> None:
    """The launch of a server that stands in line was admitted with GPUs: its row has what it waited for."""
    row = queue.of_server(tx, request.person_id, request.server_name)
    if row is None or request.gpus == 0:
        return
    now = site.now()
    queue.replace(tx, replace(row, state=WaitingState.STARTED, launch_id=request.launch_id, ended=now))
    waited = round((now - row.asked).total_seconds())
    _record(tx, site, actor, Verb.QUEUE_STARTED, row, launch=request.launch_id, waited_seconds=waited)
    if of_service(actor):
        outbox.tell(tx, site, LetterKind.QUEUE_STARTED, [row.person_id], "queue")


def refused(
    tx: Tx, site: Site, actor: Actor, person_id: str, server_name: str, reasons: tuple[Reason, ...]
) -> None:
    """The start of a called row was refused: it goes on waiting where that passes by itself, else it ends."""
    row = queue.of_server(tx, person_id, server_name)
    if row is None or row.state is not WaitingState.CALLED or not of_service(actor):
        return
    codes = {reason.code for reason in reasons}
    if policy.HOLDING.issuperset(codes):
        _put_back(tx, site, row, reasons)
    elif policy.UNSURE.issuperset(codes):
        _tried(tx, site, row, reasons)
    else:
        _fail(tx, site, row, reasons)


def of_service(actor: Actor) -> bool:
    """Whether the line's service acts, for whomever."""
    return (actor.kind, actor.id) == (SERVICE.kind, SERVICE.id)


# --- the service's part ---------------------------------------------------------------------------


def call(site: Site) -> tuple[Waiting, ...]:
    """Calls whose turn it is; every row that is called, and so is to be started."""
    node = site.settings.node
    with site.store.reading() as tx:
        rows = queue.living(tx, node=node)
        # Asked every few seconds: where nothing changes, nobody waits for a transaction.
        if not rows or not _changes(tx, site):
            return tuple(row for row in rows if row.state is WaitingState.CALLED)
    with site.store.transaction() as tx:
        for row in _changes(tx, site):
            if row.state is WaitingState.CALLED:
                _put_back(tx, site, row, ())
            else:
                after = replace(row, state=WaitingState.CALLED, called=site.now(), calls=row.calls + 1)
                queue.replace(tx, after)
                _record(tx, site, SERVICE, Verb.QUEUE_CALLED, after, gpus=row.gpus, calls=after.calls)
        rows = queue.living(tx, node=node)
    return tuple(row for row in rows if row.state is WaitingState.CALLED)


def _changes(tx: Tx, site: Site) -> list[Waiting]:
    """Rows whose turn it is, and called ones that cannot be started now after all."""
    node = site.settings.node
    held = leases.active(tx, node=node)
    told = policy.turns(line(tx, site), gpus.listing(tx, node=node), held, site.now())
    return [turn.row for turn in told if turn.due or (turn.on_hold and turn.row.state is WaitingState.CALLED)]


def not_taken(site: Site, row_id: str, code: ReasonCode | None = None) -> None:
    """The Hub answered, and did not start a called row's server: for good, where `code` says why.

    Else it is tried on for `CALL_PATIENCE`, put back into line, and called anew, `MOST_CALLS` times in all.
    """
    with site.store.transaction() as tx:
        row = queue.find(tx, row_id)
        if row is None or row.state is not WaitingState.CALLED:
            return
        if code is not None:
            _fail(tx, site, row, (Reason(code),))
        else:
            _tried(tx, site, row, (Reason(ReasonCode.START_NOT_TAKEN),))


def _tried(tx: Tx, site: Site, row: Waiting, reasons: tuple[Reason, ...]) -> None:
    if row.called is None or site.now() - row.called < CALL_PATIENCE:
        return
    if row.calls < MOST_CALLS:
        _put_back(tx, site, row, reasons)
    else:
        _fail(tx, site, row, reasons)


def _put_back(tx: Tx, site: Site, row: Waiting, reasons: tuple[Reason, ...]) -> None:
    queue.replace(tx, replace(row, state=WaitingState.WAITING, called=None))
    _record(tx, site, SERVICE, Verb.QUEUE_PUT_BACK, row, reasons=_codes(reasons))


def _fail(tx: Tx, site: Site, row: Waiting, reasons: tuple[Reason, ...]) -> None:
    queue.replace(tx, replace(row, state=WaitingState.FAILED, ended=site.now(), why=reasons))
    _record(tx, site, SERVICE, Verb.QUEUE_FAILED, row, reasons=_codes(reasons))
    outbox.tell(tx, site, LetterKind.QUEUE_FAILED, [row.person_id], "queue")


def _codes(reasons: tuple[Reason, ...]) -> list[str]:
    return sorted({reason.code.value for reason in reasons})


# --- by people ------------------------------------------------------------------------------------


def cancel(site: Site, actor: Actor, row_id: str, why: str = "") -> Waiting:
    """Takes a request out of line; its person needs no reason, everybody else gives one, which they read.

    Raises NotFound, and InputError where it waits no more, or the reason is missing.
    """
    with site.store.transaction() as tx:
        row = queue.get(tx, row_id)
        own = actor == Actor(ActorKind.PERSON, row.person_id)
        why = checks.line(why, Phrase("reason"), most=500, required=not own)
        if not row.state.living:
            raise InputError("This request does not wait in line any more.")
        after = replace(row, state=WaitingState.CANCELLED, ended=site.now(), said=why)
        queue.replace(tx, after)
        _record(tx, site, actor, Verb.QUEUE_CANCELLED, row, **({"why": why} if why else {}))
    return after


def whose(site: Site, row_id: str) -> str:
    """The id of the person who waits. Raises NotFound."""
    with site.store.reading() as tx:
        return queue.get(tx, row_id).person_id


def _choice(row: Waiting) -> dict[str, object]:
    return {
        "image": row.environment,
        "datasets": row.datasets,
        "size": row.size,
        "gpus": row.gpus,
        "asked": row.asked,
    }


def _record(tx: Tx, site: Site, actor: Actor, verb: Verb, row: Waiting, **facts: object) -> None:
    about = {"person": row.person_id, "project": row.project, "server": row.server_name}
    site.record(tx, actor, verb, row.id, about | facts)
