"""How held GPUs are used: summed up look by look, and nothing known that was not watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hub_ext.adapters.store import gpu_use, leases
from hub_ext.flows import accounting
from hub_ext.flows.gpu_watch import look
from hub_ext.flows.site import Site
from hub_ext.model import Lease
from hub_ext.model.accounting import Month
from hub_ext.policy.idle import GpuWork
from tests.adapters.store import samples
from tests.flows.conftest import Clock


@pytest.fixture
def held(site: Site, clock: Clock) -> Site:
    """One lease of one launch, begun now."""
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if value is samples.NODE or module is samples.store.gpu_use:
                continue
            module.add(tx, replace(value, ended=clock.moment) if value is samples.LEASE else value)
        leases.add(tx, Lease("lea-9", "gpu-1", 0, "lau-1", clock.moment))
    return site


def work(site: Site, share: float | None) -> GpuWork:
    return look(site, {"gpu-1": share})["lau-1"]


def test_use_is_summed_up(held: Site, clock: Clock) -> None:
    begun = clock.moment
    assert work(held, 0.0) == GpuWork(0.0, None, begun)
    clock.forward(seconds=60)
    assert work(held, 0.8) == GpuWork(0.8, clock.moment, begun)
    worked = clock.moment
    clock.forward(seconds=60)
    assert work(held, 0.0) == GpuWork(0.0, worked, begun)
    with held.store.reading() as tx:
        known = gpu_use.get(tx, "lea-9")
    assert (known.watched_seconds, known.used_seconds) == (120, 60)


@pytest.mark.parametrize("gap", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_time_unwatched_is_neither_use_nor_idleness(held: Site, clock: Clock, gap: timedelta) -> None:
    work(held, 0.0)
    clock.moment += gap
    assert work(held, 0.0) == GpuWork(0.0, None, clock.moment)
    with held.store.reading() as tx:
        assert gpu_use.get(tx, "lea-9").watched_seconds == 0


def test_a_driver_that_says_nothing_makes_nobody_idle(held: Site, clock: Clock) -> None:
    work(held, 0.0)
    clock.forward(seconds=60)
    assert work(held, None) == GpuWork()
    assert look(held, {})["lau-1"] == GpuWork()


def test_of_two_devices_the_busier_counts_and_both_must_be_known(held: Site, clock: Clock) -> None:
    with held.store.transaction() as tx:
        samples.store.gpus.add(tx, replace(samples.GPU, id="gpu-2", device="nvidia.com/gpu=1"))
        leases.add(tx, Lease("lea-10", "gpu-2", 0, "lau-1", clock.moment))
    assert look(held, {"gpu-1": 0.0, "gpu-2": 0.5})["lau-1"].share == 0.5
    assert look(held, {"gpu-1": 0.0})["lau-1"] == GpuWork()


def test_what_was_held_idle_stands_in_the_accounts(held: Site, clock: Clock) -> None:
    begun: datetime = clock.moment
    for share in (0.0, 0.0, 0.9, 0.0, 0.0):
        work(held, share)
        clock.forward(seconds=60)
    clock.moment = begun + timedelta(hours=2)
    rows = accounting.accounts(held, Month(2026, 5)).rows
    # Two shares of the device; a quarter of what was watched was use.
    assert sum(row.gpu_idle_hours for row in rows) == pytest.approx(2 / 2 * 0.75)


def test_without_a_lease_there_is_nothing_to_watch(site: Site) -> None:
    assert look(site, {"gpu-1": 0.0}) == {}
