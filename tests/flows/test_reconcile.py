"""Store and engine brought into agreement, on the real engine: what is lost is let go of, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from hub_ext.adapters import launch_secrets, session_files
from hub_ext.adapters.engine import Engine
from hub_ext.errors import EngineError
from hub_ext.flows import reconcile
from hub_ext.flows.launch.end import container_name, stop
from hub_ext.flows.reconcile import Mend, Mended
from hub_ext.flows.site import Site
from hub_ext.model import (
    LaunchState,
    StopReason,
)
from tests.support.held import Held
from tests.support.scenario import SECRETS
from tests.support.sick_engine import SickEngine, hanging, saying

GPU = "local/hub-ext.test/gpu=0"


@pytest_asyncio.fixture
async def on_engine(held: Held) -> AsyncIterator[Callable[[str], Site]]:
    """The same site with its engine at another URL, one second for every call."""
    engines: list[Engine] = []

    def make(url: str) -> Site:
        settings = replace(held.site.settings, engine_url=url, engine_seconds=1)
        site = replace(held.site, settings=settings)
        engines.append(site.engine)
        return site

    yield make
    for engine in engines:
        engine.close()


async def test_what_agrees_is_left_alone(held: Held) -> None:
    plan = await held.running()
    for since in (None, held.site.now()):
        assert await reconcile.sweep(held.site, hub_since=since) == ()
    assert held.launch(plan).state is LaunchState.RUNNING
    assert held.leases == (plan.launch_id,)
    assert held.mends == []


async def test_a_container_whose_launch_holds_nothing_is_removed(held: Held) -> None:
    plan = await held.running()
    strays = [await held.created("lau-never"), await held.created("lau-also", start=True)]
    mended = await reconcile.sweep(held.site)
    assert set(mended) == {
        Mended(Mend.CONTAINER_REMOVED, "lau-never"),
        Mended(Mend.CONTAINER_REMOVED, "lau-also"),
    }
    for name in strays:
        assert await held.site.engine.inspect(name) is None
    assert await held.scenario.container(plan.launch_id) is not None
    assert sorted(held.mends) == [("lau-also", "container-removed"), ("lau-never", "container-removed")]
    assert await held.agreed()


async def test_files_of_a_launch_that_holds_nothing_are_removed(held: Held) -> None:
    plan = await held.running()
    launch_secrets.write(held.site.settings, "lau-ended", SECRETS)
    session_files.write(held.site.settings, "lau-other", "{}")
    await reconcile.sweep(held.site)
    assert launch_secrets.launch_ids(held.site.settings) == {plan.launch_id}
    assert session_files.launch_ids(held.site.settings) == {plan.launch_id}


async def test_containers_of_other_instances_are_nobodys_business_here(held: Held) -> None:
    name = await held.created("lau-theirs")
    theirs = replace(held.site, settings=replace(held.site.settings, instance="hxresother"))
    try:
        assert await reconcile.sweep(theirs) == ()
    finally:
        theirs.engine.close()
    assert await held.site.engine.inspect(name) is not None


@pytest.mark.parametrize(
    ("end", "reason", "outcome"),
    [
        ("removed", "container-lost", "its container was gone"),
        ("killed", "ended-by-itself", "exit status 137"),
    ],
)
async def test_a_launch_whose_container_ended_lets_go(
    held: Held, end: str, reason: str, outcome: str
) -> None:
    plan = await held.running()
    name = container_name(held.site, plan.launch_id)
    if end == "removed":
        await held.site.engine.remove(name)
    else:
        await held.site.engine.kill(name)
        await held.exited(name)

    assert await reconcile.sweep(held.site) == (Mended(Mend.LAUNCH_RELEASED, plan.launch_id),)
    launch = held.launch(plan)
    assert (launch.state, launch.stop_reason, launch.outcome) == (LaunchState.ENDED, reason, outcome)
    assert held.leases == ()
    assert await held.site.engine.inspect(name) is None
    assert held.mends == [(plan.launch_id, "launch-released")]
    assert await held.agreed()


@pytest.mark.parametrize("started", [False, True])
async def test_what_was_only_admitted_fails_at_the_boot_and_not_before(held: Held, started: bool) -> None:
    plan = await held.scenario.admitted()
    held.lease(plan.launch_id)
    name = await held.created(plan.launch_id, start=True) if started else ""

    assert await reconcile.sweep(held.site) == ()
    assert held.leases == (plan.launch_id,)

    mended = await reconcile.sweep(held.site, hub_since=held.site.now())
    assert mended == (Mended(Mend.LAUNCH_RELEASED, plan.launch_id),)
    launch = held.launch(plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.FAILED, "start-failed")
    assert held.leases == ()
    if started:
        assert await held.site.engine.inspect(name) is None
    assert held.mends == [(plan.launch_id, "launch-released")]
    assert await held.agreed()


async def test_a_start_that_takes_longer_than_any_can_is_given_up(held: Held) -> None:
    plan = await held.scenario.admitted()
    settings = held.site.settings
    slowest = timedelta(seconds=settings.pull_seconds + settings.start_seconds)
    admitted = held.launch(plan).admitted
    just = replace(held.site, now=lambda: admitted + slowest)
    assert await reconcile.sweep(just) == ()
    late = replace(held.site, now=lambda: admitted + slowest + timedelta(seconds=1))
    assert await reconcile.sweep(late) == (Mended(Mend.LAUNCH_RELEASED, plan.launch_id),)
    assert held.launch(plan).state is LaunchState.FAILED


async def test_a_stop_that_the_engine_failed_is_finished_once_its_time_is_over(
    held: Held, on_engine: Callable[[str], Site]
) -> None:
    plan = await held.running()
    with pytest.raises(EngineError):
        await stop(
            on_engine("unix:///nowhere.sock"), plan.launch_id, StopReason.PERSON, held.scenario.plan_actor
        )
    assert await reconcile.sweep(held.site) == ()
    assert held.launch(plan).state is LaunchState.STOPPING
    now = held.site.now()
    late = replace(held.site, now=lambda: now + timedelta(minutes=5))
    assert await reconcile.sweep(late) == (Mended(Mend.LAUNCH_RELEASED, plan.launch_id),)
    launch = held.launch(plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.ENDED, "stopped-by-person")
    assert await held.scenario.container(plan.launch_id) is None
    assert held.leases == ()


async def test_a_gpu_held_for_a_launch_that_holds_nothing_is_free_again(held: Held) -> None:
    plan = await held.scenario.admitted(environment="die")
    with pytest.raises(Exception, match="ended by itself"):
        await held.scenario.start(plan)
    held.lease(plan.launch_id)
    assert await reconcile.sweep(held.site) == (Mended(Mend.LEASE_ENDED, plan.launch_id),)
    assert held.leases == ()
    assert held.mends == [(plan.launch_id, "lease-ended")]
    assert await held.agreed()


async def test_a_dry_run_says_the_same_and_changes_nothing(held: Held) -> None:
    plan = await held.running()
    await held.site.engine.remove(container_name(held.site, plan.launch_id))
    stray = await held.created("lau-stray")
    would = await reconcile.sweep(held.site, dry_run=True)
    assert set(would) == {
        Mended(Mend.CONTAINER_REMOVED, "lau-stray"),
        Mended(Mend.LAUNCH_RELEASED, plan.launch_id),
    }
    assert await held.site.engine.inspect(stray) is not None
    assert held.launch(plan).state is LaunchState.RUNNING
    assert held.leases == (plan.launch_id,)
    assert held.mends == []
    assert await reconcile.sweep(held.site) == would


async def test_an_engine_that_is_down_or_fails_frees_nothing(
    held: Held, on_engine: Callable[[str], Site], tmp_path: Path
) -> None:
    plan = await held.running()
    admitted = await held.scenario.admitted(server_name="second")
    stray = await held.created("lau-stray")
    with SickEngine(tmp_path / "sick.sock") as sick:
        for url, answer in (
            ("unix:///nowhere.sock", None),
            (f"unix://{sick.path}", saying(500, b'{"message": "disk on fire"}')),
            (f"unix://{sick.path}", saying(200, b"not even JSON")),
            (f"unix://{sick.path}", hanging),
        ):
            if answer is not None:
                sick.answer = answer
            for since in (None, held.site.now()):
                with pytest.raises(EngineError):
                    await reconcile.sweep(on_engine(url), hub_since=since)
    assert held.launch(plan).state is LaunchState.RUNNING
    assert held.launch(admitted).state is LaunchState.ADMITTED
    assert held.leases == (plan.launch_id,)
    assert await held.site.engine.inspect(stray) is not None
    assert held.mends == []


async def test_an_engine_that_lists_and_then_fails_frees_nothing(
    held: Held, on_engine: Callable[[str], Site], tmp_path: Path
) -> None:
    plan = await held.running()

    def answer(handler: object) -> None:
        handler.say(*((200, b"[]") if "containers/json" in handler.path else (500, b"{}")))  # type: ignore[attr-defined]

    with SickEngine(tmp_path / "sick.sock") as sick:
        sick.answer = answer
        assert await reconcile.sweep(on_engine(f"unix://{sick.path}")) == ()
    assert held.launch(plan).state is LaunchState.RUNNING
    assert held.leases == (plan.launch_id,)
    assert held.mends == []
