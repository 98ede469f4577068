"""Admission: one transaction, everything in it or nothing; refusals on record."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from hub_ext.adapters.store import acceptances, audit, gpus, launches, leases, volumes
from hub_ext.errors import EngineError, StoreError
from hub_ext.flows import grants, terms
from hub_ext.flows import launch as flow
from hub_ext.model import (
    Actor,
    ActorKind,
    Gpu,
    LaunchPlan,
    LaunchState,
    Localised,
    ReasonCode,
    Refusal,
    Verb,
    VolumeKind,
)
from tests.support.scenario import STEWARD, Scenario
from tests.support.stub_image import BEHAVIOURS


async def test_an_admission_is_written_whole(scenario: Scenario) -> None:
    plan = await scenario.admitted(datasets=("mri", "table"))
    with scenario.site.store.reading() as tx:
        launch = launches.get(tx, plan.launch_id)
        mounted = volumes.listing(tx, ids=launch.volume_ids)
    assert launch.state is LaunchState.ADMITTED
    assert launch.version_ids == tuple(mount.version_id for mount in plan.data)
    assert {(volume.kind, volume.person_id, volume.seeded) for volume in mounted} == {
        (VolumeKind.HOME, scenario.ada.id, None),
        (VolumeKind.PROJECT, None, None),
    }
    (event,) = scenario.record(plan.launch_id)
    assert event.verb == Verb.LAUNCH_ADMITTED
    assert event.actor.id == scenario.ada.id
    assert event.facts["digest"] == plan.reference.digest
    assert not re.search(r"\bada\b", str(event.facts))  # a digest may hold these letters


async def test_a_refusal_is_written_with_every_reason_and_nothing_else(scenario: Scenario) -> None:
    refusal = await scenario.refused(environment="draft", datasets=("mri", "codes", "none"), gpus=3)
    codes = {reason.code for reason in refusal.reasons}
    assert codes >= {
        ReasonCode.IMAGE_DRAFT,
        ReasonCode.NEVER_WITH,
        ReasonCode.DATASET_UNKNOWN,
        ReasonCode.GPUS_ABOVE_CEILING,
    }
    with scenario.site.store.reading() as tx:
        (event,) = audit.listing(tx, verb=Verb.LAUNCH_REFUSED)
        assert launches.listing(tx) == ()
        assert volumes.listing(tx) == ()
    assert [reason["code"] for reason in event.facts["reasons"]] == [
        reason.code.value for reason in refusal.reasons
    ]
    assert event.facts["asked"]["datasets"] == ["mri", "codes", "none"]


async def test_what_was_revoked_a_moment_ago_is_refused(scenario: Scenario) -> None:
    grants.revoke_grant(scenario.site, STEWARD, scenario.grants["mri>onco"], "consent withdrawn")
    refusal = await scenario.refused()
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.GRANT_REVOKED]


async def test_terms_are_accepted_with_the_first_start_and_asked_again_when_they_change(
    scenario: Scenario,
) -> None:
    site = scenario.site
    terms.add_terms(site, STEWARD, "mri", Localised("Copy nothing.", "Ne rien copier."))
    refusal = await scenario.refused()
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.TERMS_NOT_ACCEPTED]
    plan = await scenario.admitted(accepts=(("mri", 1), ("table", 4)))
    (accepted,) = scenario.events_of(Verb.TERMS_ACCEPTED)
    assert (accepted.actor.id, accepted.subject) == (scenario.ada.id, "mri")
    assert (accepted.facts["version"], accepted.facts["launch"]) == (1, plan.launch_id)
    with site.store.reading() as tx:
        (kept,) = acceptances.listing(tx)
    assert (kept.person_id, kept.dataset, kept.number, kept.launch_id) == (
        *(scenario.ada.id, "mri", 1),
        plan.launch_id,
    )
    await scenario.admitted(server_name="two")  # once is enough
    terms.add_terms(site, STEWARD, "mri", Localised("Copy nothing at all.", "Ne rien copier du tout."))
    refusal = await scenario.refused(server_name="three", accepts=(("mri", 1),))
    assert [reason.shown for reason in refusal.reasons] == [(("version", 2),)]
    offered = await flow.choices(site, scenario.ada.id, "three", groups=frozenset())
    due = {known.slug: known.terms for known in offered.projects[1].datasets}
    assert due["mri"] is not None
    assert (due["mri"].number, due["table"]) == (2, None)


async def test_a_refused_start_accepts_nothing(scenario: Scenario) -> None:
    terms.add_terms(scenario.site, STEWARD, "mri", Localised("Copy nothing.", "Ne rien copier."))
    await scenario.refused(environment="draft", accepts=(("mri", 1),))
    assert scenario.events_of(Verb.TERMS_ACCEPTED) == []


async def test_nobody_accepts_terms_for_somebody_else(scenario: Scenario) -> None:
    """An operator may start a server for Ada; what they tick binds nobody."""
    terms.add_terms(scenario.site, STEWARD, "mri", Localised("Copy nothing.", "Ne rien copier."))
    for actor in (STEWARD, Actor(ActorKind.PERSON, scenario.bob.id), Actor(ActorKind.SERVICE, "x")):
        decision = await flow.admit(
            scenario.site, scenario.request(accepts=(("mri", 1),)), actor, groups=frozenset()
        )
        assert isinstance(decision, Refusal)
        assert [reason.code for reason in decision.reasons] == [ReasonCode.TERMS_NOT_ACCEPTED]
    assert scenario.events_of(Verb.TERMS_ACCEPTED) == []


async def test_a_folder_that_is_gone_is_refused(scenario: Scenario) -> None:
    folder = scenario.site.settings.dataset_roots[0] / "mri" / "1"
    folder.rename(folder.with_name("elsewhere"))
    refusal = await scenario.refused()
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.FOLDER_MISSING]
    folder.symlink_to(folder.with_name("elsewhere"))
    refusal = await scenario.refused()
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.FOLDER_MISSING]


async def test_the_history_of_a_home_counts(scenario: Scenario) -> None:
    plan = await scenario.admitted(datasets=("mri",))
    await scenario.start(plan)
    refusal = await scenario.refused(datasets=("codes",), server_name="two")
    assert [reason.code for reason in refusal.reasons] == [ReasonCode.NEVER_WITH_HISTORY]


async def test_what_is_about_to_be_mounted_counts_already(scenario: Scenario) -> None:
    """Admitted together, and started later: the home and the project's folder would have seen both."""
    await scenario.admitted(datasets=("mri",))
    assert isinstance(await scenario.admitted(datasets=("table",), server_name="two"), LaunchPlan)
    for person in (scenario.ada, scenario.bob):  # her home, and the folder that they share
        refusal = await scenario.refused(datasets=("codes",), server_name="three", person_id=person.id)
        assert [reason.code for reason in refusal.reasons] == [ReasonCode.NEVER_WITH_HISTORY]


