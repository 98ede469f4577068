"""Images really tried, on the real engine: what they may, how each end is told, and that nothing stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub_ext.adapters.engine import LABEL_INSTANCE
from hub_ext.adapters.store import image_check_runs, image_checks, images, revisions
from hub_ext.cli.setup.layout import Layout
from hub_ext.errors import Conflict, NotFound
from hub_ext.flows import image_check as flow
from hub_ext.flows import volumes
from hub_ext.flows.image_check import body, rows, running, trial
from hub_ext.model import Ceilings, ImageRevision, Verb
from hub_ext.model.image_checks import CheckOutcome, CheckRunner, ImageCheck
from hub_ext.model.interfaces import SecretPlace, SecretScheme
from hub_ext.services.console import checking
from hub_ext.settings import RegistrySettings, Settings
from tests.support import stub_image
from tests.support.scenario import STEWARD, Scenario


@pytest.fixture(scope="module")
def smokes(registry: RegistrySettings, layout: Layout, settings: Settings) -> Iterator[dict[str, str]]:
    """Images that differ in their smoke test."""
    digests = stub_image.push_check_stubs(registry, settings.engine_url, docker_config=layout.docker_config)
    yield digests
    stub_image.remove(registry, settings.engine_url, digests)


def known(scenario: Scenario, slug: str, digests: dict[str, str]) -> str:
    """That image as an entry of its own; its slug."""
    site = scenario.site
    with site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        images.add(tx, replace(entry, slug=slug, path=f"stub/{slug}"))
        revisions.add(tx, ImageRevision(slug, 1, digests[slug], site.now(), "tester", site.now()))
    return slug


def begun(scenario: Scenario, slug: str, number: int | None = None) -> ImageCheck:
    return flow.begin(scenario.site, STEWARD, slug, number, runner=CheckRunner.CONSOLE)


async def tried(scenario: Scenario, slug: str) -> tuple[ImageCheck, list[str]]:
    told: list[str] = []
    return await flow.run(scenario.site, STEWARD, begun(scenario, slug), told.append), told


async def left(scenario: Scenario, check: ImageCheck) -> list[str]:
    """What the engine still has of a check."""
    site = scenario.site
    found = [one.name for one in await site.engine.listing({LABEL_INSTANCE: site.settings.instance})]
    name = f"{site.settings.instance}-{check.id}"
    volumes = [one for one in (f"{name}-home", f"{name}-project") if await site.engine.has_volume(one)]
    return [one for one in found if check.id in one] + volumes


async def at_work(scenario: Scenario, slug: str) -> tuple[ImageCheck, asyncio.Task[ImageCheck]]:
    """A check whose container runs."""
    check, said = begun(scenario, slug), asyncio.Event()
    task = asyncio.create_task(
        flow.run(scenario.site, STEWARD, check, lambda log: said.set() if "#" in log else None)
    )
    await asyncio.wait_for(said.wait(), 30)
    assert len(await left(scenario, check)) == 3, "positive control"
    return check, task


def outcome(scenario: Scenario, check: ImageCheck) -> CheckOutcome:
    return flow.find(scenario.site, check.entry, check.id).outcome


def ends(scenario: Scenario, check: ImageCheck) -> list[str]:
    """What the record says of its end."""
    events = scenario.events_of(Verb.IMAGE_CHECKED)
    return [event.facts["outcome"] for event in events if event.facts["check"] == check.id]


# --- what comes of an image ---


async def test_its_server_then_its_smoke_test_as_hardened_as_a_launch_with_a_live_log(
    scenario: Scenario,
) -> None:
    check, told = await tried(scenario, "answer")
    assert (check.outcome, check.status) == (CheckOutcome.PASSED, 0)
    phases = [line for line in check.log.splitlines() if line.startswith("#")]
    assert phases[0] == "# Server"
    assert phases[1].startswith("# Server answers after ")
    assert phases[2:] == ["# Smoke test"]
    assert "/opt/trace Read-only file system" in check.log
    assert "/home/jovyan/trace can be written" in check.log, "positive control: writing is tried for real"
    assert f"user {body.UID} {body.GID}" in check.log
    assert "of the Hub: []" in check.log
    assert "CapEff:\t0000000000000000 NoNewPrivs:\t1" in check.log
    assert len(told) > 1
    assert told[0].startswith(scenario.site.settings.registries[0].address)
    assert check.log.startswith(told[0])
    assert await left(scenario, check) == []
    assert flow.find(scenario.site, "answer", check.id) == check
    assert ends(scenario, check) == ["passed"]


async def test_one_whose_server_ends_is_not_tried_further(scenario: Scenario) -> None:
    check, _ = await tried(scenario, "die")
    assert (check.outcome, check.status) == (CheckOutcome.NO_SERVER, -1)
    assert "the stub says why: nothing works" in check.log
    assert "# The server ended by itself with status 3 before it answered." in check.log
    assert "Smoke test" not in check.log
    assert await left(scenario, check) == []


async def test_one_without_the_interface_s_command_is_told_from_a_failing_engine(
    scenario: Scenario,
) -> None:
    with scenario.site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        interface = replace(entry.interface, command=("no-such-server",))
        images.replace(tx, replace(entry, interface=interface), expected_version=entry.version)
    check, _ = await tried(scenario, "answer")
    assert (check.outcome, check.status) == (CheckOutcome.NO_SERVER, -1)
    assert "no-such-server" in check.log
    assert "# The server ended by itself with status 127 before it answered." in check.log
    assert await left(scenario, check) == []


async def test_one_whose_server_does_not_answer(scenario: Scenario) -> None:
    check, _ = await tried(scenario, "hang")
    assert check.outcome is CheckOutcome.NO_SERVER
    seconds = scenario.site.settings.start_seconds
    assert f"# The server was not up within {seconds} s. Nobody listens at port 8888" in check.log
    assert check.ended
    assert check.ended - check.started < timedelta(seconds=seconds + 20)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"port": 8999}, "Nobody listens at port 8999 of the container's address. Look at the port"),
        (
            {"ready_path": "lab", "secret": SecretPlace("", SecretScheme.NONE)},
            "with status 403, and 200 is waited for. Look at the readiness path",
        ),
    ],
)
async def test_a_wrong_interface_is_named(scenario: Scenario, changed: dict[str, Any], said: str) -> None:
    with scenario.site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        interface = replace(entry.interface, **changed)
        images.replace(tx, replace(entry, interface=interface), expected_version=entry.version)
    check, _ = await tried(scenario, "answer")
    assert (check.outcome, check.status) == (CheckOutcome.NO_SERVER, -1)
    assert said in check.log


async def test_one_whose_smoke_test_fails(scenario: Scenario, smokes: dict[str, str]) -> None:
    check, _ = await tried(scenario, known(scenario, "smoke-fail", smokes))
    assert (check.outcome, check.status) == (CheckOutcome.FAILED, 3)
    assert "# Server answers" in check.log


async def test_one_without_a_smoke_test_passes_and_that_is_said(
    scenario: Scenario, smokes: dict[str, str]
) -> None:
    check, _ = await tried(scenario, known(scenario, "smoke-bare", smokes))
    assert check.outcome is CheckOutcome.NO_SMOKE_TEST
    assert check.outcome.for_image
    assert "# The image has no smoke test: there is no /opt/hub-ext/smoke." in check.log


async def test_one_that_takes_all_memory_is_told_from_one_that_fails(scenario: Scenario) -> None:
    with scenario.site.store.transaction() as tx:
        entry = images.get(tx, "memory")
        images.replace(
            tx, replace(entry, ceilings=Ceilings(mem_bytes=256 * 1024**2)), expected_version=entry.version
        )
    check, _ = await tried(scenario, "memory")
    assert check.outcome is CheckOutcome.OUT_OF_MEMORY


async def test_one_that_does_not_end_is_ended(
    scenario: Scenario, smokes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "RUN_SECONDS", 3)
    check, _ = await tried(scenario, known(scenario, "smoke-hang", smokes))
    assert check.outcome is CheckOutcome.TIMED_OUT
    assert "user" in check.log, "what it said so far is kept"
    assert await left(scenario, check) == []


async def test_a_registry_without_the_digest_says_nothing_of_the_image(scenario: Scenario) -> None:
    check = begun(scenario, "answer")
    ended = await flow.run(scenario.site, STEWARD, replace(check, digest=f"sha256:{'0' * 64}"))
    assert ended.outcome is CheckOutcome.ERROR
    assert not ended.outcome.against_image
    fact, advice = flow.why(scenario.site, check.id)
    assert "does not have" in str(fact)
    assert str(advice)
    assert ended.log.startswith(scenario.site.settings.registries[0].address), "the log stays the log"


# --- one that is called off, and one that fails unforeseen ---


async def test_one_that_is_called_off_leaves_nothing(scenario: Scenario) -> None:
    check, task = await at_work(scenario, "hang")
    with pytest.raises(Conflict):
        begun(scenario, "hang")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(scenario, check) == []
    ended = flow.find(scenario.site, "hang", check.id)
    assert ended.outcome is CheckOutcome.INTERRUPTED
    assert "# Server" in ended.log
    assert ends(scenario, check) == ["interrupted"]


@pytest.mark.parametrize("turns", [0, 5])
async def test_one_that_waits_in_line_is_called_off_too(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(checking, "AT_ONCE", 0)
    line = checking.Checking()
    check = begun(scenario, "answer")
    line.start(scenario.site, STEWARD, check)
    for _ in range(turns):
        await asyncio.sleep(0)
    assert outcome(scenario, check) is CheckOutcome.RUNNING, "positive control"
    await line.end()
    assert outcome(scenario, check) is CheckOutcome.INTERRUPTED
    assert ends(scenario, check) == ["interrupted"]
    begun(scenario, "answer")


async def test_an_error_that_nobody_foresaw_ends_it_too(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(site: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(trial, "ensure_seed", broken)
    check = begun(scenario, "answer")
    with pytest.raises(RuntimeError):
        await flow.run(scenario.site, STEWARD, check)
    assert outcome(scenario, check) is CheckOutcome.ERROR
    assert flow.why(scenario.site, check.id) == (running.UNFORESEEN,)


async def test_what_has_ended_is_not_called_off(scenario: Scenario) -> None:
    check, _ = await tried(scenario, "answer")
    flow.call_off(scenario.site, STEWARD, check)
    assert flow.find(scenario.site, "answer", check.id) == check
    assert ends(scenario, check) == ["passed"]


# --- who is at it ---


def last_seen(scenario: Scenario, check: ImageCheck, *, seconds_ago: float) -> None:
    with scenario.site.store.transaction() as tx:
        held = image_check_runs.get(tx, check.id)
        seen = scenario.site.now() - timedelta(seconds=seconds_ago)
        image_check_runs.replace(tx, replace(held, seen=seen))


async def test_a_long_wait_is_never_called_gone(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """In line, as in a slow pull: what counts is that somebody is at it, not since when."""
    monkeypatch.setattr(checking, "AT_ONCE", 0)
    monkeypatch.setattr(rows, "SEEN_SECONDS", 0.1)
    line = checking.Checking()
    check = begun(scenario, "answer")
    with scenario.site.store.transaction() as tx:
        image_checks.end(tx, replace(check, started=check.started - timedelta(hours=5)))
    last_seen(scenario, check, seconds_ago=rows.GONE_SECONDS - 2)
    line.start(scenario.site, STEWARD, check)
    await asyncio.sleep(3)
    assert flow.settle(scenario.site, STEWARD) == ()
    with pytest.raises(Conflict):
        begun(scenario, "answer")
    assert outcome(scenario, check) is CheckOutcome.RUNNING
    await line.end()


def test_what_nobody_is_at_any_more_is_ended_once(scenario: Scenario) -> None:
    check = begun(scenario, "answer")
    last_seen(scenario, check, seconds_ago=rows.GONE_SECONDS - 5)
    assert flow.settle(scenario.site, STEWARD) == ()
    last_seen(scenario, check, seconds_ago=rows.GONE_SECONDS + 1)
    again = begun(scenario, "answer")
    assert outcome(scenario, check) is CheckOutcome.INTERRUPTED
    assert outcome(scenario, again) is CheckOutcome.RUNNING
    assert flow.settle(scenario.site, STEWARD) == ()
    assert ends(scenario, check) == ["interrupted"]


def test_a_console_that_starts_ends_what_the_one_before_ran_and_nothing_else(scenario: Scenario) -> None:
    site = scenario.site
    of_console = begun(scenario, "answer")
    of_command = flow.begin(site, STEWARD, "die", runner=CheckRunner.COMMAND)
    checking.settle_earlier(site)
    assert outcome(scenario, of_console) is CheckOutcome.INTERRUPTED
    assert outcome(scenario, of_command) is CheckOutcome.RUNNING
    (event,) = scenario.events_of(Verb.IMAGE_CHECKED)
    assert event.actor == checking.CONSOLE


async def test_what_was_ended_by_others_is_taken_away_and_ends_there(
    scenario: Scenario, smokes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that slept too long finds its check ended; a sweep leaves alone what runs."""
    monkeypatch.setattr(rows, "SEEN_SECONDS", 1)
    check, task = await at_work(scenario, known(scenario, "smoke-hang", smokes))
    await flow.sweep(scenario.site)
    assert len(await left(scenario, check)) == 3
    flow.call_off(scenario.site, STEWARD, check)
    assert (await asyncio.wait_for(task, 20)).outcome is CheckOutcome.INTERRUPTED
    assert await left(scenario, check) == []
    assert ends(scenario, check) == ["interrupted"]


