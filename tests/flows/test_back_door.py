"""Who enters a notebook's container beside us is on the record: on the real engine, by the docker client."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import LABEL_INSTANCE, ContainerEvent
from hub_ext.flows import back_door
from hub_ext.flows.launch import end
from hub_ext.flows.reconcile import RECONCILER
from hub_ext.flows.site import Site
from hub_ext.model import AuditEvent, StopReason, Verb
from tests.support.scenario import Scenario
from tests.support.until import until

PYTHON = "import time; time.sleep(0)"


@pytest_asyncio.fixture
async def watched(scenario: Scenario) -> AsyncIterator[list[ContainerEvent]]:
    """The scenario's engine is listened to, and what it tells is recorded; the events so far."""
    site, heard = scenario.site, list[ContainerEvent]()

    async def listen() -> None:
        labels = {LABEL_INSTANCE: site.settings.instance}
        async for event in site.engine.events(labels, site.now()):
            heard.append(event)
            back_door.record(site, RECONCILER, event)

    listening = asyncio.create_task(listen())
    yield heard
    listening.cancel()
    await asyncio.wait([listening])


async def docker(site: Site, *words: str) -> subprocess.CompletedProcess[bytes]:
    """The client that root would type."""
    command = ["docker", "--host", site.settings.engine_url, *words]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, stdin=subprocess.DEVNULL)


def uses(scenario: Scenario) -> list[AuditEvent]:
    return scenario.events_of(Verb.BACK_DOOR_USED)


async def test_every_door_that_the_engine_tells_of(
    scenario: Scenario, watched: list[ContainerEvent], tmp_path: Path
) -> None:
    plan = await scenario.admitted()
    await scenario.start(plan)
    name = end.container_name(scenario.site, plan.launch_id)
    letter = tmp_path / "letter"
    letter.write_text("x")
    doors = {
        "exec_start": ("exec", name, "python3", "-c", PYTHON, "--password=hunter2"),
        "archive-path": ("cp", f"{name}:/data/mri/values.csv", "-"),
        "extract-to-dir": ("cp", str(letter), f"{name}:/home/jovyan/letter"),
        "export": ("export", "-o", str(tmp_path / "all.tar"), name),
        "commit": ("commit", name, f"{scenario.site.settings.instance}-taken:1"),
    }
    try:
        for action, words in doors.items():
            await docker(scenario.site, *words)
            await until(lambda action=action: any(use.facts["action"] == action for use in uses(scenario)))
    finally:
        await docker(scenario.site, "rmi", f"{scenario.site.settings.instance}-taken:1")
    attached = await asyncio.create_subprocess_exec(
        *("docker", "--host", scenario.site.settings.engine_url, "attach", "--no-stdin", name),
        stdout=asyncio.subprocess.DEVNULL,
    )
    await until(lambda: any(use.facts["action"] == "attach" for use in uses(scenario)))
    attached.kill()
    await attached.wait()

    seen = uses(scenario)
    assert {use.facts["action"] for use in seen} == {*doors, "exec_create", "attach"}
    assert {use.subject for use in seen} == {plan.launch_id}
    assert all(use.actor == RECONCILER and use.facts["container"] for use in seen)
    # What was typed, and no more of it than says what it was.
    (ran,) = (use for use in seen if use.facts["action"] == "exec_start")
    assert ran.facts["command"].startswith("python3 -c import")
    assert "hunter2" not in str([use.facts for use in seen])


async def test_what_we_do_ourselves_uses_no_back_door(
    scenario: Scenario, watched: list[ContainerEvent]
) -> None:
    site = scenario.site
    plan = await scenario.admitted()
    await scenario.start(plan)
    await site.engine.run_probe(site.settings.seed_image, ["/none"], uid=65534, gid=65534)
    await site.engine.logs_tail(end.container_name(site, plan.launch_id))
    await end.stop(site, plan.launch_id, StopReason.PERSON, scenario.plan_actor)
    await until(lambda: any(e.action == "destroy" and e.name.endswith(plan.launch_id) for e in watched))
    # The seeding of a new home was among it.
    assert "extract-to-dir" in {event.action for event in watched}
    assert uses(scenario) == []


async def test_what_is_told_again_is_recorded_once(scenario: Scenario) -> None:
    site = scenario.site
    plan = await scenario.admitted()
    await scenario.start(plan)
    name = end.container_name(site, plan.launch_id)
    # Nobody listens meanwhile.
    await docker(site, "exec", name, "/none")
    for _ in range(2):
        labels = {LABEL_INSTANCE: site.settings.instance}
        events = site.engine.events(labels, back_door.last_seen(site))

        async def all_told(events: AsyncIterator[ContainerEvent] = events) -> None:
            async for event in events:
                back_door.record(site, RECONCILER, event)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(all_told(), 2)
    told = [use.facts["action"] for use in uses(scenario) if use.subject == plan.launch_id]
    assert told == ["exec_create", "exec_start"]
