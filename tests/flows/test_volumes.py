"""What store and engine do not both have is told; a volume is deleted by explicit order only, with proof."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.engine import LABEL_INSTANCE
from hub_ext.adapters.store import launches, persons, volumes
from hub_ext.errors import Conflict, EngineError, InputError, NotFound
from hub_ext.flows import reconcile, strays
from hub_ext.flows import volumes as flow
from hub_ext.flows.doctor import agreement
from hub_ext.flows.doctor.finding import Health
from hub_ext.flows.launch import end
from hub_ext.model import Actor, ActorKind, LaunchPlan, SiteRole, StopReason, Verb, Volume, VolumeKind
from tests.support.scenario import Scenario

OPERATOR = Actor(ActorKind.HOST_USER, "root")


@pytest.fixture
def steward(scenario: Scenario) -> str:
    """Carol, who has become a steward of the site."""
    with scenario.site.store.transaction() as tx:
        persons.replace(tx, replace(scenario.carol, roles=(SiteRole.STEWARD,)))
    return scenario.carol.id


async def ended(scenario: Scenario) -> tuple[LaunchPlan, Volume]:
    """A launch that is over, and the home that it leaves."""
    plan = await scenario.admitted()
    await scenario.start(plan)
    await end.stop(scenario.site, plan.launch_id, StopReason.PERSON, scenario.plan_actor)
    with scenario.site.store.reading() as tx:
        kept = volumes.listing(tx, ids=launches.get(tx, plan.launch_id).volume_ids)
    return plan, next(one for one in kept if one.kind is VolumeKind.HOME)


def docker(scenario: Scenario, *words: str) -> str:
    command = ["docker", "--host", scenario.site.settings.engine_url, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


async def test_what_no_row_knows_is_told_and_left_alone(scenario: Scenario) -> None:
    site = scenario.site
    instance = site.settings.instance
    _, home = await ended(scenario)
    label = f"{LABEL_INSTANCE}={instance}"
    try:
        docker(scenario, "volume", "create", "--label", label, f"{instance}-vol-stray")
        docker(scenario, "network", "create", "--internal", "--label", label, f"{instance}-other")
        await site.engine.remove_volume(home.name)
        found = await strays.find(site)
        # Other tests of this run may have left homes of other stores.
        assert f"{instance}-vol-stray" in found.volumes
        assert found.networks == (f"{instance}-other",)
        assert found.missing == (home.name,)
        assert await reconcile.sweep(site) == ()
        assert f"{instance}-vol-stray" in (await strays.find(site)).volumes
        health = {(str(one.check), one.health) for one in await agreement.check(site)}
        assert health == {("volumes", Health.FAIL), ("volumes", Health.WARN), ("networks", Health.WARN)}
        gone = await flow.delete(site, OPERATOR, f"{instance}-vol-stray", reason="nobody's")
        assert gone.stray
        assert f"{instance}-vol-stray" not in (await strays.find(site)).volumes
    finally:
        docker(scenario, "network", "rm", f"{instance}-other")


async def test_an_engine_that_fails_has_no_strays(scenario: Scenario, tmp_path: Path) -> None:
    silent = replace(
        scenario.site, settings=replace(scenario.site.settings, engine_url=f"unix://{tmp_path}/none.sock")
    )
    with pytest.raises(EngineError):
        await strays.find(silent)
    silent.engine.close()


async def test_one_in_use_or_in_quarantine_is_not_deleted(scenario: Scenario) -> None:
    site = scenario.site
    _, home = await ended(scenario)
    plan = await scenario.admitted()
    with pytest.raises(Conflict, match="is held by"):
        await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=[scenario.ada.id])
    await scenario.start(plan)
    with pytest.raises(Conflict, match="is in use"):
        await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=[scenario.ada.id])
    await end.stop(site, plan.launch_id, StopReason.PERSON, scenario.plan_actor)
    with site.store.transaction() as tx:
        volumes.replace(tx, replace(home, quarantined_why="an incident"))
    with pytest.raises(Conflict, match="in quarantine: an incident"):
        await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=[scenario.ada.id])
    assert await site.engine.has_volume(home.name)
    assert scenario.events_of(Verb.VOLUME_ENDED) == scenario.events_of(Verb.VOLUME_DELETED) == []


async def test_the_stewards_of_what_may_lie_in_it_must_agree(scenario: Scenario, steward: str) -> None:
    site = scenario.site
    _, home = await ended(scenario)
    for nobody in ((), (scenario.ada.id,)):
        with pytest.raises(InputError, match="Copies of mri may lie in"):
            await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=nobody)
    with pytest.raises(InputError, match="reason is empty"):
        await flow.delete(site, OPERATOR, home.name, reason=" ", stewards=[steward])
    await flow.delete(site, OPERATOR, home.name, reason="The study ended.", stewards=[steward])
    assert not await site.engine.has_volume(home.name)
    with pytest.raises(NotFound):
        await flow.find(site, home.name)

    (ordered,) = scenario.events_of(Verb.VOLUME_ENDED)
    assert (ordered.actor, ordered.subject) == (OPERATOR, home.id)
    assert ordered.facts["reason"] == "The study ended."
    assert ordered.facts["stewards"] == [steward]
    assert ordered.facts["datasets"] == ["mri"]
    (deleted,) = scenario.events_of(Verb.VOLUME_DELETED)
    assert deleted.subject == home.id
    assert (deleted.facts["engine"], deleted.facts["folder_absent"]) == ("absent", True)
    # The next launch has a new home, and what it was beside is not forgotten.
    _, new = await ended(scenario)
    assert new.id != home.id


async def test_what_the_engine_failed_at_is_finished_by_the_same_order(
    scenario: Scenario, steward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = scenario.site
    _, home = await ended(scenario)

    async def fails(*_: object) -> None:
        raise EngineError("The disk is on fire.")

    with monkeypatch.context() as broken:
        broken.setattr(site.engine, "remove_volume", fails)
        with pytest.raises(EngineError):
            await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=[steward])
    assert scenario.events_of(Verb.VOLUME_DELETED) == []
    assert (await flow.find(site, home.name)).volume is not None
    await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=[steward])
    assert len(scenario.events_of(Verb.VOLUME_DELETED)) == 1


async def test_one_that_the_engine_says_is_gone_and_is_not_is_no_deletion(
    scenario: Scenario, steward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = scenario.site
    _, home = await ended(scenario)
    monkeypatch.setattr(site.engine, "remove_volume", lambda name: asyncio.sleep(0))
    with pytest.raises(EngineError, match="still there"):
        await flow.delete(site, OPERATOR, home.name, reason="a test", stewards=[steward])
    assert scenario.events_of(Verb.VOLUME_DELETED) == []
