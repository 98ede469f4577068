"""The line for GPUs: whose turn it is, which GPUs are kept for whom, and by when somebody's turn comes.

Three kinds of rows, in this order:

called   their turn came: their GPUs are kept until their server has started
aged     they have waited for long: the oldest first, and free GPUs are kept back for them until they fit
others   the project that used least first, within a project first come first served; who does not fit is
         passed by who does

Whose limits allow no GPU now, who rests, and who asks for more than there are, keeps nothing and holds up
nobody. An aged row waits for no longer than those before it, and the leases that ran when
it aged, hold their GPUs; so nobody starves where leases end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub_ext.model import Gpu, Lease, Reason, ReasonCode
from hub_ext.model.queue import Line, Standing, Waiting, WaitingState
from hub_ext.policy import gpu_limits
from hub_ext.policy import gpus as gpu_shares

# Each GPU that a project holds, or is being given, counts as so many hours used: what is given in one moment
# is given in turns, before any hour of it has passed.
HELD_HOURS = 1.0
# An end that is further away, such as that of a right, tells nobody when to come back.
HORIZON = timedelta(days=30)
# The reasons of a refusal that pass by themselves once others give their GPUs back.
PASSING = frozenset({ReasonCode.GPUS_NONE_FREE, ReasonCode.GPUS_WAITED_FOR})
# With these, somebody whose turn had come stays in line all the same.
HOLDING = PASSING | {
    ReasonCode.GPUS_HELD,
    ReasonCode.GPU_HOURS_USED,
    ReasonCode.ALREADY_RUNNING,
    ReasonCode.OTHER_PROJECT_RUNNING,
    ReasonCode.BLOCKED,
}
# With these, its start is tried on for a while.
UNSURE = frozenset(
    {
        ReasonCode.SIGN_IN_OLD,
        ReasonCode.GROUP_UNKNOWN,
        ReasonCode.FOLDER_UNKNOWN,
        ReasonCode.DISK_UNKNOWN,
        ReasonCode.DISK_RESERVE,
    }
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Where one row stands: `kept` are the shares that nobody else may have now.

    `due`: it fits, and it is called now. `on_hold`: not before something else changes.
    """

    row: Waiting
    kept: tuple[tuple[Gpu, int], ...] = ()
    due: bool = False
    on_hold: bool = False


def turns(line: Line, gpus: Iterable[Gpu], leases: Iterable[Lease], now: datetime) -> tuple[Turn, ...]:
    """Every row in line, in the order in which they come."""
    gpus = tuple(gpus)
    working = _working(gpus)
    held = list(leases)
    free = gpu_shares.free(gpus, held)
    given: list[Waiting] = []
    found = []
    for row in _order(line, now, given):
        called = row.state is WaitingState.CALLED
        if row.id in line.resting or row.gpus > working or (not called and _limited(line, given, row)):
            found.append(Turn(row, on_hold=True))
            continue
        fits = len(free) >= row.gpus
        kept = free[: row.gpus] if fits or called or _aged(line, row, now) else ()
        if kept:
            held += _kept_leases(row, kept, now)
            free = gpu_shares.free(gpus, held)
        if fits or called:
            given.append(row)
        found.append(Turn(row, kept, due=fits and not called))
    return tuple(found)


def kept_from(
    line: Line, gpus: Iterable[Gpu], leases: Iterable[Lease], now: datetime, server: tuple[str, str]
) -> tuple[Lease, ...]:
    """What is kept for others than this server of this person, as if they held it already."""
    return tuple(
        lease
        for turn in turns(line, gpus, leases, now)
        if turn.row.server != server
        for lease in _kept_leases(turn.row, turn.kept, now)
    )


def reasons(
    line: Line,
    gpus: tuple[Gpu, ...],
    leases: tuple[Lease, ...],
    now: datetime,
    *,
    server: tuple[str, str],
    wanted: int,
) -> tuple[Reason, ...]:
    """Why that many GPUs cannot be had now for this server: none free, or free and kept for who waits."""
    if taken := gpu_shares.reasons(gpus, leases, wanted):
        return taken
    kept = kept_from(line, gpus, leases, now, server)
    if wanted == 0 or not gpu_shares.reasons(gpus, (*leases, *kept), wanted):
        return ()
    shown = (
        ("asked", wanted),
        ("free", len(gpu_shares.free(gpus, leases))),
        ("before", len({lease.launch_id for lease in kept})),
    )
    return (Reason(ReasonCode.GPUS_WAITED_FOR, "", shown),)


def waitable(gpus: Iterable[Gpu], wanted: int) -> bool:
    """Whether so many could be had at all, if nobody else held them."""
    return 0 < wanted <= _working(gpus)


def _working(gpus: Iterable[Gpu]) -> int:
    return len({gpu.device for gpu in gpus if gpu_shares.works(gpu)})


