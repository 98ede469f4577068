"""A launch from admission to its end, on the real engine."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters import launch_secrets, notebook_server, session_files
from hub_ext.adapters.store import exposures, launches, leases, volumes
from hub_ext.errors import HubExtError, ImageUnavailable, LaunchFailed, PlanMismatch
from hub_ext.flows import launch as flow
from hub_ext.flows.launch import Step, StepKind, addresses
from hub_ext.flows.launch.end import container_name
from hub_ext.model import Launch, LaunchPlan, LaunchState, StopReason
from hub_ext.model.interfaces import JUPYTER, SecretPlace, SecretScheme
from tests.support.asked import asked, heard
from tests.support.scenario import SECRETS, Scenario


def stored(scenario: Scenario, plan: LaunchPlan) -> Launch:
    with scenario.site.store.reading() as tx:
        return launches.get(tx, plan.launch_id)


async def test_a_server_from_click_to_end(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    told: list[Step] = []
    started = await scenario.start(plan, tell=told.append)

    assert await notebook_server.answers(f"{started.address}:{started.port}", "/user/ada/api")
    launch = stored(scenario, plan)
    assert (launch.state, launch.container_id) == (LaunchState.RUNNING, started.container_id)
    assert launch.upstream == f"{started.address}:8888"
    assert launch_secrets.read(scenario.site.settings, plan.launch_id) == SECRETS
    assert session_files.launch_ids(scenario.site.settings) == {plan.launch_id}
    assert await flow.poll(scenario.site, plan.launch_id) is None
    kinds = [step.kind for step in told]
    assert kinds[-4:] == [StepKind.VOLUMES, StepKind.CREATE, StepKind.START, StepKind.ANSWER]

    await flow.stop(scenario.site, plan.launch_id, StopReason.PERSON, scenario.plan_actor)

    launch = stored(scenario, plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.ENDED, "stopped-by-person")
    assert launch.outcome == "exit status 0"
    assert launch_secrets.launch_ids(scenario.site.settings) == frozenset()
    assert session_files.launch_ids(scenario.site.settings) == frozenset()
    assert await scenario.container(plan.launch_id) is None
    assert await flow.poll(scenario.site, plan.launch_id) == 0
    assert scenario.verbs(plan.launch_id) == [
        "launch.admitted",
        "launch.started",
        "launch.stopping",
        "launch.stopped",
    ]


async def test_what_was_mounted_is_on_record_before_the_start(scenario: Scenario) -> None:
    plan = await scenario.admitted(datasets=("mri", "table"))
    await scenario.start(plan)
    with scenario.site.store.reading() as tx:
        mounted = volumes.listing(tx, ids=stored(scenario, plan).volume_ids)
        seen = exposures.listing(tx, volume_ids=[volume.id for volume in mounted])
    assert len(mounted) == 2
    assert {(known.volume_id, known.dataset) for known in seen} == {
        (volume.id, slug) for volume in mounted for slug in ("mri", "table")
    }
    inspected = await scenario.container(plan.launch_id)
    assert inspected is not None
    assert all(known.first.isoformat() < inspected["State"]["StartedAt"] for known in seen)


async def test_two_launches_share_one_home_that_is_seeded_once(scenario: Scenario) -> None:
    one = await scenario.admitted()
    two = await scenario.admitted(server_name="two")
    await asyncio.gather(scenario.start(one), scenario.start(two))
    assert stored(scenario, one).volume_ids == stored(scenario, two).volume_ids
    mounts = [
        {
            mount["Name"]
            for mount in (await scenario.container(plan.launch_id) or {})["Mounts"]
            if mount["Type"] == "volume"
        }
        for plan in (one, two)
    ]
    assert mounts[0] == mounts[1]
    assert len(mounts[0]) == 2


async def test_a_home_that_vanished_is_not_replaced_by_an_empty_one(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    await scenario.start(plan)
    await flow.stop(scenario.site, plan.launch_id, StopReason.PERSON, scenario.plan_actor)
    with scenario.site.store.reading() as tx:
        home = volumes.find_home(tx, "local", "onco", scenario.ada.id)
    assert home is not None
    await scenario.site.engine.remove_volume(home.name)

    again = await scenario.admitted()
    with pytest.raises(HubExtError) as caught:
        await scenario.start(again)
    assert caught.value.cause == "volume-gone"
    assert not await scenario.site.engine.has_volume(home.name)


@pytest.mark.parametrize(
    ("image", "cause"), [("die", "ended"), ("hang", "silent"), ("memory", "out-of-memory")]
)
async def test_a_server_that_does_not_come_up_leaves_nothing(
    scenario: Scenario, image: str, cause: str
) -> None:
    plan = await scenario.admitted(environment=image)
    if image == "memory":
        plan = replace(plan, mem_bytes=64 * 1024**2)
    with pytest.raises(LaunchFailed) as caught:
        await scenario.start(plan)
    assert caught.value.cause == cause
    if image == "die":
        assert "the stub says why" in caught.value.advice
    launch = stored(scenario, plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.FAILED, "start-failed")
    assert launch.outcome == f"LaunchFailed: {cause}"
    assert await scenario.container(plan.launch_id) is None
    assert scenario.verbs(plan.launch_id) == ["launch.admitted", "launch.failed"]


async def test_a_command_that_the_image_does_not_have_is_no_failure_of_the_engine(
    scenario: Scenario,
) -> None:
    plan = await scenario.admitted()
    with pytest.raises(LaunchFailed) as caught:
        await scenario.start(plan, command=("no-such-server", "--port=1"))
    assert caught.value.cause == "ended"
    assert "no-such-server" in caught.value.advice
    assert stored(scenario, plan).outcome == "LaunchFailed: ended"
    assert await scenario.container(plan.launch_id) is None


async def test_it_is_asked_at_its_interface_s_port_with_the_secret(scenario: Scenario) -> None:
    """The stub answers at 8888 whatever it is told, and without its secret only to `/api`."""
    plan = await scenario.admitted()
    keyed = {"env": {"JUPYTER_TOKEN": SECRETS.token}, "probe_path": "/user/ada/api/kernels"}
    started = await scenario.start(plan, **keyed)
    assert stored(scenario, plan).upstream == f"{started.address}:8888"
    for interface in (
        replace(JUPYTER, port=8889),
        replace(JUPYTER, secret=SecretPlace("JUPYTER_TOKEN", SecretScheme.NONE)),
        replace(JUPYTER, secret=SecretPlace("JUPYTER_TOKEN", SecretScheme.BEARER)),
    ):
        other = replace(await scenario.admitted(server_name="other"), interface=interface)
        with pytest.raises(LaunchFailed) as caught:
            await scenario.start(other, **keyed)
        assert caught.value.cause == "silent"


async def test_a_start_that_is_given_up_leaves_nothing(scenario: Scenario) -> None:
    plan = await scenario.admitted(environment="hang")
    answering = asyncio.Event()

    def tell(step: Step) -> None:
        if step.kind is StepKind.ANSWER:
            answering.set()

    start = asyncio.create_task(scenario.start(plan, tell=tell))
    await answering.wait()
    await asyncio.sleep(0.2)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert await scenario.container(plan.launch_id) is None
    assert stored(scenario, plan).outcome == "cancelled"
    assert scenario.verbs(plan.launch_id)[-1] == "launch.failed"


async def test_an_image_that_the_registry_lost_fails_the_launch(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    gone = replace(plan, reference=replace(plan.reference, digest="sha256:" + "0" * 64))
    with pytest.raises(ImageUnavailable) as caught:
        await scenario.start(gone)
    assert caught.value.cause == "image-gone"
    assert scenario.verbs(plan.launch_id) == ["launch.admitted", "launch.failed"]


async def test_a_server_that_ends_by_itself_is_released_with_its_exit_status(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    started = await scenario.start(plan)
    assert not await notebook_server.answers(f"{started.address}:{started.port}", "/exit")
    for _ in range(50):
        if (status := await flow.poll(scenario.site, plan.launch_id)) is not None:
            break
        await asyncio.sleep(0.1)
    assert status == 7
    await flow.release(scenario.site, plan.launch_id)
    await flow.release(scenario.site, plan.launch_id)
    launch = stored(scenario, plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.ENDED, "ended-by-itself")
    assert launch.outcome == "exit status 7"
    assert scenario.verbs(plan.launch_id).count("launch.stopped") == 1


async def test_the_address_of_a_server_that_ended_goes_to_nobody(scenario: Scenario) -> None:
    """The gate sends requests there until it hears of the end; the engine gives the address away at once."""
    plan = await scenario.admitted()
    ended = await scenario.start(plan)
    await notebook_server.answers(ended.address, "/exit")
    for _ in range(50):
        if await flow.poll(scenario.site, plan.launch_id) is not None:
            break
        await asyncio.sleep(0.1)
    meanwhile = await scenario.start(await scenario.admitted(server_name="two"))
    assert meanwhile.address != ended.address
    await flow.release(scenario.site, plan.launch_id)
    afterwards = await scenario.start(await scenario.admitted(server_name="three"))
    assert afterwards.address not in (ended.address, meanwhile.address)


async def test_a_network_without_an_address_left_fails_the_launch(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "next_address", lambda *_: None)
    plan = await scenario.admitted()
    with pytest.raises(LaunchFailed) as caught:
        await scenario.start(plan)
    assert caught.value.cause == "no-address"
    assert stored(scenario, plan).state is LaunchState.FAILED


async def test_release_touches_no_server_that_runs(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    await scenario.start(plan)
    await flow.release(scenario.site, plan.launch_id)
    assert stored(scenario, plan).state is LaunchState.RUNNING
    assert await flow.poll(scenario.site, plan.launch_id) is None


async def test_the_first_reason_of_a_stop_stands(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    await scenario.start(plan)
    await asyncio.gather(
        flow.stop(scenario.site, plan.launch_id, StopReason.IDLE, scenario.plan_actor),
        flow.stop(scenario.site, plan.launch_id, StopReason.PERSON, scenario.plan_actor),
    )
    record = [event for event in scenario.record(plan.launch_id) if event.verb == "launch.stopping"]
    assert len(record) == 1
    assert stored(scenario, plan).stop_reason == record[0].facts["reason"]
    assert scenario.verbs(plan.launch_id).count("launch.stopped") == 1


async def test_an_engine_that_is_down_is_never_gone(scenario: Scenario) -> None:
    plan = await scenario.admitted()
    await scenario.start(plan)
    down = replace(scenario.site.settings, engine_url="unix:///nowhere/docker.sock", engine_seconds=1)
    blind = replace(scenario.site, settings=down)
    assert await flow.poll(blind, plan.launch_id) is None
    await flow.release(blind, plan.launch_id)
    with pytest.raises(HubExtError):
        await flow.stop(blind, plan.launch_id, StopReason.PERSON, scenario.plan_actor)
    blind.engine.close()
    launch = stored(scenario, plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.STOPPING, "stopped-by-person")
    # The reconciler's part, once the engine answers again.
    await flow.release(scenario.site, plan.launch_id)
    assert stored(scenario, plan).state is LaunchState.ENDED
    assert await scenario.container(plan.launch_id) is None


async def test_leases_end_with_the_launch(scenario: Scenario) -> None:
    plan = await scenario.admitted(environment="die")
    with pytest.raises(LaunchFailed):
        await scenario.start(plan)
    with scenario.site.store.reading() as tx:
        assert leases.active(tx) == ()


@pytest.mark.parametrize("put_back", [True, False], ids=["put back at once", "left there"])
async def test_a_folder_swapped_for_a_link_at_the_start(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, *, put_back: bool
) -> None:
    """By whoever may write above it, between our look and the engine's mount."""
    plan = await scenario.admitted()
    folder = Path(plan.data[0].folder)
    aside, other = folder.with_name("aside"), folder.parent.parent / "table" / "1"
    engine = scenario.site.engine
    seen: list[bool] = []
    real = engine.start

    def swap() -> None:
        folder.rename(aside)
        folder.symlink_to(other)

    def swap_back(process: int) -> None:
        # The control: without our second look, the container would have another dataset in this one's place.
        seen.append(os.path.samefile(f"/proc/{process}/root/data/mri", other))
        if put_back:
            folder.unlink()
            aside.rename(folder)

    async def swap_and_start(name: str) -> None:
        await asyncio.to_thread(swap)
        await real(name)
        inspected = await engine.inspect(name)
        assert inspected is not None
        await asyncio.to_thread(swap_back, inspected["State"]["Pid"])

    with monkeypatch.context() as swapping:
        swapping.setattr(engine, "start", swap_and_start)
        with pytest.raises(PlanMismatch, match="folder of mri was replaced"):
            await scenario.start(plan)
    assert seen == [True]
    assert await scenario.container(plan.launch_id) is None
    assert stored(scenario, plan).state is LaunchState.FAILED


