"""The line for GPUs in the store: joined, called, started, put back, cancelled, failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub_ext.adapters.store import gpus, letters
from hub_ext.adapters.store import queue as rows
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import blocks, gpu_limits, launch, people, queue
from hub_ext.model import (
    Actor,
    ActorKind,
    BlockKind,
    BlockScope,
    Gpu,
    LaunchPlan,
    Reason,
    ReasonCode,
    Refusal,
    Verb,
)
from hub_ext.model.gpu_limits import GpuLimits, LimitKind
from hub_ext.model.letters import LetterKind
from hub_ext.model.queue import Waiting, WaitingState
from hub_ext.settings import MailSettings
from tests.flows.conftest import Clock
from tests.support.scenario import STEWARD, Scenario

OPERATOR = Actor(ActorKind.PERSON, "per-operator")


@pytest.fixture
def line(scenario: Scenario) -> Scenario:
    """A node with one GPU, which nobody holds; the site's clock is the test's."""
    site = replace(
        scenario.site,
        settings=replace(scenario.site.settings, mail=MailSettings("smtps://127.0.0.1:1", "a@b.example")),
        now=Clock(scenario.site.now()),
    )
    scenario.site = site
    with site.store.transaction() as tx:
        gpus.add(tx, Gpu("gpu-0", "local", "hub-ext.test/gpu=0", "test", 0, site.now()))
    for person in (scenario.ada, scenario.bob):
        people.change_person(site, STEWARD, person.id, email=f"{person.username}@hospital.example")
    return scenario


def forward(line: Scenario, **by: float) -> None:
    clock = line.site.now
    assert isinstance(clock, Clock)
    clock.forward(**by)


async def ask(
    line: Scenario, who: str = "ada", *, by: Actor | None = None, **more: Any
) -> LaunchPlan | Refusal:
    """A start with one GPU, by the person themselves."""
    person = getattr(line, who)
    request = line.request(**{"gpus": 1, "person_id": person.id, "datasets": ()} | more)
    actor = by or Actor(ActorKind.PERSON, person.id)
    return await launch.admit(line.site, request, actor, groups=frozenset())


async def wait(line: Scenario, who: str = "bob", **more: Any) -> Waiting:
    """Taken into line."""
    told = await ask(line, who, wait=True, **more)
    assert isinstance(told, Refusal)
    assert [reason.code for reason in told.reasons] == [ReasonCode.GPUS_IN_LINE]
    return newest(line)


async def started_by_service(line: Scenario, row: Waiting) -> LaunchPlan | Refusal:
    """What the Hub does when the line's service asks for a start."""
    service = Actor(ActorKind.SERVICE, "queue", on_behalf=row.person_id)
    who = next(name for name in ("ada", "bob") if getattr(line, name).id == row.person_id)
    return await ask(line, who, by=service, server_name=row.server_name, project=row.project, gpus=row.gpus)


def newest(line: Scenario) -> Waiting:
    with line.site.store.reading() as tx:
        return rows.living(tx)[-1]


def row(line: Scenario, row_id: str) -> Waiting:
    with line.site.store.reading() as tx:
        return rows.get(tx, row_id)


def codes(told: LaunchPlan | Refusal) -> list[ReasonCode]:
    assert isinstance(told, Refusal), told
    return [reason.code for reason in told.reasons]


def written(line: Scenario) -> list[LetterKind]:
    with line.site.store.reading() as tx:
        return [letter.kind for letter in letters.listing(tx)]


async def test_who_waits_is_called_when_the_gpu_is_free_and_their_launch_ends_the_wait(
    line: Scenario,
) -> None:
    plan = await ask(line, "ada")
    assert isinstance(plan, LaunchPlan)
    assert codes(await ask(line, "bob")) == [ReasonCode.GPUS_NONE_FREE]
    forward(line, minutes=5)
    waiting = await wait(line, "bob")
    (joined,) = line.events_of(Verb.QUEUE_JOINED)
    assert (joined.subject, joined.actor) == (waiting.id, Actor(ActorKind.PERSON, line.bob.id))
    assert joined.facts["gpus"] == 1
    assert joined.facts["person"] == line.bob.id
    assert line.verbs(waiting.id) == ["queue.joined"]
    assert queue.call(line.site) == ()

    await launch.release(line.site, plan.launch_id)
    # Nobody overtakes him: not before he is called, and not after.
    assert codes(await ask(line, "ada")) == [ReasonCode.GPUS_WAITED_FOR]
    (called,) = queue.call(line.site)
    assert (called.id, called.state, called.calls) == (waiting.id, WaitingState.CALLED, 1)
    assert [event.facts["calls"] for event in line.events_of(Verb.QUEUE_CALLED)] == [1]
    assert queue.call(line.site) == (called,)  # a service that was killed goes on from the row
    assert codes(await ask(line, "ada")) == [ReasonCode.GPUS_WAITED_FOR]

    got = await started_by_service(line, called)
    assert isinstance(got, LaunchPlan)
    after = row(line, waiting.id)
    assert (after.state, after.launch_id) == (WaitingState.STARTED, got.launch_id)
    (event,) = line.events_of(Verb.QUEUE_STARTED)
    assert (event.facts["launch"], event.facts["waited_seconds"]) == (got.launch_id, 0)
    assert written(line) == [LetterKind.QUEUE_STARTED]
    # A second start of the same turn is none.
    assert codes(await started_by_service(line, called)) == [ReasonCode.LINE_LEFT]
    assert queue.call(line.site) == ()