@dataclass(frozen=True, slots=True)
class Place:
    """`number` of `of` in line, from 1. `by`: its turn comes then at the latest, as things stand; None:
    nobody knows.
    """

    row: Waiting
    number: int
    of: int
    by: datetime | None
    on_hold: bool = False


def places(line: Line, gpus: Iterable[Gpu], leases: Iterable[Lease], now: datetime) -> tuple[Place, ...]:
    """Everybody's place, in order, and by when their turn comes if nobody joins the line before them.

    A lease without an end is one that never ends here: what is known is an end, never a hope. Nor is it told
    what lies beyond the `HORIZON`.
    """
    gpus, leases = tuple(gpus), tuple(leases)
    # Who is on hold is before nobody.
    standing = sorted(turns(line, gpus, leases, now), key=lambda turn: turn.on_hold)
    by = _called_by(line, gpus, leases, now)
    return tuple(
        Place(turn.row, number, len(standing), by.get(turn.row.id), turn.on_hold)
        for number, turn in enumerate(standing, start=1)
    )


def _called_by(
    line: Line, gpus: tuple[Gpu, ...], leases: tuple[Lease, ...], now: datetime
) -> dict[str, datetime]:
    """Goes on from end to end of a lease, as if each were kept to its end."""
    held = list(leases)
    at, left = now, line
    found: dict[str, datetime] = {}
    holding: dict[str, Waiting] = {}  # whose turn came here, and whose leases have not ended yet
    while True:
        for turn in turns(left, gpus, held, at):
            if turn.due or (turn.row.state is WaitingState.CALLED and not turn.on_hold):
                found[turn.row.id] = at
                holding[turn.row.id] = turn.row
                until = gpu_limits.lease_end(line.standings_of(turn.row), turn.row.gpus, at)
                held += [replace(lease, until=until) for lease in _kept_leases(turn.row, turn.kept, at)]
        ends = [lease.until for lease in held if lease.until is not None]
        rows = tuple(row for row in line.rows if row.id not in found)
        if not rows or not ends:
            return found
        end = min(ends)
        if end > now + HORIZON:
            return found
        held = [lease for lease in held if lease.until is None or lease.until > end]
        there = {lease.launch_id for lease in held}
        holding = {row_id: row for row_id, row in holding.items() if row_id in there}
        standings = tuple(_with(one, holding.values()) for one in line.standings)
        left = replace(line, rows=rows, standings=standings)
        at = max(at, end)


# --- the order ------------------------------------------------------------------------------------


def _order(line: Line, now: datetime, given: list[Waiting]) -> Iterator[Waiting]:
    """`given` grows while this goes on: what is given counts as used by its project."""
    rows = sorted(line.rows, key=_came)
    yield from (row for row in rows if row.state is WaitingState.CALLED)
    rest = [row for row in rows if row.state is not WaitingState.CALLED]
    yield from (row for row in rest if _aged(line, row, now))
    waiting: dict[str, list[Waiting]] = {}
    for row in rest:
        if not _aged(line, row, now):
            waiting.setdefault(row.project, []).append(row)
    used = dict.fromkeys(waiting, 0.0)
    used |= {one.project: one.hours + one.held * HELD_HOURS for one in line.used}
    for row in given:
        if row.project in used:
            used[row.project] += row.gpus * HELD_HOURS
    while waiting:
        project = min(waiting, key=lambda slug: (used[slug], _came(waiting[slug][0])))
        row = waiting[project].pop(0)
        if not waiting[project]:
            del waiting[project]
        # Who is passed by counts as served too: what is said of places holds while GPUs come free.
        used[project] += row.gpus * HELD_HOURS
        yield row


def _came(row: Waiting) -> tuple[datetime, str]:
    return row.asked, row.id


def _aged(line: Line, row: Waiting, now: datetime) -> bool:
    return now - row.asked >= line.aged_after


def _limited(line: Line, given: Iterable[Waiting], row: Waiting) -> bool:
    """Whether the limits of person or project allow it no GPU now, beside what is being given to them."""
    own = (one for one in line.standings if one.whose == row.holder(one.standing.kind))
    return bool(gpu_limits.reasons([_with(one, given).standing for one in own], row.gpus))


def _with(one: Standing, given: Iterable[Waiting]) -> Standing:
    """Where they stand once these have their GPUs."""
    theirs = sum(row.gpus for row in given if row.holder(one.standing.kind) == one.whose)
    return replace(one, standing=replace(one.standing, held=one.standing.held + theirs))


def _kept_leases(row: Waiting, kept: Iterable[tuple[Gpu, int]], now: datetime) -> list[Lease]:
    return [Lease(f"kept-{row.id}-{gpu.id}", gpu.id, share, row.id, now) for gpu, share in kept]
