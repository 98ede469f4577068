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

from hub_ext.adapters.gpu_inventory import Inventory, SeenGpu
from hub_ext.adapters.store import gpus, launches, leases, letters
from hub_ext.errors import EngineError, InputError, NotFound
from hub_ext.flows import gpu as flow
from hub_ext.flows import gpu_service, launch, people, reconcile
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
    Verb,
)
from hub_ext.model.letters import LetterKind
from hub_ext.policy.gpus import works
from hub_ext.settings import MailSettings, Settings
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
    nodes = {name: specs.parent / f"node{name}" for name in names}
    for node in nodes.values():
        node.touch()
    write_spec(specs / "test.json", "hub-ext.test/gpu", nodes)


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


def from_driver(monkeypatch: pytest.MonkeyPatch, *seen: SeenGpu, whole: bool = True) -> None:
    """What a driver says from now on."""
    told = Inventory(seen, whole)
    monkeypatch.setattr(flow.gpu_inventory, "inventory", lambda settings: told)


def card(site: Site, number: int, holders: tuple[str, ...] | None = ()) -> SeenGpu:
    """A card as a driver shows it, with the containers that compute on it."""
    gpu = Gpu(f"GPU-{number}", "local", f"nvidia.com/gpu={number}", "H100", 2**36, site.now())
    return SeenGpu(gpu, holders)