async def test_waiting_is_for_free_gpus_alone(line: Scenario) -> None:
    await ask(line, "ada")
    assert ReasonCode.MEMBERSHIP_MISSING in codes(await ask(line, "bob", wait=True, project="cardio"))
    assert codes(await ask(line, "bob", wait=True, gpus=2)) != [ReasonCode.GPUS_IN_LINE]
    none = replace(line.site, settings=replace(line.site.settings, queue_most=0))
    line.site, held = none, line.site
    assert codes(await ask(line, "bob", wait=True)) == [ReasonCode.GPUS_NONE_FREE]
    line.site = held
    assert queue.places(line.site) == ()


async def test_one_row_for_each_server_and_no_more_than_the_bounds(line: Scenario) -> None:
    await ask(line, "ada")
    first = await wait(line, "bob")
    forward(line, minutes=1)
    assert (await wait(line, "bob", size="m")).id == first.id
    again = row(line, first.id)
    assert (again.size, again.asked) == ("m", first.asked)
    assert len(line.events_of(Verb.QUEUE_JOINED)) == 2
    await wait(line, "bob", size="m")
    assert len(line.events_of(Verb.QUEUE_JOINED)) == 2  # nothing was said that was not known

    line.site = replace(line.site, settings=replace(line.site.settings, queue_most_person=2, queue_most=3))
    await wait(line, "bob", server_name="two")
    told = await ask(line, "bob", wait=True, server_name="three")
    assert codes(told) == [ReasonCode.GPUS_NONE_FREE, ReasonCode.LINE_FULL]
    await wait(line, "ada", server_name="mine")
    assert codes(await ask(line, "ada", wait=True, server_name="more"))[-1] is ReasonCode.LINE_FULL


async def test_a_refusal_that_passes_puts_back_and_one_that_does_not_ends_the_wait(line: Scenario) -> None:
    plan = await ask(line, "ada")
    assert isinstance(plan, LaunchPlan)
    waiting = await wait(line, "bob")
    await launch.release(line.site, plan.launch_id)
    (called,) = queue.call(line.site)
    with line.site.store.transaction() as tx:  # the GPU goes out of service just now
        gpus.replace(tx, replace(gpus.get(tx, "gpu-0"), out_since=line.site.now()))
    assert codes(await started_by_service(line, called)) == [ReasonCode.GPUS_NONE_FREE]
    assert row(line, waiting.id).state is WaitingState.WAITING
    (back,) = line.events_of(Verb.QUEUE_PUT_BACK)
    assert back.facts["reasons"] == ["gpus-none-free"]
    assert queue.call(line.site) == ()
    with line.site.store.transaction() as tx:
        gpus.replace(tx, replace(gpus.get(tx, "gpu-0"), out_since=None))
    (called,) = queue.call(line.site)
    people.end_person(line.site, STEWARD, line.bob.id, "left")
    refused = codes(await started_by_service(line, called))
    assert ReasonCode.PERSON_ENDED in refused
    after = row(line, waiting.id)
    assert (after.state, after.ended) == (WaitingState.FAILED, line.site.now())
    assert ReasonCode.PERSON_ENDED in [reason.code for reason in after.why]
    (failed,) = line.events_of(Verb.QUEUE_FAILED)
    assert failed.facts["reasons"] == sorted(refused)
    assert queue.call(line.site) == ()


async def test_why_a_turn_came_in_vain_is_told_until_the_server_starts_again(line: Scenario) -> None:
    plan = await ask(line, "ada")
    assert isinstance(plan, LaunchPlan)
    waiting = await wait(line, "bob")
    await launch.release(line.site, plan.launch_id)
    queue.call(line.site)
    queue.not_taken(line.site, waiting.id, ReasonCode.SIGN_IN_OLD)
    assert written(line) == [LetterKind.QUEUE_FAILED]
    told = queue.own(line.site, line.bob.id)
    assert [(one.id, [why.code for why in one.why]) for one in told.failed] == [
        (waiting.id, [ReasonCode.SIGN_IN_OLD])
    ]
    assert queue.own(line.site, line.ada.id) == queue.Own()
    forward(line, days=8)
    assert queue.own(line.site, line.bob.id).failed == ()
    forward(line, days=-8)
    assert isinstance(await ask(line, "bob"), LaunchPlan)
    assert queue.own(line.site, line.bob.id).failed == ()


async def test_a_start_that_the_hub_does_not_take_is_called_anew_and_then_given_up(line: Scenario) -> None:
    waiting = await _called(line)
    for calls in range(1, queue.MOST_CALLS + 1):
        (called,) = queue.call(line.site)
        assert called.calls == calls
        queue.not_taken(line.site, waiting.id)
        assert row(line, waiting.id).state is WaitingState.CALLED
        forward(line, seconds=queue.CALL_PATIENCE.total_seconds())
        queue.not_taken(line.site, waiting.id)
    after = row(line, waiting.id)
    assert (after.state, [why.code for why in after.why]) == (
        WaitingState.FAILED,
        [ReasonCode.START_NOT_TAKEN],
    )


