"""Images really tried, on the real engine: what they may, how each end is told, and that nothing stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hub_ext.adapters.engine import LABEL_INSTANCE
from hub_ext.adapters.store import image_checks, images
from hub_ext.errors import Conflict, NotFound
from hub_ext.flows import image_check as flow
from hub_ext.model import Ceilings, Verb
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.services.console import checking
from tests.support.scenario import STEWARD, Scenario


async def tried(scenario: Scenario, slug: str) -> tuple[ImageCheck, list[str]]:
    told: list[str] = []
    check = flow.begin(scenario.site, STEWARD, slug)
    return await flow.run(scenario.site, STEWARD, check, told.append), told


async def left(scenario: Scenario, check: ImageCheck) -> list[str]:
    """What the engine still has of a check."""
    site = scenario.site
    found = [one.name for one in await site.engine.listing({LABEL_INSTANCE: site.settings.instance})]
    name = f"{site.settings.instance}-{check.id}"
    volumes = [one for one in (f"{name}-home", f"{name}-project") if await site.engine.has_volume(one)]
    return [one for one in found if check.id in one] + volumes


async def test_it_runs_as_hardened_as_a_launch_and_its_log_comes_live(scenario: Scenario) -> None:
    check, told = await tried(scenario, "answer")
    assert (check.outcome, check.status) == (CheckOutcome.PASSED, 0)
    assert "/opt/trace Read-only file system" in check.log
    assert "/home/jovyan/trace can be written" in check.log, "positive control: writing is tried for real"
    assert f"user {flow.UID} {flow.GID}" in check.log
    assert "CapEff:\t0000000000000000 NoNewPrivs:\t1" in check.log
    assert len(told) > 1
    assert told[0].startswith(scenario.site.settings.registries[0].address)
    assert await left(scenario, check) == []
    assert flow.find(scenario.site, "answer", check.id) == check
    event = scenario.events_of(Verb.IMAGE_CHECKED)[-1]
    assert event.subject == "answer"
    assert event.facts["outcome"] == "passed"


async def test_one_that_fails_says_why(scenario: Scenario) -> None:
    check, _ = await tried(scenario, "die")
    assert (check.outcome, check.status) == (CheckOutcome.FAILED, 3)
    assert "the stub says why: nothing works" in check.log
    assert await left(scenario, check) == []


async def test_one_that_takes_all_memory_is_told_from_one_that_fails(scenario: Scenario) -> None:
    with scenario.site.store.transaction() as tx:
        entry = images.get(tx, "memory")
        images.replace(
            tx, replace(entry, ceilings=Ceilings(mem_bytes=256 * 1024**2)), expected_version=entry.version
        )
    check, _ = await tried(scenario, "memory")
    assert check.outcome is CheckOutcome.OUT_OF_MEMORY


async def test_one_that_does_not_end_is_ended(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "RUN_SECONDS", 2)
    check, _ = await tried(scenario, "hang")
    assert check.outcome is CheckOutcome.TIMED_OUT
    assert "user" in check.log, "what it said so far is kept"
    assert await left(scenario, check) == []


async def test_one_that_is_called_off_leaves_nothing(scenario: Scenario) -> None:
    check = flow.begin(scenario.site, STEWARD, "hang")
    said = asyncio.Event()
    task = asyncio.create_task(
        flow.run(scenario.site, STEWARD, check, lambda log: said.set() if "user" in log else None)
    )
    await asyncio.wait_for(said.wait(), 30)
    with pytest.raises(Conflict):
        flow.begin(scenario.site, STEWARD, "hang")
    assert await left(scenario, check) != [], "positive control"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(scenario, check) == []
    assert flow.find(scenario.site, "hang", check.id).outcome is CheckOutcome.INTERRUPTED


@pytest.mark.parametrize("turns", [0, 5])
async def test_one_that_waits_in_line_is_called_off_too(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(checking, "AT_ONCE", 0)
    line = checking.Checking()
    check = flow.begin(scenario.site, STEWARD, "answer")
    line.start(scenario.site, STEWARD, check)
    for _ in range(turns):
        await asyncio.sleep(0)
    assert flow.find(scenario.site, "answer", check.id).outcome is CheckOutcome.RUNNING, "positive control"
    await line.end()
    assert flow.find(scenario.site, "answer", check.id).outcome is CheckOutcome.INTERRUPTED
    assert scenario.events_of(Verb.IMAGE_CHECKED)[-1].facts["outcome"] == "interrupted"
    flow.begin(scenario.site, STEWARD, "answer")


async def test_an_error_that_nobody_foresaw_ends_it_too(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(site: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(flow, "ensure_seed", broken)
    check = flow.begin(scenario.site, STEWARD, "answer")
    with pytest.raises(RuntimeError):
        await flow.run(scenario.site, STEWARD, check)
    ended = flow.find(scenario.site, "answer", check.id)
    assert (ended.outcome, ended.log) == (CheckOutcome.ERROR, flow.UNFORESEEN)


async def test_what_has_ended_is_not_called_off(scenario: Scenario) -> None:
    check, _ = await tried(scenario, "answer")
    flow.call_off(scenario.site, STEWARD, check)
    assert flow.find(scenario.site, "answer", check.id) == check


async def test_a_registry_without_the_digest_says_nothing_of_the_image(scenario: Scenario) -> None:
    check = flow.begin(scenario.site, STEWARD, "answer")
    ended = await flow.run(scenario.site, STEWARD, replace(check, digest=f"sha256:{'0' * 64}"))
    assert ended.outcome is CheckOutcome.ERROR
    assert not ended.outcome.against_image


def test_what_nobody_ended_does_not_run_for_ever(scenario: Scenario) -> None:
    site = scenario.site
    check = flow.begin(site, STEWARD, "answer")
    with site.store.transaction() as tx:
        old = replace(check, started=check.started.replace(year=2020))
        image_checks.replace(tx, old)
    assert flow.find(site, "answer", check.id).outcome is CheckOutcome.INTERRUPTED
    assert flow.listing(site, "answer")[-1].outcome is CheckOutcome.INTERRUPTED
    again = flow.begin(site, STEWARD, "answer")
    assert flow.find(site, "answer", again.id).outcome is CheckOutcome.RUNNING


@pytest.mark.parametrize(("slug", "number"), [("nowhere", None), ("answer", 7), ("draft", None)])
def test_what_is_not_there_is_not_checked(scenario: Scenario, slug: str, number: int | None) -> None:
    with pytest.raises(NotFound):
        flow.begin(scenario.site, STEWARD, slug, number)


def test_a_log_is_text_and_bounded() -> None:
    assert flow.bounded("a\x00b\x1b[31mc\n\tд\u202e") == "ab[31mc\n\tд"
    assert len(flow.bounded("x" * 10**6)) == flow.LOG_CHARACTERS
