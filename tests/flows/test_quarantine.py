"""Volumes that may hold copies: quarantined with two reasons, kept from launches, released one by one."""

from __future__ import annotations

import pytest

from hub_ext.adapters.store import volumes
from hub_ext.errors import InputError, NotFound
from hub_ext.expression.words import refusal_text
from hub_ext.flows import quarantine as flow
from hub_ext.flows import revocation
from hub_ext.flows.launch import release as release_launch
from hub_ext.flows.quarantine import Wanted
from hub_ext.model import ReasonCode as Code
from hub_ext.model import Refusal, Verb, VolumeKind
from tests.support.scenario import STEWARD, Scenario

SECRET = "Ada copied it for Bob"
MRI = Wanted("mri", why=SECRET, told="Copies are looked for.")


async def used(scenario: Scenario, **asked: object) -> str:
    """A session that has run; its id. Its volumes were beside the data."""
    plan = await scenario.admitted(**asked)
    await scenario.start(plan)
    return plan.launch_id


def held(scenario: Scenario, kind: VolumeKind = VolumeKind.HOME) -> str:
    """The id of Ada's home in onco, or of its folder."""
    with scenario.site.store.reading() as tx:
        (found,) = [one.id for one in volumes.listing(tx, project="onco") if one.kind is kind]
    return found


async def test_what_is_quarantined_ends_its_sessions_and_is_mounted_by_none(scenario: Scenario) -> None:
    site = scenario.site
    running = await used(scenario)
    elsewhere = await used(scenario, project="cardio", datasets=("codes",), server_name="other")
    assert {one.id for one in flow.sessions_ended(site, MRI)} == {running}
    assert {volume.kind for volume in flow.concerned(site, MRI)} == {VolumeKind.HOME, VolumeKind.PROJECT}
    made = flow.quarantine(site, STEWARD, Wanted("mri", (held(scenario),), why=SECRET, told=MRI.told))
    assert [(one.dataset, one.told, one.contact) for one in made] == [
        ("mri", "Copies are looked for.", "data@hospital.example")
    ]
    assert [one.id for one in revocation.announce_ends(site).announced] == [running]
    (stopping,) = [one for one in scenario.record(running) if one.verb is Verb.LAUNCH_STOPPING]
    (quarantined,) = scenario.events_of(Verb.VOLUME_QUARANTINED)
    assert stopping.facts["reason"] == "quarantined"
    assert [(one["code"], one["event"]) for one in stopping.facts["cause"]] == [
        ("volume-quarantined", quarantined.sequence)
    ]
    await revocation.end_directly(site, running)
    refused = await scenario.refused()
    assert [reason.code for reason in refused.reasons] == [Code.VOLUME_QUARANTINED]
    # Bob has a home of his own, and cardio is another project.
    await scenario.admitted(person_id=scenario.bob.id, datasets=("table",))
    await release_launch(site, elsewhere)
    await scenario.admitted(project="cardio", datasets=("codes",), server_name="again")


async def test_a_researcher_reads_what_is_meant_for_them_and_nothing_else(scenario: Scenario) -> None:
    await revocation.end_directly(scenario.site, await used(scenario))
    flow.quarantine(scenario.site, STEWARD, MRI)
    refused = await scenario.refused()
    assert isinstance(refused, Refusal)
    for language, words in (("en", "in quarantine"), ("fr", "en quarantaine")):
        said = refusal_text(refused, language)
        assert words in said
        assert "Copies are looked for." in said
        assert "data@hospital.example" in said
        assert SECRET not in said
    for event in (*scenario.events_of(Verb.VOLUME_QUARANTINED), *scenario.events_of(Verb.LAUNCH_REFUSED)):
        assert SECRET not in str(event.facts)


async def test_a_release_lets_launches_mount_it_again(scenario: Scenario) -> None:
    site = scenario.site
    await revocation.end_directly(site, await used(scenario))
    home, folder = held(scenario), held(scenario, VolumeKind.PROJECT)
    flow.quarantine(site, STEWARD, MRI)
    flow.release(site, STEWARD, "mri", home, "none found")
    assert set(flow.standing(site, [home, folder])) == {folder}
    assert len((await scenario.refused()).reasons) == 1
    flow.release(site, STEWARD, "mri", folder, "none found")
    await scenario.admitted()
    assert [event.subject for event in scenario.events_of(Verb.VOLUME_RELEASED)] == [home, folder]
    with pytest.raises(InputError, match="in no quarantine"):
        flow.release(site, STEWARD, "mri", folder, "again")


async def test_one_datasets_stewards_do_not_release_for_anothers(scenario: Scenario) -> None:
    site = scenario.site
    await revocation.end_directly(site, await used(scenario, datasets=("mri", "table")))
    home = held(scenario)
    for slug in ("mri", "table"):
        flow.quarantine(site, STEWARD, Wanted(slug, (home,), why=f"of {slug}", told=f"copies of {slug}"))
    assert len((await scenario.refused(datasets=())).reasons) == 2
    flow.release(site, STEWARD, "mri", home, "none found")
    with site.store.reading() as tx:
        assert volumes.get(tx, home).quarantined_why == "of table"
    (reason,) = (await scenario.refused(datasets=())).reasons
    assert dict(reason.shown)["told"] == "copies of table"
    flow.release(site, STEWARD, "table", home, "none found")
    await scenario.admitted(datasets=())


async def test_what_makes_no_sense_is_refused_and_changes_nothing(scenario: Scenario) -> None:
    site = scenario.site
    await revocation.end_directly(site, await used(scenario))
    home = held(scenario)
    for bad in (
        Wanted("pet", why="x", told="x"),
        Wanted("codes", why="x", told="x"),
        Wanted("mri", version=2, why="x", told="x"),
        Wanted("mri", ("vol-none",), why="x", told="x"),
        Wanted("mri", (home,), why="", told="x"),
        Wanted("mri", (home,), why="x", told=" "),
    ):
        with pytest.raises(InputError):
            flow.quarantine(site, STEWARD, bad)
    assert flow.standing(site, [home]) == {}
    flow.quarantine(site, STEWARD, MRI)
    with pytest.raises(InputError, match="already"):
        flow.quarantine(site, STEWARD, MRI)
    with pytest.raises(NotFound):
        flow.release(site, STEWARD, "mri", "vol-none", "x")
