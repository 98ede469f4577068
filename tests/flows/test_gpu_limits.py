"""Limits of leases in a site: set, counted from what is held, and obeyed by a start and by the culler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub_ext.adapters.store import gpus, launches, leases, tables
from hub_ext.errors import InputError
from hub_ext.flows import gpu_limits
from hub_ext.flows.launch import facts
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    AuditEvent,
    Gpu,
    LaunchState,
    Reason,
    ReasonCode,
    StopReason,
    Verb,
)
from hub_ext.model.gpu_limits import GpuLimits, LimitKind
from hub_ext.policy.launch import coverage, stop_reason
from tests.adapters.store import samples
from tests.flows.conftest import Clock
from tests.support.scenario import Scenario

Record = Callable[[], list[AuditEvent]]
HOUR = timedelta(hours=1)


@pytest.fixture
def held(site: Site, clock: Clock) -> Site:
    """Anne has held one of two GPUs in onco for six hours; the month began eight hours ago."""
    clock.moment = datetime(2026, 5, 1, 8, tzinfo=UTC)
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if module is samples.store.gpu_limits or value is samples.NODE:
                continue
            module.add(tx, replace(value, ended=clock.moment) if value is samples.LEASE else value)
        gpus.add(tx, Gpu("gpu-2", "local", "nvidia.com/gpu=1", "H100", 0, clock.moment))
        person = samples.store.persons.get(tx, "per-2")
        samples.store.persons.replace(tx, replace(person, ended=None))
        project = samples.store.projects.get(tx, "onco")
        samples.store.projects.replace(tx, replace(project, ended=None))
        launch = replace(samples.launch(20), state=LaunchState.RUNNING, started=clock.moment)
        launches.add(tx, launch)
        leases.add(
            tx,
            replace(
                samples.LEASE,
                id="lea-9",
                gpu_id="gpu-2",
                share=0,
                launch_id=launch.id,
                since=clock.moment - 6 * HOUR,
                until=None,
                ended=None,
            ),
        )
    return site


def standing(site: Site, kind: LimitKind, whose: str) -> tuple[int, float]:
    with site.store.reading() as tx:
        found = gpu_limits.standing(tx, site, kind, whose)
    return found.held, found.month_hours


def test_where_somebody_stands_is_counted_from_leases(held: Site, actor: Actor, clock: Clock) -> None:
    gpu_limits.set_limits(held, actor, LimitKind.PERSON, "anne", GpuLimits(month_hours=10.0))
    gpu_limits.set_limits(held, actor, LimitKind.PROJECT, "onco", GpuLimits(held=2))
    assert standing(held, LimitKind.PERSON, "per-2") == (1, pytest.approx(6.0))
    clock.forward(hours=2)
    assert standing(held, LimitKind.PROJECT, "onco") == (1, pytest.approx(8.0))
    assert standing(held, LimitKind.PROJECT, "other") == (0, 0.0)
    clock.moment = datetime(2026, 6, 1, 1, tzinfo=UTC)  # a new month
    assert standing(held, LimitKind.PERSON, "per-2") == (1, pytest.approx(1.0))


def test_limits_are_set_listed_and_taken_back(held: Site, actor: Actor, record: Record) -> None:
    gpu_limits.set_limits(held, actor, LimitKind.PERSON, "anne", GpuLimits(held=1))
    gpu_limits.set_limits(held, actor, LimitKind.PERSON, "per-2", GpuLimits(held=2))
    (found,) = gpu_limits.listing(held)
    assert (found.name, found.own.limits, found.standing.held) == ("anne", GpuLimits(held=2), 1)
    gpu_limits.set_limits(held, actor, LimitKind.PERSON, "anne", GpuLimits())
    assert gpu_limits.listing(held) == ()
    events = [event for event in record() if event.verb is Verb.GPU_LIMITED]
    assert [event.subject for event in events] == ["per-2"] * 3
    assert events[1].facts["changed"]["before"]["held"] == 1


@pytest.mark.parametrize("wrong", [GpuLimits(-1), GpuLimits(0, -0.5), GpuLimits(0, 1.0, float("nan"))])
def test_what_is_no_limit_is_refused(held: Site, actor: Actor, record: Record, wrong: GpuLimits) -> None:
    before = len(record())
    with pytest.raises(InputError, match="The limit"):
        gpu_limits.set_limits(held, actor, LimitKind.PROJECT, "onco", wrong)
    with pytest.raises(InputError, match="no project"):
        gpu_limits.set_limits(held, actor, LimitKind.PROJECT, "nowhere", GpuLimits(1))
    assert len(record()) == before


def test_a_server_ends_with_its_lease(held: Site, clock: Clock) -> None:
    with held.store.transaction() as tx:
        end = {"until": clock.moment + HOUR}
        tx.connection.execute(tables.leases.update().where(tables.leases.c.id == "lea-9").values(end))

    def found() -> tuple[set[ReasonCode], datetime | None]:
        with held.store.reading() as tx:
            launch = launches.get(tx, "lau-20")
            covered = coverage(launch, facts.live(tx, launch, held.now()))
        return {reason.code for reason in covered.reasons}, covered.expires_at

    assert ReasonCode.LEASE_ENDED not in found()[0]
    assert found()[1] == clock.moment + HOUR
    clock.forward(hours=1)
    assert ReasonCode.LEASE_ENDED in found()[0]
    assert stop_reason([Reason(ReasonCode.LEASE_ENDED)]) is StopReason.LEASE_ENDED


@pytest.fixture
def two_gpus(scenario: Scenario) -> Scenario:
    """The scenario with two GPUs that its site may give."""
    with scenario.site.store.transaction() as tx:
        for number in (1, 2):
            name = f"gpu-{number}"
            gpus.add(
                tx, Gpu(name, scenario.site.settings.node, f"x/gpu={number}", "X", 0, scenario.site.now())
            )
    return scenario


async def test_a_start_obeys_them(two_gpus: Scenario, actor: Actor) -> None:
    site = two_gpus.site
    ceilings = replace(site.settings.ceilings, gpus=2)
    two_gpus.site = replace(site, settings=replace(site.settings, ceilings=ceilings))
    gpu_limits.set_limits(site, actor, LimitKind.PERSON, "ada", GpuLimits(held=1, lease_hours=2.0))
    refusal = await two_gpus.refused(gpus=2)
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_HELD]
    plan = await two_gpus.admitted(gpus=1)
    with site.store.reading() as tx:
        (lease,) = leases.active(tx, launch_id=plan.launch_id)
    assert lease.until is not None
    assert lease.until == plan.lease_until == lease.since + 2 * HOUR
    refusal = await two_gpus.refused(gpus=1, server_name="b")
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_HELD]
    (admitted,) = two_gpus.record(plan.launch_id)
    assert admitted.facts["lease_until"]
