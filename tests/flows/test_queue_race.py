"""Two Hubs' worth of launches and of the line's service on one store with one GPU, at once."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from hub_ext.adapters.store import gpus, leases
from hub_ext.adapters.store import queue as rows
from hub_ext.flows.site import Site
from hub_ext.model import Gpu, Verb
from tests.support.hub_processes import hub_processes
from tests.support.scenario import Scenario

HUB = """
import asyncio, pickle, random, sys
from hub_ext.flows import launch, queue
from hub_ext.flows.site import open_site
from hub_ext.model import Actor, ActorKind, LaunchPlan

settings, requests, seed = pickle.load(open(sys.argv[1], "rb"))

async def main():
    site, chance, held = open_site(settings), random.Random(seed), []
    service = lambda row: Actor(ActorKind.SERVICE, "queue", on_behalf=row.person_id)
    print("ready", flush=True)
    sys.stdin.readline()
    by_server = {request.server_name: request for request in requests}
    for request in requests:
        actor = Actor(ActorKind.PERSON, request.person_id)
        plan = await launch.admit(site, request, actor, groups=frozenset())
        if isinstance(plan, LaunchPlan):
            held.append(plan.launch_id)
        for row in await asyncio.to_thread(queue.call, site):
            asked = by_server.get(row.server_name)
            if asked is not None:
                plan = await launch.admit(site, asked, service(row), groups=frozenset())
                if isinstance(plan, LaunchPlan):
                    held.append(plan.launch_id)
        if held and chance.random() < 0.5:
            await launch.release(site, held.pop(0))
    for launch_id in held:
        await launch.release(site, launch_id)
    # Whoever is left in line is served.
    for _ in range(200):
        called = await asyncio.to_thread(queue.call, site)
        for row in called:
            asked = by_server.get(row.server_name)
            if asked is not None:
                plan = await launch.admit(site, asked, service(row), groups=frozenset())
                if isinstance(plan, LaunchPlan):
                    await launch.release(site, plan.launch_id)
        if not queue.places(site):
            break
        await asyncio.sleep(0.05)
    site.close()

asyncio.run(main())
"""


@pytest.fixture
def two_hubs(scenario: Scenario, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes, each with launches of its own, ready to begin."""
    with scenario.site.store.transaction() as tx:
        gpus.add(tx, Gpu("gpu-0", "local", "hub-ext.test/gpu=0", "test", 0, scenario.site.now()))
    settings = replace(scenario.site.settings, queue_most_person=50)
    chance = random.Random(11)  # noqa: S311
    values = []
    for number in (0, 1):
        requests = [
            replace(
                scenario.request(gpus=1, datasets=(), person_id=person.id, server_name=f"h{number}-{turn}"),
                launch_id=f"lau-h{number}-{turn}",
                wait=chance.random() < 0.7,
            )
            for turn, person in enumerate([scenario.ada, scenario.bob] * 8)
        ]
        values.append((settings, requests, number))
    with hub_processes(HUB, values, tmp_path) as hubs:
        yield hubs


async def test_two_hubs_and_the_line_never_share_a_gpu_and_nobody_is_lost(
    scenario: Scenario, two_hubs: list[subprocess.Popen[str]]
) -> None:
    site: Site = scenario.site
    for hub in two_hubs:
        assert hub.stdout is not None
        assert await asyncio.to_thread(hub.stdout.readline) == "ready\n"
    for hub in two_hubs:
        assert hub.stdin is not None
        hub.stdin.write("\n")
        hub.stdin.flush()
    assert [await asyncio.to_thread(hub.wait, 120) for hub in two_hubs] == [0, 0]
    with site.store.reading() as tx:
        held = sorted(leases.listing(tx), key=lambda lease: lease.since)
        waiting = rows.living(tx)
    assert waiting == ()
    assert len(held) > 5
    for before, after in pairwise(held):
        assert before.ended is not None
        assert before.ended <= after.since
    joined, started = scenario.events_of(Verb.QUEUE_JOINED), scenario.events_of(Verb.QUEUE_STARTED)
    assert len(joined) == len(started) > 3
    assert len({event.facts["launch"] for event in started}) == len(started)