async def test_a_sweep_takes_away_what_a_killed_process_left(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        """As if killed before it could take its container away."""

    with monkeypatch.context() as killed:
        killed.setattr(trial, "_removed", nothing)
        check, task = await at_work(scenario, "hang")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(await left(scenario, check)) == 3, "positive control"
    assert [one.name for one in await volumes.kept(scenario.site) if check.id in one.name] == [], (
        "nobody's work"
    )
    await flow.sweep(scenario.site)
    assert await left(scenario, check) == []


async def test_the_console_looks_again_and_again(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a turn that failed."""
    monkeypatch.setattr(checking, "SETTLE_SECONDS", 0.1)
    check = begun(scenario, "answer")
    last_seen(scenario, check, seconds_ago=rows.GONE_SECONDS + 1)
    faults: asyncio.Queue[Exception] = asyncio.Queue()
    sick = replace(
        scenario.site, settings=replace(scenario.site.settings, engine_url="unix:///nowhere/docker.sock")
    )
    task = asyncio.create_task(checking.Checking().keep_settled(sick, faults.put_nowait))
    for _ in range(2):
        await asyncio.wait_for(faults.get(), 20)
    task.cancel()
    sick.engine.close()
    assert outcome(scenario, check) is CheckOutcome.INTERRUPTED


# --- what is not there ---


@pytest.mark.parametrize(("slug", "number"), [("nowhere", None), ("answer", 7), ("draft", None)])
def test_what_is_not_there_is_not_checked(scenario: Scenario, slug: str, number: int | None) -> None:
    with pytest.raises(NotFound):
        begun(scenario, slug, number)


def test_a_log_is_text_and_bounded() -> None:
    assert trial.bounded("a\x00b\x1b[31mc\n\tд\u202e") == "ab[31mc\n\tд"
    assert len(trial.bounded("x" * 10**6)) == trial.LOG_CHARACTERS
