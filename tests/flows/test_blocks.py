"""Blocks: written down with what they are on, refused where they make no sense, lifted once, told to few."""

from __future__ import annotations

from typing import Any

import pytest

from hub_ext.adapters.store import blocks
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import blocks as flow
from hub_ext.flows.blocks import Wanted
from hub_ext.flows.launch import release
from hub_ext.model import BlockKind, BlockScope, Refusal, Verb
from hub_ext.model import ReasonCode as Code
from tests.support.scenario import STEWARD, Scenario


def wanted(scope: BlockScope, subject: str = "", **more: Any) -> Wanted:
    """A stop, unless it says otherwise."""
    return Wanted(more.pop("kind", BlockKind.STOP), scope, subject, more.pop("why", "new disk"), **more)


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        (BlockScope.PERSON, "ada"),
        (BlockScope.PROJECT, "onco"),
        (BlockScope.DATASET, "mri"),
        (BlockScope.IMAGE, "answer"),
        (BlockScope.NODE, "local"),
        (BlockScope.EVERYTHING, ""),
    ],
)
async def test_what_is_stopped_is_not_started_until_it_is_lifted(
    scenario: Scenario, scope: BlockScope, subject: str
) -> None:
    site = scenario.site
    running = await scenario.admitted()
    other = await scenario.admitted(person_id=scenario.bob.id, datasets=("table",))
    # Bob shares project, image and node with Ada, not the person nor the dataset.
    alone = scope in (BlockScope.PERSON, BlockScope.DATASET)
    seen = {launch.id for launch in flow.look(site, wanted(scope, subject)).sessions}
    assert seen == ({running.launch_id} if alone else {running.launch_id, other.launch_id})
    await release(site, running.launch_id)
    block = flow.add(site, STEWARD, wanted(scope, subject))
    refused = await scenario.refused()
    assert [reason.code for reason in refused.reasons] == [Code.BLOCKED]
    flow.lift(site, STEWARD, block.id)
    await scenario.admitted()
    (added,) = scenario.events_of(Verb.BLOCK_ADDED)
    (lifted,) = scenario.events_of(Verb.BLOCK_LIFTED)
    assert (added.subject, lifted.subject, added.actor) == (block.id, block.id, STEWARD)
    assert added.facts["scope"] == scope
    assert set(added.facts["sessions"]) <= seen


def test_a_block_that_makes_no_sense_is_refused(scenario: Scenario) -> None:
    site, past = scenario.site, scenario.site.now()
    for bad in (
        wanted(BlockScope.PROJECT, "nowhere"),
        wanted(BlockScope.PROJECT),
        wanted(BlockScope.EVERYTHING, "onco"),
        wanted(BlockScope.EVERYTHING, why=" "),
        wanted(BlockScope.EVERYTHING, why="two\nlines"),
        wanted(BlockScope.EVERYTHING, until=past),
        wanted(BlockScope.EVERYTHING, kind=BlockKind.DRAIN, end_by=past),
        wanted(BlockScope.EVERYTHING, end_by=past.replace(year=past.year + 1)),
    ):
        with pytest.raises(InputError):
            flow.add(site, STEWARD, bad)
    with site.store.reading() as tx:
        assert blocks.listing(tx) == ()
    assert scenario.events_of(Verb.BLOCK_ADDED) == []


def test_a_block_is_lifted_once(scenario: Scenario) -> None:
    block = flow.add(scenario.site, STEWARD, wanted(BlockScope.EVERYTHING))
    assert flow.standing(scenario.site) == (block,)
    flow.lift(scenario.site, STEWARD, block.id)
    assert flow.standing(scenario.site) == ()
    with pytest.raises(InputError):
        flow.lift(scenario.site, STEWARD, block.id)
    with pytest.raises(NotFound):
        flow.lift(scenario.site, STEWARD, "blo-none")


def test_banners_tell_whom_they_concern(scenario: Scenario) -> None:
    site = scenario.site
    all_of = flow.add(site, STEWARD, wanted(BlockScope.EVERYTHING))
    of_onco = flow.add(site, STEWARD, wanted(BlockScope.PROJECT, "onco"))
    of_codes = flow.add(site, STEWARD, wanted(BlockScope.DATASET, "codes"))
    of_bob = flow.add(site, STEWARD, wanted(BlockScope.PERSON, "bob"))
    assert flow.concerning(site, "ada") == (all_of, of_onco, of_codes)
    assert flow.concerning(site, "bob") == (all_of, of_onco, of_codes, of_bob)
    assert flow.concerning(site, "carol") == (all_of, of_codes)
    for nobody in (None, "mallory"):
        assert flow.concerning(site, nobody) == (all_of,)
        assert [dict(one.reason.shown)["why"] for one in flow.banners(site, nobody)] == ["new disk"]


async def test_a_refusal_says_in_the_record_why(scenario: Scenario) -> None:
    flow.add(scenario.site, STEWARD, wanted(BlockScope.EVERYTHING))
    refused = await scenario.refused()
    assert isinstance(refused, Refusal)
    (event,) = scenario.events_of(Verb.LAUNCH_REFUSED)
    assert event.facts["reasons"][0]["shown"] == {"scope": "everything", "why": "new disk"}
