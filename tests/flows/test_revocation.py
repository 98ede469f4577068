"""Which sessions an end of a right ends, by which event of the record; who is warned before, how often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.store import audit, group_words, launches, memberships, unsafe_images
from hub_ext.flows import blocks, dataset_versions, grants, people, projects, revocation
from hub_ext.flows.site import Site
from hub_ext.model import (
    AuditEvent,
    BlockKind,
    BlockScope,
    GroupWord,
    Launch,
    LaunchState,
    UnsafeImage,
    Verb,
)
from hub_ext.settings import Settings
from tests.flows.conftest import Clock
from tests.support import scenario as scenarios
from tests.support.scenario import STEWARD, Scenario


@dataclass
class House:
    """Launches without containers, and a clock."""

    scenario: Scenario
    clock: Clock

    @property
    def site(self) -> Site:
        return self.scenario.site

    async def running(self, **asked: Any) -> str:
        """The id of a launch that runs."""
        plan = await self.scenario.admitted(**asked)
        with self.site.store.transaction() as tx:
            launch = launches.get(tx, plan.launch_id)
            launches.replace(tx, replace(launch, state=LaunchState.RUNNING, started=self.clock()))
        return plan.launch_id

    def look(self) -> set[str]:
        """The launches that a look announces."""
        return {launch.id for launch in revocation.announce_ends(self.site).announced}

    def launch(self, launch_id: str) -> Launch:
        with self.site.store.reading() as tx:
            return launches.get(tx, launch_id)

    def record(self, verb: Verb) -> list[AuditEvent]:
        with self.site.store.reading() as tx:
            assert audit.verify(tx).ok
            return list(audit.listing(tx, verb=verb))


@pytest_asyncio.fixture
async def house(site: Site, clock: Clock, roots: Path, settings: Settings) -> AsyncIterator[House]:
    """The scenario; admissions ask the real engine, no container is made."""
    own = replace(site.settings, engine_url=settings.engine_url, disk_reserve_bytes=0)
    held = replace(site, settings=own)
    try:
        yield House(await scenarios.build(held, roots, {"answer": "sha256:" + "a" * 64}), clock)
    finally:
        held.engine.close()


def revoke(house: House) -> None:
    grants.revoke_grant(house.site, STEWARD, house.scenario.grants["mri>onco"], "the committee asked")


def end_membership(house: House) -> None:
    with house.site.store.reading() as tx:
        (own,) = memberships.listing(tx, person_id=house.scenario.ada.id, project="onco")
    projects.end_membership(house.site, STEWARD, own.id, "left")


def end_person(house: House) -> None:
    people.end_person(house.site, STEWARD, house.scenario.ada.id, "left")


def end_project(house: House) -> None:
    projects.end_project(house.site, STEWARD, "onco", "done")


def end_approval(house: House) -> None:
    with house.site.store.reading() as tx:
        (own,) = [event.subject for event in audit.listing(tx, verb=Verb.APPROVAL_ADDED)][:1]
    projects.end_approval(house.site, STEWARD, own, "withdrawn")


def withdraw(house: House) -> None:
    dataset_versions.withdraw_version(house.site, STEWARD, "mri", 1, "a name in a header")


def let_grant_end(house: House) -> None:
    house.clock.forward(days=365)


def stop(house: House) -> None:
    blocks.add(house.site, STEWARD, blocks.Wanted(BlockKind.STOP, BlockScope.PERSON, "ada", "looked into"))


ENDS = [
    (revoke, "right-ended", [("grant-revoked", Verb.GRANT_REVOKED)]),
    (end_membership, "right-ended", [("membership-ended", Verb.MEMBERSHIP_ENDED)]),
    (end_person, "right-ended", [("person-ended", Verb.PERSON_ENDED)]),
    (end_project, "right-ended", [("project-ended", Verb.PROJECT_ENDED)]),
    (
        end_approval,
        "right-ended",
        [("approval-ended", Verb.APPROVAL_ENDED), ("grant-approval-ended", Verb.APPROVAL_ENDED)],
    ),
    (withdraw, "right-ended", [("version-withdrawn", Verb.VERSION_WITHDRAWN)]),
    (let_grant_end, "right-ended", [("grant-ended", Verb.GRANT_ADDED)]),
    (stop, "blocked", [("blocked", Verb.BLOCK_ADDED)]),
]


@pytest.mark.parametrize("starting", [False, True], ids=["running", "starting"])
@pytest.mark.parametrize(("end", "word", "told"), ENDS, ids=[end.__name__ for end, _, _ in ENDS])
async def test_an_end_is_announced_with_the_event_that_caused_it(
    house: House, end: Callable[[House], None], word: str, told: list[tuple[str, Verb]], starting: bool
) -> None:
    if starting:
        launch_id = (await house.scenario.admitted()).launch_id
    else:
        launch_id = await house.running()
    assert house.look() == set()
    end(house)
    assert house.look() == {launch_id}
    assert house.launch(launch_id).state is LaunchState.STOPPING
    assert house.launch(launch_id).stop_reason == word
    (event,) = house.record(Verb.LAUNCH_STOPPING)
    assert (event.actor, event.subject, event.facts["reason"]) == (revocation.REVOCATION, launch_id, word)
    causes = event.facts["cause"]
    found = [
        (cause["code"], {one.sequence: one.verb for one in _all(house)}[cause["event"]]) for cause in causes
    ]
    # A project's end, too, ends what is in it: its own code comes first among several.
    assert [one for one in found if one in told] == told
    for cause in causes:
        assert cause["event"] < event.sequence
    # The Hub has not stopped it yet: the record says it once.
    assert house.look() == set()
    assert [one.id for one in revocation.unfinished(house.site)] == [launch_id]


def _all(house: House) -> list[AuditEvent]:
    with house.site.store.reading() as tx:
        return list(audit.listing(tx))


async def test_an_image_retired_for_a_security_reason_ends_its_sessions(house: House) -> None:
    launch_id = await house.running()
    with house.site.store.transaction() as tx:
        unsafe_images.add(tx, UnsafeImage("answer", "CVE-2026-1", house.clock()))
    assert house.look() == {launch_id}
    assert house.launch(launch_id).stop_reason == "image-unsafe"


async def test_the_end_of_anothers_right_ends_nothing(house: House) -> None:
    await house.running()
    other = await house.running(server_name="other", project="cardio", datasets=("codes",))
    revoke(house)
    assert other not in house.look()
    assert house.launch(other).state is LaunchState.RUNNING


async def test_a_group_of_which_nothing_was_said_ends_nothing(house: House) -> None:
    launch_id = await house.running()
    with house.site.store.transaction() as tx:
        (own,) = memberships.listing(tx, person_id=house.scenario.ada.id, project="onco")
        memberships.replace(tx, replace(own, group="doctors"))
    assert house.look() == set()
    with house.site.store.transaction() as tx:
        group_words.add(tx, GroupWord(house.scenario.ada.id, "doctors", True, house.clock()))
    assert house.look() == set()
    with house.site.store.transaction() as tx:
        group_words.replace(tx, GroupWord(house.scenario.ada.id, "doctors", False, house.clock()))
    assert house.look() == {launch_id}


async def test_many_at_once_are_all_announced(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "AT_ONCE", 2)
    running = {await house.running(server_name=f"s{number}") for number in range(5)}
    revoke(house)
    assert house.look() == running


async def test_the_next_end_is_known(house: House) -> None:
    await house.running()
    looked = revocation.announce_ends(house.site)
    assert looked.next_end == house.launch(await house.running(server_name="other")).expires_at


async def test_a_session_is_warned_three_times_and_each_time_once(house: House) -> None:
    launch_id = await house.running()
    ends = house.launch(launch_id).expires_at
    assert ends is not None
    house.clock.moment = ends - timedelta(minutes=61)
    assert house.look() == set()
    assert house.record(Verb.LAUNCH_WARNED) == []
    for minutes, due in ((60, 60), (59, 60), (16, 60), (14, 15), (5, 5), (1, 5)):
        house.clock.moment = ends - timedelta(minutes=minutes)
        assert house.look() == set()
        assert house.look() == set()
        assert house.record(Verb.LAUNCH_WARNED)[-1].facts["minutes"] == due
    warned = house.record(Verb.LAUNCH_WARNED)
    assert [event.facts["minutes"] for event in warned] == [60, 15, 5]
    assert {event.subject for event in warned} == {launch_id}
    assert [one["code"] for one in warned[0].facts["cause"]] == ["membership-ended", "grant-ended"]
    house.clock.moment = ends
    assert house.look() == {launch_id}


async def test_an_end_that_comes_without_much_time_is_warned_of_once(house: House) -> None:
    await house.running()
    soon = house.clock.later(minutes=10)
    block = blocks.Wanted(BlockKind.DRAIN, BlockScope.EVERYTHING, "", "new disk", end_by=soon)
    blocks.add(house.site, STEWARD, block)
    assert house.look() == set()
    (event,) = house.record(Verb.LAUNCH_WARNED)
    assert (event.facts["minutes"], event.facts["cause"][0]["code"]) == (15, "blocked")
    (added,) = house.record(Verb.BLOCK_ADDED)
    assert event.facts["cause"][0]["event"] == added.sequence
    house.clock.moment = soon
    assert len(house.look()) == 1


async def test_a_renewed_right_takes_the_warning_back(house: House) -> None:
    launch_id = await house.running()
    house.clock.forward(days=364, hours=23, minutes=30)
    house.look()
    with house.site.store.reading() as tx:
        ahead = revocation.end_ahead(tx, launches.get(tx, launch_id), house.clock())
    assert ahead is not None
    later = house.clock.later(hours=20)
    grants.renew_grant(house.site, STEWARD, house.scenario.grants["mri>onco"], valid_until=later)
    with house.site.store.reading() as tx:
        (own,) = memberships.listing(tx, person_id=house.scenario.ada.id, project="onco")
    with house.site.store.transaction() as tx:
        memberships.replace(tx, replace(own, valid_until=later))
    with house.site.store.reading() as tx:
        assert revocation.end_ahead(tx, launches.get(tx, launch_id), house.clock()) is None
    house.look()
    assert [event.facts["minutes"] for event in house.record(Verb.LAUNCH_WARNED)] == [60]