async def test_a_start_asks_the_engine_four_times(scenario: Scenario) -> None:
    """Of somebody who has started before, while the engine's events are heard."""
    engine = scenario.site.engine
    async with heard(engine, scenario.site.settings.instance):
        first = await scenario.admitted(datasets=("mri",))
        await scenario.start(first)
        await flow.stop(scenario.site, first.launch_id, StopReason.PERSON, scenario.plan_actor)
        with asked(engine) as calls:
            plan = await scenario.admitted(datasets=("mri",))
            await scenario.start(plan)
            assert await flow.poll(scenario.site, plan.launch_id) is None
        name = container_name(scenario.site, plan.launch_id)
        assert calls == [
            "POST /containers/create",
            f"GET /containers/{name}/json",
            f"POST /containers/{name}/start",
            f"GET /containers/{name}/json",
        ]


async def test_the_engine_is_not_asked_again_and_again_while_a_server_is_slow(scenario: Scenario) -> None:
    engine = scenario.site.engine
    async with heard(engine, scenario.site.settings.instance):
        plan = await scenario.admitted(environment="hang")
        with asked(engine) as calls, pytest.raises(LaunchFailed):
            await scenario.start(plan)
    name = container_name(scenario.site, plan.launch_id)
    while_starting = calls[: calls.index(f"GET /containers/{name}/logs")]
    assert while_starting.count(f"GET /containers/{name}/json") == 2


async def test_a_server_that_dies_at_its_start_is_heard(scenario: Scenario) -> None:
    async with heard(scenario.site.engine, scenario.site.settings.instance):
        plan = await scenario.admitted(environment="die")
        began = time.monotonic()
        with pytest.raises(LaunchFailed) as caught:
            await scenario.start(plan)
    assert caught.value.cause == "ended"
    assert time.monotonic() - began < scenario.site.settings.start_seconds
