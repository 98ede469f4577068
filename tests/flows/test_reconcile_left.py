"""What a Hub, a reconciler or an engine that was killed left behind, on the real engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE, LABEL_SEED, PROBE, EngineAnswered
from hub_ext.adapters.store import launches
from hub_ext.flows import reconcile
from hub_ext.flows.launch import end
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.reconcile import Mend, Mended
from hub_ext.model import LaunchState, StopReason, Verb
from tests.support.held import Held


async def test_what_another_hub_began_has_nobody_to_finish_it(held: Held) -> None:
    """Also where the engine was down when the present Hub began, and could not be compared then."""
    before = await held.scenario.admitted()
    stopping = await held.scenario.admitted(server_name="stopping")
    await held.scenario.start(stopping)
    with held.site.store.transaction() as tx:
        launch = launches.get(tx, stopping.launch_id)
        end.announce(tx, held.site, launch, StopReason.PERSON, held.scenario.plan_actor)
    hub_since = held.site.now()
    after = await held.scenario.admitted(server_name="after")

    assert await reconcile.sweep(held.site) == ()
    assert set(await reconcile.sweep(held.site, hub_since=hub_since)) == {
        Mended(Mend.LAUNCH_RELEASED, before.launch_id),
        Mended(Mend.LAUNCH_RELEASED, stopping.launch_id),
    }
    assert held.launch(before).state is LaunchState.FAILED
    assert held.launch(stopping).state is LaunchState.ENDED
    assert held.launch(after).state is LaunchState.ADMITTED


async def test_a_launch_that_the_hub_has_lost_is_stopped(held: Held) -> None:
    plan, other = await held.running(), await held.scenario.admitted(server_name="second")
    await held.scenario.start(other)
    mended = await reconcile.sweep(held.site, forgotten=[plan.launch_id])
    assert mended == (Mended(Mend.LAUNCH_FORGOTTEN, plan.launch_id),)
    launch = held.launch(plan)
    assert (launch.state, launch.stop_reason) == (LaunchState.ENDED, "hub-lost")
    assert held.leases == ()
    assert held.launch(other).state is LaunchState.RUNNING
    assert held.mends == [(plan.launch_id, "launch-forgotten")]
    assert held.scenario.verbs(plan.launch_id)[-3:] == [
        "launch.stopping",
        "launch.stopped",
        "reconcile.mended",
    ]


async def test_one_launch_alone_is_looked_at_when_its_container_ends(held: Held) -> None:
    first, second = await held.running(), await held.scenario.admitted(server_name="second")
    await held.scenario.start(second)
    for plan in (first, second):
        await held.site.engine.remove(container_name(held.site, plan.launch_id))
    mended = await reconcile.sweep(held.site, only=first.launch_id)
    assert mended == (Mended(Mend.LAUNCH_RELEASED, first.launch_id),)
    assert held.launch(second).state is LaunchState.RUNNING


async def test_how_it_ended_outlives_whoever_took_its_container_away(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await held.running()
    name = container_name(held.site, plan.launch_id)
    await held.site.engine.kill(name)
    await held.exited(name)
    with monkeypatch.context() as killed:
        killed.setattr(end, "_write_end", _killed)
        with pytest.raises(KeyboardInterrupt):
            await end.release(held.site, plan.launch_id)
    assert await held.site.engine.inspect(name) is None
    assert held.launch(plan).state is LaunchState.RUNNING
    assert await reconcile.sweep(held.site) == (Mended(Mend.LAUNCH_RELEASED, plan.launch_id),)
    assert (held.launch(plan).stop_reason, held.launch(plan).outcome) == (
        "ended-by-itself",
        "exit status 137",
    )
    (stopped,) = (one for one in held.scenario.record(plan.launch_id) if one.verb is Verb.LAUNCH_STOPPED)
    assert stopped.facts["exit_code"] == 137


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


async def test_of_two_that_release_one_ends_it(held: Held) -> None:
    plan = await held.running()
    name = container_name(held.site, plan.launch_id)
    await held.site.engine.kill(name)
    await held.exited(name)
    both = await asyncio.gather(
        end.release(held.site, plan.launch_id), reconcile.sweep(held.site, only=plan.launch_id)
    )
    assert held.launch(plan).outcome == "exit status 137"
    assert held.scenario.verbs(plan.launch_id).count("launch.stopped") == 1
    # A mend is on record where it was one, and not where the Hub was quicker.
    assert both[0] == (both[1] == ())
    assert len(held.mends) == len(both[1])


@pytest.mark.parametrize("label", [LABEL_SEED, LABEL_PROBE])
async def test_what_seeds_and_probes_leave_behind_is_removed_in_time(held: Held, label: str) -> None:
    name = f"{held.site.settings.instance}-left"
    body = {
        "Image": held.site.settings.seed_image,
        "Cmd": ["/none"],
        "Labels": {LABEL_INSTANCE: held.site.settings.instance, label: PROBE},
    }
    await held.site.engine.create(name, body)
    assert await reconcile.sweep(held.site) == ()
    began = held.site.now()
    late = replace(held.site, now=lambda: began + reconcile.PROBE_HOLDS + timedelta(seconds=1))
    assert await reconcile.sweep(late) == (Mended(Mend.CONTAINER_REMOVED, name),)
    assert await held.site.engine.inspect(name) is None


async def test_a_container_that_cannot_be_removed_holds_up_nothing_and_is_written_down_once(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await held.running()
    await held.site.engine.remove(container_name(held.site, plan.launch_id))
    await held.created("lau-stray")

    async def busy(*_: object) -> None:
        raise EngineAnswered("remove a container", 500, "device or resource busy")

    with monkeypatch.context() as stuck:
        stuck.setattr(held.site.engine, "remove", busy)
        assert await reconcile.sweep(held.site) == (Mended(Mend.LAUNCH_RELEASED, plan.launch_id),)
        assert await reconcile.sweep(held.site) == ()
    said = [("lau-stray", "container-removed"), (plan.launch_id, "launch-released")]
    assert held.mends == said
    assert await reconcile.sweep(held.site) == (Mended(Mend.CONTAINER_REMOVED, "lau-stray"),)
    assert held.mends == said
