"""Sessions end with their rights though the Hub, the engine or our own process was down at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.adapters.store import launches
from hub_ext.errors import LaunchFailed
from hub_ext.flows import grants, revocation
from hub_ext.flows.launch.start import Step, StepKind
from hub_ext.flows.site import Site
from hub_ext.model import LaunchState, Verb
from hub_ext.services.revocation import Revocation
from tests.support.scenario import STEWARD, Scenario
from tests.support.wire import Wire

HUB_SECONDS = 2.0
BOUND_SECONDS = 60


@dataclass
class FakeHub:
    """A Hub that hears orders and follows none: what a real one will not do on demand."""

    told: list[str] = field(default_factory=list)
    down: bool = False
    follows: Callable[[str], Any] | None = None

    async def __aenter__(self) -> FakeHub:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def stop(self, username: str, server_name: str) -> bool:
        if self.down:
            raise HubApiError("The Hub did not answer.")
        self.told.append(f"{username}/{server_name}")
        if self.follows is not None:
            await self.follows(server_name)
        return True


@pytest.fixture
def site(scenario: Scenario) -> Site:
    """The scenario's site, in which the Hub has little time."""
    scenario.site = replace(
        scenario.site, settings=replace(scenario.site.settings, revoke_hub_seconds=HUB_SECONDS)
    )
    return scenario.site


@pytest.fixture
def hub() -> FakeHub:
    """See FakeHub."""
    return FakeHub()


def duty(site: Site, hub: Any) -> Revocation:
    """A new process's."""

    def client() -> HubApi:
        made: HubApi = hub
        return made

    return Revocation(site, client, logging.getLogger("revocation"))


@pytest_asyncio.fixture
async def running(scenario: Scenario, site: Site) -> AsyncIterator[str]:
    """A session of Ada's that runs."""
    plan = await scenario.admitted()
    await scenario.start(plan)
    yield plan.launch_id


def revoke(scenario: Scenario) -> None:
    grants.revoke_grant(scenario.site, STEWARD, scenario.grants["mri>onco"], "the committee asked")


async def until_gone(scenario: Scenario, launch_id: str, look: Revocation) -> float:
    """Looks as the service does until the container is gone; how long it took, seconds."""
    begun = time.monotonic()
    while time.monotonic() - begun < BOUND_SECONDS:
        await look.look()
        if await scenario.container(launch_id) is None and revocation.has_ended(scenario.site, launch_id):
            return time.monotonic() - begun
        await asyncio.sleep(0.3)
    raise AssertionError(f"it runs after {BOUND_SECONDS} s")


def told_as_it_was(scenario: Scenario, launch_id: str) -> None:
    """The reason and its cause stand before the end, and the chain is whole."""
    events = {event.verb: event for event in scenario.record(launch_id)}
    stopping, ended = events[Verb.LAUNCH_STOPPING], events[Verb.LAUNCH_STOPPED]
    (revoked,) = scenario.events_of(Verb.GRANT_REVOKED)
    (cause,) = stopping.facts["cause"]
    assert (cause["code"], cause["event"], cause["of"]) == (
        "grant-revoked",
        revoked.sequence,
        revoked.subject,
    )
    assert revoked.sequence < stopping.sequence < ended.sequence
    assert ended.facts["reason"] == "right-ended"


async def test_the_hub_is_told_first(scenario: Scenario, running: str, hub: FakeHub) -> None:
    async def follow(_: str) -> None:
        await revocation.end_directly(scenario.site, running)

    hub.follows = follow
    look = duty(scenario.site, hub)
    await look.look()
    assert hub.told == []
    revoke(scenario)
    await until_gone(scenario, running, look)
    assert hub.told == ["ada/"]
    told_as_it_was(scenario, running)


@pytest.mark.parametrize("down", [True, False], ids=["down", "follows no order"])
async def test_without_the_hub_the_engine_is_told(
    scenario: Scenario, running: str, hub: FakeHub, down: bool
) -> None:
    hub.down = down
    revoke(scenario)
    took = await until_gone(scenario, running, duty(scenario.site, hub))
    assert took >= HUB_SECONDS
    told_as_it_was(scenario, running)


async def test_while_the_engine_is_down_the_reason_stands_and_the_end_follows(
    scenario: Scenario, running: str, hub: FakeHub, tmp_path: Path
) -> None:
    socket = Path(scenario.site.settings.engine_url.removeprefix("unix://"))
    wire = Wire(tmp_path / "engine.sock", socket)
    cut_off = replace(scenario.site.settings, engine_url=f"unix://{wire.near}", engine_seconds=2)
    site = Site(cut_off, scenario.site.store, scenario.site.now)
    look = duty(site, hub)
    wire.cut()
    try:
        revoke(scenario)
        for _ in range(12):
            await look.look()
            await asyncio.sleep(0.3)
        assert await scenario.container(running) is not None
        with site.store.reading() as tx:
            assert launches.get(tx, running).state is LaunchState.STOPPING
        wire.mend()
        await until_gone(scenario, running, look)
        told_as_it_was(scenario, running)
    finally:
        wire.cut()
        site.engine.close()


async def test_a_new_process_ends_what_an_old_one_announced(
    scenario: Scenario, running: str, hub: FakeHub
) -> None:
    revoke(scenario)
    # The old one died between its two deeds.
    assert [one.id for one in revocation.announce_ends(scenario.site).announced] == [running]
    await until_gone(scenario, running, duty(scenario.site, hub))
    told_as_it_was(scenario, running)


@pytest.mark.parametrize("at", [StepKind.CREATE, StepKind.START, StepKind.ANSWER])
async def test_a_start_that_was_admitted_before_the_end_does_not_come_up(
    scenario: Scenario, site: Site, hub: FakeHub, at: StepKind
) -> None:
    plan = await scenario.admitted()
    look = duty(site, hub)
    done = asyncio.Event()

    def tell(step: Step) -> None:
        if step.kind is at and not done.is_set():
            revoke(scenario)
            done.set()

    async def looks() -> None:
        while True:
            await look.look()
            await asyncio.sleep(0.2)

    looking = asyncio.create_task(looks())
    try:
        # It may be confirmed a moment before the look; then it runs, and is ended.
        with contextlib.suppress(LaunchFailed):
            await scenario.start(plan, tell=tell)
    finally:
        looking.cancel()
    assert done.is_set()
    await until_gone(scenario, plan.launch_id, look)
    with site.store.reading() as tx:
        assert launches.get(tx, plan.launch_id).stop_reason == "right-ended"


async def test_a_start_that_hangs_is_ended_too(scenario: Scenario, site: Site, hub: FakeHub) -> None:
    plan = await scenario.admitted(environment="hang")
    look = duty(site, hub)
    starting = asyncio.create_task(scenario.start(plan))
    async with asyncio.timeout(20):
        await _runs(scenario, plan.launch_id)
    revoke(scenario)
    await until_gone(scenario, plan.launch_id, look)
    with pytest.raises(LaunchFailed):
        await starting
    assert hub.told == []


async def _runs(scenario: Scenario, launch_id: str) -> None:
    while not (await scenario.container(launch_id) or {}).get("State", {}).get("Running"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def test_nothing_revoked_ends_nothing(scenario: Scenario, running: str, hub: FakeHub) -> None:
    look = duty(scenario.site, hub)
    for _ in range(5):
        await look.look()
    assert (await scenario.container(running) or {})["State"]["Running"] is True
    assert hub.told == []
