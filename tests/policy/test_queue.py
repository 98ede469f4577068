"""The line for GPUs: fair, and without idle shares, whoever waits.

What comes of it in weeks is in test_queue_weeks.py.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import Gpu, GpuHealth, Lease, ReasonCode
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind
from hub_ext.model.queue import Line, ProjectUse, Standing, Waiting, WaitingState
from hub_ext.policy import gpus as shares
from hub_ext.policy.queue import kept_from, places, reasons, turns, waitable

from .worlds import NOW, gpu, lease, row

HOUR = timedelta(hours=1)
AGED = timedelta(hours=12)


def line(*rows: Waiting, **more: object) -> Line:
    return Line(rows, aged_after=AGED, **more)


def cards(number: int, shares: int = 1) -> tuple[Gpu, ...]:
    return tuple(gpu(one, shares=shares) for one in range(number))


def held(number: int, *, hours: float | None = None) -> Lease:
    """The first share of that card, until then."""
    until = None if hours is None else NOW + hours * HOUR
    return replace(lease(number), gpu_id=gpu(number).id, share=0, launch_id=f"lau-{number}", until=until)


def due(line: Line, gpus: tuple[Gpu, ...], leases: tuple[Lease, ...] = ()) -> list[str]:
    return [turn.row.id for turn in turns(line, gpus, leases, NOW) if turn.due]


# --- whose turn it is ------------------------------------------------------------------------------


def test_the_project_that_used_least_goes_first_and_within_it_who_came_first() -> None:
    rows = (row(1, "a", waited=5), row(2, "b", waited=1), row(3, "b", waited=2))
    used = (ProjectUse("a", 10.0, 0), ProjectUse("b", 2.0, 1))
    assert due(line(*rows, used=used), cards(1)) == ["que-0003"]
    assert due(line(*rows, used=used), cards(2)) == ["que-0003", "que-0002"]
    # What is given in one moment is given in turns.
    assert due(line(*rows), cards(2)) == ["que-0001", "que-0003"]


def test_smaller_ones_pass_until_the_larger_one_is_aged() -> None:
    small, large = row(1, waited=1), row(2, gpus=2, waited=11)
    one_free = (held(1),)
    assert due(line(small, large), cards(2), one_free) == ["que-0001"]
    aged = replace(large, asked=NOW - AGED)
    told = turns(line(small, aged), cards(2), one_free, NOW)
    assert [(turn.row.id, len(turn.kept), turn.due) for turn in told] == [
        ("que-0002", 1, False),
        ("que-0001", 0, False),
    ]
    assert due(line(small, aged), cards(2)) == ["que-0002"]


def test_who_is_called_keeps_their_gpus_and_everybody_else_counts_them_as_taken() -> None:
    called = row(1, state=WaitingState.CALLED, called=NOW)
    waiting = line(called)
    told = reasons(waiting, cards(2), (), NOW, server=("per-9", ""), wanted=2)
    assert [(one.code, dict(one.shown)) for one in told] == [
        (ReasonCode.GPUS_WAITED_FOR, {"asked": 2, "free": 2, "before": 1})
    ]
    assert reasons(waiting, cards(2), (), NOW, server=("per-9", ""), wanted=1) == ()
    assert reasons(waiting, cards(1), (), NOW, server=("per-1", "other"), wanted=1) != ()
    assert reasons(waiting, cards(1), (), NOW, server=called.server, wanted=1) == ()
    assert reasons(waiting, cards(1), (), NOW, server=("per-9", ""), wanted=0) == ()
    taken = reasons(waiting, cards(1), (held(0),), NOW, server=called.server, wanted=1)
    assert [one.code for one in taken] == [ReasonCode.GPUS_NONE_FREE]


def test_nobody_overtakes_who_fits_and_has_not_been_called_yet() -> None:
    told = reasons(line(row(1)), cards(1), (), NOW, server=("per-9", ""), wanted=1)
    assert [one.code for one in told] == [ReasonCode.GPUS_WAITED_FOR]


@pytest.mark.parametrize(
    "held_up",
    [
        line(
            row(1, waited=100),
            row(2, "b"),
            standings=(Standing("p0", GpuStanding(LimitKind.PROJECT, GpuLimits(held=1), 1)),),
        ),
        line(
            row(1, waited=100),
            row(2, "b"),
            standings=(Standing("per-1", GpuStanding(LimitKind.PERSON, GpuLimits(month_hours=5.0), 0, 5.0)),),
        ),
        line(row(1, waited=100, gpus=2), row(2, "b")),
        line(row(1, waited=100), row(2, "b"), resting=frozenset({"que-0001"})),
        line(row(1, waited=100, state=WaitingState.CALLED), row(2, "b"), resting=frozenset({"que-0001"})),
    ],
    ids=["project-holds", "month-used", "more-than-there-are", "rests", "called-and-rests"],
)
def test_who_may_have_none_now_holds_up_nobody(held_up: Line) -> None:
    assert due(held_up, cards(1)) == ["que-0002"]
    assert [place.row.id for place in places(held_up, cards(1), (), NOW)] == ["que-0002", "que-0001"]


def test_limits_count_what_is_being_given() -> None:
    standing = Standing("p0", GpuStanding(LimitKind.PROJECT, GpuLimits(held=2), 1))
    assert due(line(row(1), row(2), standings=(standing,)), cards(2)) == ["que-0001"]


def test_what_nobody_could_have_is_not_waited_for() -> None:
    assert [waitable(cards(2), wanted) for wanted in (0, 1, 2, 3)] == [False, True, True, False]
    assert not waitable((gpu(0, health=GpuHealth.LOST),), 1)


# --- places and times ------------------------------------------------------------------------------


def test_place_and_the_time_at_the_latest() -> None:
    limits = GpuStanding(LimitKind.PERSON, GpuLimits(lease_hours=8.0), 0)
    waiting = line(
        row(1, waited=3),
        row(2, waited=2),
        row(3, waited=1),
        standings=(Standing("per-1", limits),),
    )
    told = places(waiting, cards(1), (held(0, hours=2),), NOW)
    assert [(place.row.id, place.number, place.of, place.by) for place in told] == [
        ("que-0001", 1, 3, NOW + 2 * HOUR),
        ("que-0002", 2, 3, NOW + 10 * HOUR),
        ("que-0003", 3, 3, None),  # nobody knows for how long the second will hold it
    ]
    assert [place.by for place in places(waiting, cards(1), (held(0),), NOW)] == [None] * 3
    assert places(waiting, cards(1), (held(0, hours=31 * 24),), NOW)[0].by is None
    # A lease past its end is about to end.
    assert places(waiting, cards(1), (held(0, hours=-1),), NOW)[0].by == NOW


# --- any line --------------------------------------------------------------------------------------

numbers = st.integers(0, 6)
lines = st.builds(
    lambda waits, used, limits, resting: line(
        *(
            row(number, f"p{project}", gpus, waited=waited, state=state, server_name=f"s{number}")
            for number, (project, gpus, waited, state) in enumerate(waits)
        ),
        used=tuple(ProjectUse(f"p{project}", hours, 0) for project, hours in used.items()),
        standings=tuple(
            Standing(f"p{project}", GpuStanding(LimitKind.PROJECT, GpuLimits(held=most), now))
            for project, (most, now) in limits.items()
        ),
        resting=frozenset(f"que-{number:04}" for number in resting),
    ),
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(1, 4),
            st.floats(0, 30),
            st.sampled_from([WaitingState.WAITING, WaitingState.WAITING, WaitingState.CALLED]),
        ),
        max_size=12,
    ),
    st.dictionaries(st.integers(0, 3), st.floats(0, 100)),
    st.dictionaries(st.integers(0, 3), st.tuples(st.integers(0, 4), st.integers(0, 4))),
    st.sets(st.integers(0, 11), max_size=3),
)
devices = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([GpuHealth.OK] * 4 + [*GpuHealth])), max_size=5
).map(
    lambda told: tuple(gpu(number, shares=many, health=health) for number, (many, health) in enumerate(told))
)
ends = st.dictionaries(st.integers(0, 4), st.none() | st.floats(-1, 50), max_size=5).map(
    lambda told: tuple(held(number, hours=hours) for number, hours in told.items())
)


@given(lines, devices, ends)
def test_no_share_is_kept_twice_nor_idle_while_somebody_fits(
    waiting: Line, gpus: tuple[Gpu, ...], leases: tuple[Lease, ...]
) -> None:
    told = turns(waiting, gpus, leases, NOW)
    assert sorted(turn.row.id for turn in told) == sorted(one.id for one in waiting.rows)
    kept = [(gpu.id, share) for turn in told for gpu, share in turn.kept]
    taken = [(one.gpu_id, one.share) for one in leases]
    assert len({*kept, *taken}) == len(kept) + len(taken)
    nobody = kept_from(waiting, gpus, leases, NOW, ("", ""))
    left = shares.free(gpus, (*leases, *nobody))
    for turn in told:
        if not turn.due and not turn.on_hold and turn.row.state is WaitingState.WAITING:
            assert len(left) < turn.row.gpus
        if turn.kept and turn.row.state is WaitingState.WAITING and not turn.due:
            assert NOW - turn.row.asked >= AGED
        if turn.due:
            assert len(turn.kept) == turn.row.gpus
    # Whoever is due is entitled to just that, whatever else is asked for.
    for turn in told:
        if turn.due:
            own = turn.row
            assert not reasons(waiting, gpus, leases, NOW, server=own.server, wanted=own.gpus)


@given(lines, devices, ends, st.randoms())
def test_the_order_of_facts_changes_nothing(
    waiting: Line, gpus: tuple[Gpu, ...], leases: tuple[Lease, ...], chance: random.Random
) -> None:
    def mixed(facts: tuple) -> tuple:
        return tuple(chance.sample(facts, len(facts)))

    other = replace(
        waiting,
        rows=mixed(waiting.rows),
        used=mixed(waiting.used),
        standings=mixed(waiting.standings),
    )
    assert places(waiting, gpus, leases, NOW) == places(other, mixed(gpus), mixed(leases), NOW)
    assert turns(waiting, gpus, leases, NOW) == turns(other, mixed(gpus), mixed(leases), NOW)