async def test_a_driver_that_leaves_a_card_out_loses_none(
    site: Site, actor: Actor, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_driver(monkeypatch, card(site, 0), card(site, 1))
    await flow.refresh(site, actor)
    before = record()
    from_driver(monkeypatch, card(site, 0), whole=False)
    assert await flow.refresh(site, actor) == flow.GpuChanges((), (), 1)
    assert (known(site), record()) == ({"0": GpuHealth.OK, "1": GpuHealth.OK}, before)
    from_driver(monkeypatch, card(site, 0))
    assert (await flow.refresh(site, actor)).lost == ("GPU-1",)


async def test_a_card_that_somebody_else_computes_on_is_not_offered_until_they_are_gone(
    site: Site, actor: Actor, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_driver(monkeypatch, card(site, 0), card(site, 1))
    await flow.refresh(site, actor)
    # In a container that is none of ours, on the one; in none, on the other.
    from_driver(monkeypatch, card(site, 0, ("f" * 64,)), card(site, 1, ("",)))
    assert (await flow.refresh(site, actor)).found == ("GPU-0", "GPU-1")
    assert set(known(site).values()) == {GpuHealth.HELD_OUTSIDE}
    events = len(record())
    from_driver(monkeypatch, card(site, 0, None), card(site, 1, None))  # unknown changes nothing
    assert (await flow.refresh(site, actor)).unchanged == 2
    assert len(record()) == events
    from_driver(monkeypatch, card(site, 0), card(site, 1, ("",)))
    await flow.refresh(site, actor)
    assert known(site) == {"0": GpuHealth.OK, "1": GpuHealth.HELD_OUTSIDE}
    assert [(event.verb, event.subject, event.facts["health"]) for event in record()[2:]] == [
        (Verb.GPU_HELD_OUTSIDE, "GPU-0", "held-outside"),
        (Verb.GPU_HELD_OUTSIDE, "GPU-1", "held-outside"),
        (Verb.GPU_FOUND, "GPU-0", "ok"),
    ]


# --- what operators decide -------------------------------------------------------------------------


async def test_out_of_service_and_back_with_a_reason(
    node: Site, specs: Path, actor: Actor, record: Record, clock: Clock
) -> None:
    cards(specs, "0")
    await flow.refresh(node, actor)
    (found,) = flow.shares(node)
    with pytest.raises(InputError):
        gpu_service.take_out(node, actor, found.gpu.id, " ")
    since = clock()
    out = gpu_service.take_out(node, actor, found.gpu.device, "its fan is changed")
    assert (out.out_since, out.out_why, works(out)) == (since, "its fan is changed", False)
    clock.forward(hours=1)
    assert gpu_service.take_out(node, actor, out.id, "its fan is changed") == out
    assert gpu_service.take_out(node, actor, out.id, "new fan").out_since == since
    assert await flow.refresh(node, actor) == flow.GpuChanges((), (), 1)  # it stays out
    assert flow.shares(node)[0].gpu.out_why == "new fan"
    back = gpu_service.put_back(node, actor, out.id)
    assert (back, works(back)) == (found.gpu, True)
    assert gpu_service.put_back(node, actor, out.id) == back
    assert [event.verb for event in record()][1:] == [
        Verb.GPU_TAKEN_OUT,
        Verb.GPU_TAKEN_OUT,
        Verb.GPU_PUT_BACK,
    ]
    with pytest.raises(NotFound):
        gpu_service.take_out(node, actor, "GPU-none", "x")


async def test_one_card_is_shared_otherwise_than_the_site_s(
    node: Site, specs: Path, actor: Actor, record: Record
) -> None:
    cards(specs, "0", "1")
    await flow.refresh(node, actor)
    gpu_service.share(node, actor, "hub-ext.test/gpu=0", 3)
    shared = replace(node, settings=replace(node.settings, gpu_shares=2))
    await flow.refresh(shared, actor)
    assert [share.number for share in flow.shares(shared)] == [1, 2, 3, 1, 2]
    assert gpu_service.share(shared, actor, "hub-ext.test/gpu=0", None).shares == 2
    for number in (0, -1, 17):
        with pytest.raises(InputError):
            gpu_service.share(shared, actor, "hub-ext.test/gpu=0", number)
    changes = [event.facts for event in record() if event.verb is Verb.GPU_SHARED]
    assert [(facts["before"], facts["after"], facts["own"]) for facts in changes] == [(1, 3, 3), (3, 2, None)]


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


async def test_a_lost_gpu_keeps_its_lease_which_is_marked_and_is_given_to_nobody(
    with_gpus: Scenario, specs: Path, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await with_gpus.admitted(gpus=1)
    mail = MailSettings("smtps://127.0.0.1:1", "hub-ext@hospital.example")
    settings = replace(with_gpus.site.settings, gpu_source="cdi", cdi_dirs=(specs,), mail=mail)
    site = replace(with_gpus.site, settings=settings)
    people.change_person(site, actor, with_gpus.ada.id, email="ada@hospital.example")
    changes = await flow.refresh(site, actor)
    assert plan.gpus[0].id in changes.lost
    with site.store.reading() as tx:
        (lease,) = leases.active(tx)
        (letter,) = letters.listing(tx)
    assert changes.lost_leases == (lease.id,)
    assert lease.lost is not None
    assert (letter.kind, letter.person_id) == (LetterKind.GPU_LOST, with_gpus.ada.id)
    (event,) = with_gpus.record(lease.id)
    assert (event.verb, event.facts["launch"], event.facts["person"]) == (
        Verb.LEASE_LOST,
        plan.launch_id,
        with_gpus.ada.id,
    )
    # Told once; it stays marked where the device comes back: what computed on it is lost.
    assert await flow.refresh(site, actor) == flow.GpuChanges((), (), 0)
    from_driver(monkeypatch, SeenGpu(plan.gpus[0]))
    assert await flow.refresh(site, actor) == flow.GpuChanges((plan.gpus[0].id,), (), 0)
    monkeypatch.undo()
    assert await flow.refresh(site, actor) == flow.GpuChanges((), (plan.gpus[0].id,), 0)
    with site.store.reading() as tx:
        assert (leases.get(tx, lease.id), letters.listing(tx)) == (lease, (letter,))
    assert held(with_gpus) == [plan.launch_id]
    await launch.release(with_gpus.site, plan.launch_id)
    refusal = await with_gpus.refused(gpus=1)
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_NONE_FREE]


async def test_a_device_that_is_only_known_by_another_name_is_not_lost_nor_given_twice(
    with_gpus: Scenario, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's library is broken for a while, and specs alone tell; or the other way round."""
    first, second = await with_gpus.admitted(gpus=1), await with_gpus.admitted(gpus=1, server_name="two")
    seen = [SeenGpu(replace(plan.gpus[0], id=f"GPU-{number}")) for number, plan in enumerate((first, second))]
    from_driver(monkeypatch, *seen)
    changes = await flow.refresh(with_gpus.site, actor)
    assert set(changes.found) == {"GPU-0", "GPU-1"}
    assert (len(changes.lost), changes.lost_leases) == (2, ())
    refusal = await with_gpus.refused(gpus=1, server_name="three")
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_NONE_FREE]
    await launch.release(with_gpus.site, first.launch_id)
    again = await with_gpus.admitted(gpus=1, server_name="three")
    assert [gpu.id for gpu in again.gpus] == ["GPU-0"]


async def test_a_container_of_ours_computes_on_what_it_leases_and_on_nothing_else(
    with_gpus: Scenario, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = with_gpus.site
    leasing = await with_gpus.admitted(gpus=1)
    bare = await with_gpus.admitted(server_name="bare")
    await asyncio.gather(with_gpus.start(leasing), with_gpus.start(bare))
    with site.store.reading() as tx:
        own, other = (launches.get(tx, plan.launch_id).container_id for plan in (leasing, bare))
        rest = next(gpu for gpu in gpus.listing(tx) if gpu.id != leasing.gpus[0].id)
    from_driver(monkeypatch, SeenGpu(leasing.gpus[0], (own,)), SeenGpu(rest, (other,)))
    changes = await flow.refresh(site, actor)
    assert changes.found == (rest.id,)
    assert changes.trespassers == ((rest.id, bare.launch_id),)
    (event,) = with_gpus.events_of(Verb.GPU_HELD_OUTSIDE)
    assert (event.subject, event.facts["launches"]) == (rest.id, [bare.launch_id])
    assert (await flow.refresh(site, actor)).trespassers == ()  # told once
    # Its lease ended, a process of its container would be a stranger's.
    await launch.stop(site, leasing.launch_id, StopReason.PERSON, with_gpus.plan_actor)
    assert (await flow.refresh(site, actor)).found == (leasing.gpus[0].id,)


async def test_what_runs_on_a_gpu_out_of_service_goes_on_and_nothing_new_starts_there(
    with_gpus: Scenario, actor: Actor
) -> None:
    plan = await with_gpus.admitted(gpus=1)
    other = await with_gpus.admitted(gpus=1, server_name="two")
    for one in (plan, other):
        gpu_service.take_out(with_gpus.site, actor, one.gpus[0].id, "a new fan")
    await with_gpus.start(plan)
    assert await devices(with_gpus, plan) == {f"fakegpu{plan.gpus[0].device.rpartition('=')[2]}"}
    await launch.release(with_gpus.site, other.launch_id)
    refusal = await with_gpus.refused(gpus=1, server_name="two")
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GPUS_NONE_FREE]
    gpu_service.put_back(with_gpus.site, actor, other.gpus[0].id)
    again = await with_gpus.admitted(gpus=1, server_name="two")
    assert again.gpus[0].id == other.gpus[0].id


async def test_shares_beyond_a_smaller_number_are_told_while_somebody_holds_them(
    with_gpus: Scenario, actor: Actor
) -> None:
    site = with_gpus.site
    with site.store.reading() as tx:
        first, second = gpus.listing(tx)
    gpu_service.take_out(site, actor, second.id, "not of this test")
    gpu_service.share(site, actor, first.id, 2)
    for name in ("one", "two"):
        await with_gpus.admitted(gpus=1, server_name=name)
    gpu_service.share(site, actor, first.id, 1)
    held_shares = [share for share in flow.shares(site, first.id) if share.lease]
    assert [share.number for share in held_shares] == [1, 2]
    await with_gpus.refused(gpus=1, server_name="three")
    assert held_shares[1].launch is not None
    await launch.release(site, held_shares[1].launch.id)
    assert [share.number for share in flow.shares(site, first.id)] == [1]
    await with_gpus.refused(gpus=1, server_name="three")


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