async def test_what_never_came_up_has_shown_nothing(scenario: Scenario) -> None:
    plan = await scenario.admitted(datasets=("mri",))
    await flow.release(scenario.site, plan.launch_id)
    assert isinstance(await scenario.admitted(datasets=("codes",)), LaunchPlan)


async def test_one_server_of_a_name_at_a_time(scenario: Scenario) -> None:
    decisions = await asyncio.gather(
        *(
            flow.admit(scenario.site, scenario.request(), scenario.plan_actor, groups=frozenset())
            for _ in range(4)
        )
    )
    assert sum(isinstance(decision, LaunchPlan) for decision in decisions) == 1
    refusals = [decision for decision in decisions if isinstance(decision, Refusal)]
    assert {reason.code for refusal in refusals for reason in refusal.reasons} == {ReasonCode.ALREADY_RUNNING}


async def test_one_gpu_goes_to_one_launch_and_comes_back(scenario: Scenario) -> None:
    site = scenario.site
    with site.store.transaction() as tx:
        gpus.add(tx, Gpu("gpu-0", "local", "nvidia.com/gpu=0", "Test", 0, site.now()))
    decisions = await asyncio.gather(
        *(
            flow.admit(
                site, scenario.request(gpus=1, server_name=name), scenario.plan_actor, groups=frozenset()
            )
            for name in ("one", "two", "three")
        )
    )
    plans = [decision for decision in decisions if isinstance(decision, LaunchPlan)]
    assert len(plans) == 1
    with site.store.reading() as tx:
        assert [lease.launch_id for lease in leases.active(tx)] == [plans[0].launch_id]
    await flow.release(site, plans[0].launch_id)
    with site.store.reading() as tx:
        assert leases.active(tx) == ()
    assert isinstance(await scenario.admitted(gpus=1, server_name="four"), LaunchPlan)


async def test_to_consider_writes_nothing(scenario: Scenario) -> None:
    before = len(audit_of(scenario))
    assert isinstance(await flow.consider(scenario.site, scenario.request(), groups=frozenset()), LaunchPlan)
    assert isinstance(
        await flow.consider(scenario.site, scenario.request(gpus=9), groups=frozenset()), Refusal
    )
    assert len(audit_of(scenario)) == before


def audit_of(scenario: Scenario) -> tuple[object, ...]:
    with scenario.site.store.reading() as tx:
        return audit.listing(tx)


async def test_no_engine_no_admission_but_a_record(scenario: Scenario) -> None:
    down = replace(scenario.site.settings, engine_url="unix:///nowhere/docker.sock", engine_seconds=1)
    blind = replace(scenario.site, settings=down)
    request = scenario.request()
    with pytest.raises(EngineError):
        await flow.admit(blind, request, scenario.plan_actor, groups=frozenset())
    blind.engine.close()
    assert scenario.verbs(request.launch_id) == ["launch.failed"]


async def test_a_store_that_fails_admits_nothing(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    request = scenario.request()
    with monkeypatch.context() as patched:
        patched.setattr(audit, "append", fail)
        with pytest.raises(StoreError):
            await flow.admit(scenario.site, request, scenario.plan_actor, groups=frozenset())
    with scenario.site.store.reading() as tx:
        assert launches.find(tx, request.launch_id) is None
        assert volumes.listing(tx) == ()


async def test_the_form_offers_what_admission_gives(scenario: Scenario) -> None:
    offered = await flow.choices(scenario.site, scenario.ada.id, "", groups=frozenset())
    assert [project.slug for project in offered.projects] == ["cardio", "onco"]
    onco = offered.projects[1]
    assert [dataset.slug for dataset in onco.datasets] == ["codes", "mri", "table"]
    assert onco.datasets[0].excludes == ("mri",)
    assert [known.slug for known in onco.environments] == list(BEHAVIOURS)
    bobs = await flow.choices(scenario.site, scenario.bob.id, "", groups=frozenset())
    assert [project.slug for project in bobs.projects] == ["onco"]