async def test_a_sign_in_that_is_not_confirmed_now_is_tried_again(line: Scenario) -> None:
    waiting = await _called(line)
    service = Actor(ActorKind.SERVICE, "queue", on_behalf=line.bob.id)
    refusal = Refusal((Reason(ReasonCode.SIGN_IN_OLD),))
    await launch.record_refusal(line.site, "lau-x", service, refusal, (line.bob.id, ""))
    assert row(line, waiting.id).state is WaitingState.CALLED
    forward(line, seconds=queue.CALL_PATIENCE.total_seconds())
    await launch.record_refusal(line.site, "lau-y", service, refusal, (line.bob.id, ""))
    assert row(line, waiting.id).state is WaitingState.WAITING


async def _called(line: Scenario) -> Waiting:
    """Bob, called."""
    plan = await ask(line, "ada")
    assert isinstance(plan, LaunchPlan)
    waiting = await wait(line, "bob")
    await launch.release(line.site, plan.launch_id)
    queue.call(line.site)
    return waiting


async def test_cancelled_by_themselves_or_by_an_operator_who_says_why(line: Scenario) -> None:
    await ask(line, "ada")
    bob = Actor(ActorKind.PERSON, line.bob.id)
    first = await wait(line, "bob")
    cancelled = queue.cancel(line.site, bob, first.id)
    assert (cancelled.state, cancelled.said) == (WaitingState.CANCELLED, "")
    with pytest.raises(InputError):
        queue.cancel(line.site, bob, first.id)
    with pytest.raises(NotFound):
        queue.cancel(line.site, bob, "que-none")
    second = await wait(line, "bob")
    with pytest.raises(InputError):
        queue.cancel(line.site, OPERATOR, second.id)
    assert queue.cancel(line.site, OPERATOR, second.id, "maintenance").said == "maintenance"
    events = line.events_of(Verb.QUEUE_CANCELLED)
    assert [(event.actor, event.facts.get("why")) for event in events] == [
        (bob, None),
        (OPERATOR, "maintenance"),
    ]
    assert queue.places(line.site) == ()


async def test_cancelled_while_it_is_being_started_nothing_starts(line: Scenario) -> None:
    waiting = await _called(line)
    (called,) = queue.call(line.site)
    queue.cancel(line.site, Actor(ActorKind.PERSON, line.bob.id), waiting.id)
    assert codes(await started_by_service(line, called)) == [ReasonCode.LINE_LEFT]
    assert isinstance(await ask(line, "ada"), LaunchPlan)


async def test_who_starts_the_server_themselves_has_what_they_waited_for(line: Scenario) -> None:
    waiting = await _called(line)
    plan = await ask(line, "bob")
    assert isinstance(plan, LaunchPlan)
    assert row(line, waiting.id).launch_id == plan.launch_id
    assert written(line) == []  # they know


async def test_a_server_without_a_gpu_keeps_the_place_and_holds_up_nobody(line: Scenario) -> None:
    plan = await ask(line, "ada")
    assert isinstance(plan, LaunchPlan)
    waiting = await wait(line, "bob")
    assert isinstance(await ask(line, "bob", gpus=0), LaunchPlan)
    await launch.release(line.site, plan.launch_id)
    assert queue.call(line.site) == ()
    (place,) = queue.places(line.site)
    assert (place.row.id, place.on_hold) == (waiting.id, True)
    assert isinstance(await ask(line, "ada"), LaunchPlan)


async def test_what_operators_stop_rests_and_keeps_its_place(line: Scenario) -> None:
    waiting = await _called(line)
    wanted = blocks.Wanted(BlockKind.DRAIN, BlockScope.EVERYTHING, "", "moving")
    made = blocks.add(line.site, STEWARD, wanted)
    assert queue.call(line.site) == ()
    assert row(line, waiting.id).state is WaitingState.WAITING
    blocks.lift(line.site, STEWARD, made.id)
    assert [called.id for called in queue.call(line.site)] == [waiting.id]


async def test_limits_of_the_line_and_the_time_at_the_latest(line: Scenario) -> None:
    gpu_limits.set_limits(line.site, STEWARD, LimitKind.PERSON, "ada", GpuLimits(lease_hours=4.0))
    gpu_limits.set_limits(line.site, STEWARD, LimitKind.PERSON, "bob", GpuLimits(lease_hours=2.0))
    begun = line.site.now()
    plan = await ask(line, "ada")
    assert isinstance(plan, LaunchPlan)
    await wait(line, "bob")
    forward(line, minutes=1)
    await wait(line, "bob", server_name="two")
    told = queue.places(line.site)
    hours = [place.by and (place.by - begun).total_seconds() / 3600 for place in told]
    assert [(place.number, place.of) for place in told] == [(1, 2), (2, 2)]
    assert hours == [4.0, 6.0]
