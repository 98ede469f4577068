"""Limits of leases: never exceeded, and never more admitted by a smaller one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import LaunchPlan
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind
from hub_ext.policy.gpu_limits import LEAST_HOURS, effective, lease_end, reasons
from hub_ext.policy.launch import decide

from .worlds import FACTS, NOW, REQUEST, on

hours = st.none() | st.floats(0, 1000)
limits = st.builds(GpuLimits, st.none() | st.integers(0, 5), hours, hours)
standings = st.lists(
    st.builds(GpuStanding, st.sampled_from(LimitKind), limits, st.integers(0, 5), st.floats(0, 1000)),
    max_size=3,
)
wanted = st.integers(0, 4)


@given(standings, wanted)
def test_what_is_admitted_stays_within_every_limit(held: list[GpuStanding], gpus: int) -> None:
    if reasons(held, gpus):
        return
    until = lease_end(held, gpus, NOW)
    for standing in held if gpus else ():
        own = standing.limits
        assert own.held is None or standing.held + gpus <= own.held
        lasts = (until - NOW).total_seconds() / 3600 if until else float("inf")
        assert own.lease_hours is None or lasts <= own.lease_hours + 1e-6
        assert own.month_hours is None or standing.month_hours + lasts * gpus <= own.month_hours + 1e-6
        shorter = any(one.limits.lease_hours is not None for one in held)
        assert own.month_hours is None or shorter or lasts >= LEAST_HOURS - 1e-6


@given(standings, wanted)
def test_a_smaller_limit_admits_nothing_more(held: list[GpuStanding], gpus: int) -> None:
    def smaller(one: GpuStanding) -> GpuStanding:
        own = one.limits
        return replace(
            one,
            limits=GpuLimits(
                held=0 if own.held is None else own.held // 2,
                lease_hours=own.lease_hours,
                month_hours=0.0 if own.month_hours is None else own.month_hours / 2,
            ),
        )

    fewer = [smaller(one) for one in held]
    assert not reasons(held, gpus) or reasons(fewer, gpus)


@given(standings)
def test_who_asks_for_no_gpu_is_never_refused_for_one(held: list[GpuStanding]) -> None:
    assert reasons(held, 0) == ()
    assert lease_end(held, 0, NOW) is None


@given(limits, limits)
def test_own_limits_stand_in_place_of_the_sites(own: GpuLimits, site: GpuLimits) -> None:
    found = effective(own, site)
    assert found.held == (site.held if own.held is None else own.held)
    assert found.month_hours == (site.month_hours if own.month_hours is None else own.month_hours)
    assert effective(None, site) == site


def test_the_end_of_the_lease_is_in_the_plan() -> None:
    standing = GpuStanding(LimitKind.PERSON, GpuLimits(lease_hours=12.0, month_hours=100.0), 0, 94.0)
    plan = decide(REQUEST, replace(FACTS, gpu_standings=(standing,)))
    assert isinstance(plan, LaunchPlan)
    assert plan.lease_until == on(0.25)
