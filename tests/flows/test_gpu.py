"""GPUs: found and lost, raced for by two processes, and attached by the real engine to whoever holds them.

Plain device nodes stand for the silicon; all else is the engine's own way with CDI.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.store import gpus, launches, leases
from hub_ext.errors import EngineError
from hub_ext.flows import gpu as flow
from hub_ext.flows import launch, reconcile
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    AuditEvent,
    Gpu,
    GpuHealth,
    LaunchPlan,
    LaunchState,
    ReasonCode,
    StopReason,
)
from hub_ext.settings import Settings
from tests.flows.conftest import Clock
from tests.support.scenario import Scenario

ZERO = os.makedev(1, 5)
Record = Callable[[], list[AuditEvent]]


def write_spec(path: Path, kind: str, cards: dict[str, Path]) -> None:
    """A CDI spec; every card is /dev/fakegpuN in a container."""
    devices = [
        {
            "name": card,
            "containerEdits": {"deviceNodes": [{"path": f"/dev/fakegpu{card}", "hostPath": str(node)}]},
        }
        for card, node in cards.items()
    ]
    path.write_text(json.dumps({"cdiVersion": "0.6.0", "kind": kind, "devices": devices}))


# --- the inventory in the store --------------------------------------------------------------------


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """Where this node's CDI specs lie."""
    folder = tmp_path / "cdi"
    folder.mkdir()
    return folder


@pytest.fixture
def node(site: Site, specs: Path) -> Site:
    """A site whose GPUs are what the specs say."""
    return replace(site, settings=replace(site.settings, gpu_source="cdi", cdi_dirs=(specs,)))


def cards(specs: Path, *names: str) -> None:
    write_spec(specs / "test.json", "hub-ext.test/gpu", {name: Path(f"/dev/none{name}") for name in names})


def known(site: Site) -> dict[str, GpuHealth]:
    with site.store.reading() as tx:
        return {gpu.device.rpartition("=")[2]: gpu.health for gpu in gpus.listing(tx)}


async def test_a_refresh_finds_what_is_there_and_loses_what_is_not(
    node: Site, specs: Path, actor: Actor, record: Record
) -> None:
    cards(specs, "0", "1")
    ids = ("local/hub-ext.test/gpu=0", "local/hub-ext.test/gpu=1")
    assert await flow.refresh(node, actor) == flow.GpuChanges(ids, (), 0)
    assert await flow.refresh(node, actor) == flow.GpuChanges((), (), 2)

    cards(specs, "1")
    assert await flow.refresh(node, actor) == flow.GpuChanges((), ids[:1], 1)
    assert known(node) == {"0": GpuHealth.LOST, "1": GpuHealth.OK}
    assert await flow.refresh(node, actor) == flow.GpuChanges((), (), 1)

    cards(specs, "0", "1")
    assert await flow.refresh(node, actor) == flow.GpuChanges(ids[:1], (), 1)
    assert known(node) == {"0": GpuHealth.OK, "1": GpuHealth.OK}
    assert [(event.verb.value, event.subject) for event in record()] == [
        ("gpu.found", ids[0]),
        ("gpu.found", ids[1]),
        ("gpu.lost", ids[0]),
        ("gpu.found", ids[0]),
    ]


async def test_a_card_that_is_shared_otherwise_is_the_same_card(
    node: Site, specs: Path, actor: Actor, clock: Clock
) -> None:
    cards(specs, "0")
    await flow.refresh(node, actor)
    first = clock()
    clock.forward(days=1)
    shared = replace(node, settings=replace(node.settings, gpu_shares=3))
    assert (await flow.refresh(shared, actor)).unchanged == 0
    with node.store.reading() as tx:
        assert [(gpu.shares, gpu.created) for gpu in gpus.listing(tx)] == [(3, first)]


