"""Warnings are kept while they stand and recorded once; more time is bounded, recorded, and obeyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from hub_ext.adapters.store import extensions, idle_warnings, launches
from hub_ext.errors import InputError
from hub_ext.expression.warnings import WARNINGS, warning_words
from hub_ext.flows import idle_warnings as flow
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, AuditEvent, Launch, LaunchState, StopReason, Verb
from hub_ext.model.idleness import StopAhead
from hub_ext.policy.idle import Cull, Keep, Warn
from tests.adapters.store import samples
from tests.flows.conftest import Clock

Record = Callable[[], list[AuditEvent]]
ANNE = Actor(ActorKind.PERSON, "per-2")


@pytest.fixture
def launch(site: Site) -> Launch:
    """A running launch of Anne's."""
    kept = (samples.NODE, samples.IDLE_WARNING, samples.EXTENSION)
    made = replace(samples.launch(30), state=LaunchState.RUNNING)
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if not any(value is one for one in kept):
                module.add(tx, value)
        launches.add(tx, made)
    return made


def ahead(site: Site, launch: Launch) -> StopAhead:
    with site.store.reading() as tx:
        return flow.ahead(tx, site, launch)


def verbs(record: Record, verb: Verb) -> list[AuditEvent]:
    return [event for event in record() if event.verb is verb]


def test_a_warning_is_recorded_once_and_goes_when_something_happens(
    site: Site, launch: Launch, clock: Clock, record: Record
) -> None:
    at = clock.later(minutes=20)
    flow.write_down(site, [(launch, Warn(StopReason.IDLE, at))])
    flow.write_down(site, [(launch, Warn(StopReason.IDLE, at + timedelta(seconds=20)))])
    flow.write_down(site, [(launch, Warn(StopReason.IDLE, at + timedelta(minutes=5)))])
    (event,) = verbs(record, Verb.CULL_WARNED)
    assert (event.subject, event.facts["reason"], event.facts["person"]) == (launch.id, "idle", "per-2")
    assert ahead(site, launch).at == at + timedelta(minutes=5)
    flow.write_down(site, [(launch, Keep())])
    assert ahead(site, launch).at is None
    flow.write_down(site, [(launch, Warn(StopReason.GPU_IDLE, at))])
    assert [one.facts["reason"] for one in verbs(record, Verb.CULL_WARNED)] == ["idle", "gpu-idle"]
    flow.write_down(site, [(launch, Cull(StopReason.GPU_IDLE))])
    with site.store.reading() as tx:
        assert idle_warnings.listing(tx) == ()


def test_another_reason_is_another_warning(site: Site, launch: Launch, clock: Clock, record: Record) -> None:
    flow.write_down(site, [(launch, Warn(StopReason.IDLE, clock.later(minutes=20)))])
    flow.write_down(site, [(launch, Warn(StopReason.GPU_IDLE, clock.later(minutes=9)))])
    assert len(verbs(record, Verb.CULL_WARNED)) == 2
    assert ahead(site, launch).reason is StopReason.GPU_IDLE


def test_more_time_is_bounded_and_recorded(site: Site, launch: Launch, clock: Clock, record: Record) -> None:
    most, seconds = site.settings.extensions_most, site.settings.extension_seconds
    with pytest.raises(InputError, match="not about to be stopped"):
        flow.extend(site, ANNE, launch.id)
    for number in range(1, most + 1):
        at = clock.later(minutes=10)
        flow.write_down(site, [(launch, Warn(StopReason.IDLE, at))])
        made = flow.extend(site, ANNE, launch.id)
        assert made.until == at + timedelta(seconds=seconds)
        assert ahead(site, launch).left == most - number
        with site.store.reading() as tx:
            assert extensions.ends(tx, clock.moment) == {launch.id: made.until}
        clock.forward(hours=1)
    flow.write_down(site, [(launch, Warn(StopReason.IDLE, clock.later(minutes=10)))])
    with pytest.raises(InputError, match=f"as often as is allowed here \\({most}\\)"):
        flow.extend(site, ANNE, launch.id)
    events = verbs(record, Verb.LAUNCH_EXTENDED)
    assert [event.facts["number"] for event in events] == list(range(1, most + 1))
    assert {event.actor for event in events} == {ANNE}


def test_what_has_ended_is_not_extended(site: Site, launch: Launch, clock: Clock) -> None:
    flow.write_down(site, [(launch, Warn(StopReason.IDLE, clock.later(minutes=10)))])
    with site.store.transaction() as tx:
        launches.replace(tx, replace(launch, state=LaunchState.ENDED))
    with pytest.raises(InputError, match="not about to be stopped"):
        flow.extend(site, ANNE, launch.id)
    assert flow.active(site, launch.id) is None


@pytest.mark.parametrize("reason", WARNINGS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_warning_says_when_and_what_to_do(reason: StopReason, language: str, clock: Clock) -> None:
    words = warning_words(reason, clock.later(minutes=20), clock.moment, language)
    assert "08:20" in words.fact
    assert words.advice
    assert "2026" in warning_words(reason, clock.later(days=2), clock.moment, language).fact
