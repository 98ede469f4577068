"""Servers of one person share an origin here: those of two projects are never active at the same time."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.store import gpus, launches
from hub_ext.adapters.store import queue as rows
from hub_ext.expression.words import refusal_text
from hub_ext.flows import launch as flow
from hub_ext.flows import queue
from hub_ext.model import Actor, ActorKind, Gpu, LaunchPlan, LaunchState, ReasonCode, Refusal
from hub_ext.model.queue import WaitingState
from hub_ext.settings import Settings
from tests.support.hub_processes import hub_processes
from tests.support.scenario import Scenario

STARTS = 12
# A Hub of its own process: each start is one of its project, and is released at once.
HUB = """
import asyncio, pickle, sys
from hub_ext.adapters.store import launches
from hub_ext.flows import launch
from hub_ext.flows.site import open_site
from hub_ext.model import Actor, ActorKind, LaunchPlan

settings, requests = pickle.load(open(sys.argv[1], "rb"))

async def main():
    site = open_site(settings)
    print("ready", flush=True)
    for request in requests:
        sys.stdin.readline()
        actor = Actor(ActorKind.PERSON, request.person_id)
        plan = await launch.admit(site, request, actor, groups=frozenset())
        admitted = isinstance(plan, LaunchPlan)
        print("admitted" if admitted else "-".join(reason.code for reason in plan.reasons), flush=True)
        sys.stdin.readline()
        if admitted:
            await launch.release(site, request.launch_id)
        print("released", flush=True)
    site.close()

asyncio.run(main())
"""


@pytest.fixture
def launch_settings(launch_settings: Settings) -> Settings:
    """The run's settings, with one name for all servers."""
    return replace(launch_settings, public_url="https://hub.example", servers_url="https://nb.example")


def codes(refusal: Refusal) -> list[ReasonCode]:
    return [reason.code for reason in refusal.reasons]


async def test_another_project_waits_until_the_last_server_of_the_first_is_gone(scenario: Scenario) -> None:
    one = await scenario.admitted()
    two = await scenario.admitted(server_name="two", datasets=())
    refusal = await scenario.refused(server_name="three", project="cardio", datasets=())
    assert codes(refusal) == [ReasonCode.OTHER_PROJECT_RUNNING]
    assert refusal_text(refusal, "en").endswith('Stop it first, or choose the project "onco".')
    await flow.release(scenario.site, one.launch_id)
    assert codes(await scenario.refused(project="cardio", datasets=())) == codes(refusal)
    with scenario.site.store.transaction() as tx:
        launches.replace(tx, replace(launches.get(tx, two.launch_id), state=LaunchState.STOPPING))
    assert codes(await scenario.refused(project="cardio", datasets=())) == codes(refusal)
    await flow.release(scenario.site, two.launch_id)
    await scenario.admitted(project="cardio", datasets=())
    assert codes(await scenario.refused(server_name="two")) == codes(refusal)


async def test_what_others_run_closes_no_project(scenario: Scenario) -> None:
    await scenario.admitted(person_id=scenario.bob.id)
    await scenario.admitted(project="cardio", datasets=())


async def test_names_of_their_own_allow_two_projects_at_once(scenario: Scenario) -> None:
    apart = replace(scenario.site.settings, subdomain_host="https://nb.example")
    scenario.site = replace(scenario.site, settings=apart)
    await scenario.admitted()
    await scenario.admitted(server_name="two", project="cardio", datasets=())


async def test_the_form_offers_the_project_of_the_running_server_alone(scenario: Scenario) -> None:
    await scenario.admitted()
    offered = await flow.choices(scenario.site, scenario.ada.id, "two", groups=frozenset())
    assert [project.slug for project in offered.projects] == ["onco"]
    (closed,) = offered.closed_projects
    assert (closed.slug, [reason.code for reason in closed.reasons]) == (
        "cardio",
        [ReasonCode.OTHER_PROJECT_RUNNING],
    )


async def test_a_request_in_line_rests_while_another_project_runs(scenario: Scenario) -> None:
    """It keeps its place, holds up nobody, and its start is refused even where it was called before."""
    site = scenario.site
    with site.store.transaction() as tx:
        gpus.add(tx, Gpu("gpu-0", "local", "hub-ext.test/gpu=0", "test", 0, site.now()))
    of_bob = await scenario.admitted(person_id=scenario.bob.id, gpus=1)
    await scenario.refused(server_name="g", project="cardio", datasets=(), gpus=1, wait=True)
    (row,) = living(scenario)
    await flow.release(site, of_bob.launch_id)
    assert [one.id for one in queue.call(site)] == [row.id]
    running = await scenario.admitted()
    service = Actor(ActorKind.SERVICE, "queue", on_behalf=scenario.ada.id)
    request = scenario.request(server_name="g", project="cardio", datasets=(), gpus=1)
    decision = await flow.admit(site, request, service, groups=frozenset())
    assert isinstance(decision, Refusal)
    assert codes(decision) == [ReasonCode.OTHER_PROJECT_RUNNING]
    assert [one.state for one in living(scenario)] == [WaitingState.WAITING]
    assert queue.call(site) == ()
    bobs = await scenario.admitted(person_id=scenario.bob.id, gpus=1)  # nothing is kept for who rests
    await flow.release(site, bobs.launch_id)
    await flow.release(site, running.launch_id)
    assert [one.id for one in queue.call(site)] == [row.id]
    started = await flow.admit(site, request, service, groups=frozenset())
    assert isinstance(started, LaunchPlan)


def living(scenario: Scenario) -> tuple[rows.Waiting, ...]:
    with scenario.site.store.reading() as tx:
        return rows.living(tx)


@pytest.fixture
def two_hubs(scenario: Scenario, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes on one store: one starts Ada's servers in onco, the other hers in cardio."""
    values = []
    for project in ("onco", "cardio"):
        requests = [
            scenario.request(
                launch_id=f"lau-{project}-{turn}", project=project, datasets=(), server_name=project
            )
            for turn in range(STARTS)
        ]
        values.append((scenario.site.settings, requests))
    with hub_processes(HUB, values, tmp_path) as hubs:
        yield hubs


async def test_of_two_projects_started_at_once_one_is_admitted(
    two_hubs: list[subprocess.Popen[str]],
) -> None:
    """Past every form: two starts in the same moment, of which neither could see the other's launch."""

    def answers() -> list[str]:
        return [hub.stdout.readline().strip() for hub in two_hubs if hub.stdout is not None]

    def on() -> None:
        for hub in two_hubs:
            assert hub.stdin is not None
            hub.stdin.write("\n")
            hub.stdin.flush()

    assert await asyncio.to_thread(answers) == ["ready", "ready"]
    won: Counter[int] = Counter()
    for _ in range(STARTS):
        on()
        decisions = await asyncio.to_thread(answers)
        assert sorted(decisions) == ["admitted", ReasonCode.OTHER_PROJECT_RUNNING.value]
        won[decisions.index("admitted")] += 1
        on()
        assert await asyncio.to_thread(answers) == ["released", "released"]
    assert won.total() == STARTS