async def test_an_inventory_that_cannot_be_read_loses_nothing(
    node: Site, specs: Path, actor: Actor, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards(specs, "0")
    await flow.refresh(node, actor)
    before = record()

    def fails(settings: Settings) -> tuple[Gpu, ...]:
        raise EngineError("The NVIDIA driver does not tell its GPUs.")

    monkeypatch.setattr(flow.gpu_inventory, "inventory", fails)
    with pytest.raises(EngineError):
        await flow.refresh(node, actor)
    assert known(node) == {"0": GpuHealth.OK}
    assert record() == before


# --- on the real engine ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kind(settings: Settings) -> Iterator[str]:
    """Two cards of a kind of this run's own, described in /etc/cdi; taken away again."""
    name = f"{settings.instance}-flow.hub-ext.test/gpu"
    nodes = Path(f"/dev/{settings.instance}-flowgpu")
    spec = Path(f"/etc/cdi/{settings.instance}-flow.json")
    nodes.mkdir()
    spec.parent.mkdir(exist_ok=True)
    try:
        for card in ("0", "1"):
            os.mknod(nodes / card, stat.S_IFCHR | 0o666, ZERO)
        write_spec(spec, name, {card: nodes / card for card in ("0", "1")})
        yield name
    finally:
        spec.unlink(missing_ok=True)
        shutil.rmtree(nodes)


@pytest.fixture
def with_gpus(scenario: Scenario, kind: str) -> Scenario:
    """The scenario on a node with two free GPUs."""
    with scenario.site.store.transaction() as tx:
        for card in ("0", "1"):
            device = f"{kind}={card}"
            gpus.add(tx, Gpu(f"local/{device}", "local", device, "test", 0, scenario.site.now()))
    return scenario


def held(scenario: Scenario) -> list[str]:
    """Launches that hold a GPU."""
    with scenario.site.store.reading() as tx:
        return sorted(lease.launch_id for lease in leases.active(tx))


async def devices(scenario: Scenario, plan: LaunchPlan) -> set[str]:
    """The fake GPUs in the running container."""
    inspected = await scenario.container(plan.launch_id)
    assert inspected is not None
    seen = os.listdir(f"/proc/{inspected['State']['Pid']}/root/dev")
    return {name for name in seen if name.startswith("fakegpu")}


async def ended(scenario: Scenario, launch_id: str) -> None:
    """Returns once the container does not run any more."""
    for _ in range(100):
        if await launch.poll(scenario.site, launch_id) is not None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it still runs")


async def test_a_launch_sees_its_gpu_and_no_other_and_gives_it_back(with_gpus: Scenario, kind: str) -> None:
    plans = [await with_gpus.admitted(gpus=1, server_name=f"g{number}") for number in (0, 1)]
    bare = await with_gpus.admitted(server_name="none")
    await asyncio.gather(*map(with_gpus.start, (*plans, bare)))

    seen = [await devices(with_gpus, plan) for plan in plans]
    assert seen == [{f"fakegpu{plan.gpus[0].device.rpartition('=')[2]}"} for plan in plans]
    assert seen[0] != seen[1]
    assert await devices(with_gpus, bare) == set()
    refusal = await with_gpus.refused(gpus=1, server_name="more")
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_NONE_FREE]

    # One is stopped, the other killed behind our back: both GPUs are free again.
    await launch.stop(with_gpus.site, plans[0].launch_id, StopReason.PERSON, with_gpus.plan_actor)
    assert held(with_gpus) == [plans[1].launch_id]
    name = container_name(with_gpus.site, plans[1].launch_id)
    engine_url = with_gpus.site.settings.engine_url
    await asyncio.to_thread(
        subprocess.run, ["docker", "--host", engine_url, "kill", name], check=True, capture_output=True
    )
    await ended(with_gpus, plans[1].launch_id)
    await launch.release(with_gpus.site, plans[1].launch_id)
    assert held(with_gpus) == []
    again = await with_gpus.admitted(gpus=1, server_name="g0")
    assert again.gpus[0].device in (f"{kind}=0", f"{kind}=1")


async def test_a_lost_gpu_keeps_its_lease_and_is_given_to_nobody(
    with_gpus: Scenario, specs: Path, actor: Actor
) -> None:
    plan = await with_gpus.admitted(gpus=1)
    settings = replace(with_gpus.site.settings, gpu_source="cdi", cdi_dirs=(specs,))
    changes = await flow.refresh(replace(with_gpus.site, settings=settings), actor)
    assert plan.gpus[0].id in changes.lost
    assert held(with_gpus) == [plan.launch_id]
    await launch.release(with_gpus.site, plan.launch_id)
    refusal = await with_gpus.refused(gpus=1)
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_NONE_FREE]


async def test_a_crash_that_the_hub_does_not_see_is_mended(with_gpus: Scenario) -> None:
    plan = await with_gpus.admitted(gpus=1)
    await with_gpus.start(plan)
    await with_gpus.site.engine.kill(container_name(with_gpus.site, plan.launch_id))
    await ended(with_gpus, plan.launch_id)
    assert held(with_gpus) == [plan.launch_id]
    await reconcile.sweep(with_gpus.site)
    assert held(with_gpus) == []


async def test_a_start_whose_gpu_the_engine_does_not_know_holds_none(with_gpus: Scenario) -> None:
    plan = await with_gpus.admitted(gpus=1)
    gone = replace(plan.gpus[0], device=plan.gpus[0].device[:-1] + "7")
    with pytest.raises(EngineError, match="CDI"):
        await with_gpus.start(replace(plan, gpus=(gone,)))
    assert held(with_gpus) == []
    assert await with_gpus.container(plan.launch_id) is None


RACER = """
import asyncio, pickle, sys
from hub_ext.flows.launch import admit
from hub_ext.flows.site import open_site

settings, request, actor = pickle.load(open(sys.argv[1], "rb"))

async def main():
    site = open_site(settings)
    await site.engine.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    decision = await admit(site, request, actor, groups=frozenset())
    reasons = getattr(decision, "reasons", None)
    print("admitted" if reasons is None else " ".join(reason.code for reason in reasons), flush=True)
    site.close()

asyncio.run(main())
"""


async def test_two_processes_race_for_the_last_gpu_and_one_wins(
    with_gpus: Scenario, kind: str, tmp_path: Path
) -> None:
    await with_gpus.admitted(gpus=1, server_name="first")  # and then there was one
    for turn in range(3):
        racers, asked = [], []
        for number in (0, 1):
            request = with_gpus.request(gpus=1, server_name=f"r{turn}{number}")
            asked.append(request.launch_id)
            told = tmp_path / f"racer-{turn}-{number}"
            told.write_bytes(pickle.dumps((with_gpus.site.settings, request, with_gpus.plan_actor)))
            racers.append(
                subprocess.Popen(  # noqa: ASYNC220
                    [sys.executable, "-c", RACER, str(told)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        said = [racer.communicate(timeout=60)[0].strip() for racer in racers]
        assert sorted(said) == ["admitted", "gpus-none-free"]
        winner, loser = asked[said.index("admitted")], asked[said.index("gpus-none-free")]
        assert winner in held(with_gpus)
        assert len(held(with_gpus)) == 2
        assert with_gpus.verbs(winner) == ["launch.admitted"]
        assert with_gpus.verbs(loser) == ["launch.refused"]
        await launch.release(with_gpus.site, winner)
        with with_gpus.site.store.reading() as tx:
            assert launches.get(tx, winner).state is LaunchState.FAILED
            assert launches.find(tx, loser) is None
