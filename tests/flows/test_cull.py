"""Which servers a sweep would stop, and why, over a real store: admitted launches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.adapters.hub_api import HubServer
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.notebook_server import base_path
from hub_ext.adapters.store import audit, busy_since, images, launches, server_uses
from hub_ext.flows import cull, projects
from hub_ext.flows.cull import Judged, announce_culls, judge
from hub_ext.flows.site import Site
from hub_ext.model import AuditEvent, Ceilings, Launch, LaunchState, StopReason, Verb
from hub_ext.policy.idle import Cull, Keep, Verdict, Warn
from hub_ext.settings import Settings
from tests.flows.conftest import Clock
from tests.support import scenario as scenarios
from tests.support.notebook_servers import (
    NotebookServer,
    NotebookServers,
    kernel,
    notebook_servers,
    terminal,
)
from tests.support.scenario import STEWARD, Scenario

LIMIT = 1800  # seconds, of the site


SECRETS = LaunchSecrets("secret", "client", "s3cret", (), "")


@dataclass
class House:
    """Running launches, what the Hub says of their servers, and these servers."""

    scenario: Scenario
    clock: Clock
    notebooks: NotebookServers
    servers: dict[str, HubServer] = field(default_factory=dict)
    watch: cull.CpuWatch = field(default_factory=lambda: cull.CpuWatch(ContainerCpu(Path("/none"))))

    @property
    def site(self) -> Site:
        return self.scenario.site

    async def running(self, **asked: Any) -> str:
        """The id of a launch that runs since now, with a server that has an idle kernel."""
        plan = await self.scenario.admitted(**{"server_name": f"s{len(self.servers)}"} | asked)
        with self.site.store.transaction() as tx:
            launch = replace(
                launches.get(tx, plan.launch_id),
                state=LaunchState.RUNNING,
                started=self.clock(),
                upstream=self.notebooks.upstream,
            )
            launches.replace(tx, launch)
        launch_secrets.write(self.site.settings, launch.id, SECRETS)
        self.servers[launch.id] = HubServer(True, None, launch.id)
        self.notebooks.servers[base_path(launch.username, launch.server_name)] = NotebookServer(SECRETS.token)
        self.says(launch.id, "idle")
        return launch.id

    def server(self, launch_id: str) -> NotebookServer:
        launch = self.launch(launch_id)
        return self.notebooks.servers[base_path(launch.username, launch.server_name)]

    def says(self, launch_id: str, state: str, last_activity: datetime | None = None) -> None:
        """From now on the server has one kernel in that state, last active now."""
        self.server(launch_id).kernels = [kernel(state, last_activity or self.clock())]

    def use(self, launch_id: str) -> None:
        """A person uses the server through the gate."""
        with self.site.store.transaction() as tx:
            server_uses.put(tx, {launch_id: self.clock()})

    def pass_time(self, **by: float) -> None:
        """Time in which nobody does anything, and kernels stay as they are."""
        self.clock.forward(**by)

    async def judged(self) -> dict[str, Verdict]:
        """The verdicts by launch."""
        return {judged.launch.id: judged.verdict for judged in await self._judged()}

    async def sweep(self) -> frozenset[str]:
        """The launches that the sweep announces."""
        return await announce_culls(self.site, await self._judged())

    async def _judged(self) -> tuple[Judged, ...]:
        return await judge(self.site, tuple(self.servers.values()), self.watch)

    def launch(self, launch_id: str) -> Launch:
        with self.site.store.reading() as tx:
            return launches.get(tx, launch_id)

    def record(self, verb: Verb) -> list[AuditEvent]:
        with self.site.store.reading() as tx:
            assert audit.verify(tx).ok
            return list(audit.listing(tx, verb=verb))


@pytest_asyncio.fixture
async def house(site: Site, clock: Clock, roots: Path, settings: Settings) -> AsyncIterator[House]:
    """The scenario with a limit of half an hour; admissions ask the real engine, no container is made."""
    own = replace(
        site.settings,
        engine_url=settings.engine_url,
        disk_reserve_bytes=0,
        ceilings=replace(site.settings.ceilings, idle_seconds=LIMIT),
    )
    held = replace(site, settings=own)
    try:
        async with notebook_servers() as notebooks:
            yield House(
                await scenarios.build(held, roots, {"answer": "sha256:" + "a" * 64}), clock, notebooks
            )
    finally:
        held.engine.close()


def limit_image(house: House, seconds: int) -> None:
    with house.site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        limited = replace(entry, ceilings=Ceilings(idle_seconds=seconds))
        images.replace(tx, limited, expected_version=entry.version)


def limit_project(house: House, seconds: int) -> None:
    projects.change_project(house.site, STEWARD, "onco", ceilings=Ceilings(idle_seconds=seconds))


@pytest.mark.parametrize(
    ("image", "project", "limit"),
    [(None, None, LIMIT), (600, 900, 600), (900, 600, 600), (7200, 7200, LIMIT)],
)
async def test_idle_beyond_the_smallest_limit(
    house: House, image: int | None, project: int | None, limit: int
) -> None:
    if image and project:
        limit_image(house, image)
        limit_project(house, project)
    launch = await house.running()
    house.pass_time(seconds=limit * 0.7)
    assert await house.judged() == {launch: Keep()}
    house.pass_time(seconds=limit * 0.3 - 1)
    assert await house.judged() == {launch: Warn(StopReason.IDLE, house.clock() + timedelta(seconds=1))}
    assert await house.sweep() == frozenset()
    house.pass_time(seconds=1)
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}


async def test_the_reason_stands_before_the_stop(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=LIMIT)
    assert await house.sweep() == {launch}
    assert house.launch(launch).state is LaunchState.STOPPING
    assert house.launch(launch).stop_reason == "idle"
    (event,) = house.record(Verb.LAUNCH_STOPPING)
    assert (event.actor, event.subject, event.facts["reason"]) == (cull.CULLER, launch, "idle")
    # The Hub did not stop it: it is asked again, and the record says it once.
    assert await house.sweep() == {launch}
    assert len(house.record(Verb.LAUNCH_STOPPING)) == 1


async def test_one_that_ended_meanwhile_is_not_announced(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=LIMIT)
    judged = await judge(house.site, tuple(house.servers.values()), house.watch)
    with house.site.store.transaction() as tx:
        launches.replace(tx, replace(launches.get(tx, launch), state=LaunchState.ENDED))
    assert await announce_culls(house.site, judged) == frozenset()
    assert house.record(Verb.LAUNCH_STOPPING) == []


async def test_a_busy_kernel_is_kept_until_the_ceiling_after_the_first_round_that_found_it(
    house: House,
) -> None:
    launch = await house.running()
    house.pass_time(minutes=10)
    house.says(launch, "busy")
    house.use(launch)
    since = house.clock()
    assert await house.judged() == {launch: Keep()}
    for days in (1, 5.5):
        house.clock.forward(days=days)
        house.says(launch, "busy")  # it prints
        assert await house.judged() in (
            {launch: Keep()},
            {launch: Warn(StopReason.BUSY_CEILING, since + timedelta(days=7))},
        )
        assert await house.sweep() == frozenset()
    house.clock.forward(days=0.5)
    house.use(launch)  # which moves no ceiling
    assert await house.sweep() == {launch}
    assert house.launch(launch).stop_reason == "busy-ceiling"


async def test_a_kernel_that_rested_between_two_rounds_begins_anew(house: House) -> None:
    launch = await house.running()
    for state, days in (("busy", 6), ("idle", 0.01), ("busy", 6)):
        house.says(launch, state)
        house.use(launch)
        assert await house.judged() == {launch: Keep()}
        house.clock.forward(days=days)
    house.use(launch)
    verdict = (await house.judged())[launch]
    assert verdict == Warn(StopReason.BUSY_CEILING, house.clock() + timedelta(days=1))


async def test_a_culler_that_starts_again_and_one_round_without_an_answer_begin_nothing_anew(
    house: House,
) -> None:
    launch = await house.running()
    house.says(launch, "busy")
    await house.judged()
    since = house.clock()
    with house.site.store.reading() as tx:
        assert busy_since.starts(tx) == {launch: since}
    house.clock.forward(days=4)
    house.use(launch)
    house.server(launch).status = 500
    assert await house.judged() == {launch: Keep()}
    house.clock.forward(days=3)
    house.server(launch).status = 200
    house.watch = cull.CpuWatch(ContainerCpu(Path("/none")))
    assert await house.sweep() == {launch}
    with house.site.store.transaction() as tx:
        launches.replace(tx, replace(launches.get(tx, launch), state=LaunchState.ENDED))
    await house.judged()
    with house.site.store.reading() as tx:
        assert busy_since.starts(tx) == {}


async def test_a_kernel_that_fell_silent_before_the_first_round_is_busy_since_then(house: House) -> None:
    launch = await house.running()
    silent = house.clock()
    house.pass_time(days=1)
    house.use(launch)
    house.says(launch, "busy", silent)
    await house.judged()
    with house.site.store.reading() as tx:
        assert busy_since.starts(tx) == {launch: silent}


async def test_whoever_does_not_answer_is_not_idle_and_ends_at_the_ceiling(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=2 * LIMIT)
    server = house.server(launch)
    good = list(server.kernels)
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}  # the control
    for change in (
        {"status": 503},
        {"token": "another"},
        {"kernels": [good[0] | {"last_activity": "2026-05-04T08:00:00"}]},
        {"kernels": [{}]},
        {"terminals": [{}]},
    ):
        before = {name: getattr(server, name) for name in change}
        for name, value in change.items():
            setattr(server, name, value)
        assert await house.judged() == {launch: Keep()}, change
        assert await house.sweep() == frozenset()
        for name, value in before.items():
            setattr(server, name, value)
    server.status = 503
    house.pass_time(seconds=house.site.settings.busy_ceiling_seconds - 2 * LIMIT - 1)
    assert await house.judged() == {launch: Warn(StopReason.NO_ANSWER, house.clock() + timedelta(seconds=1))}
    house.pass_time(seconds=1)
    assert await house.sweep() == {launch}
    assert house.launch(launch).stop_reason == "no-answer"


@pytest.mark.parametrize("change", ["no secret", "a secret that cannot be read", "no address"])
async def test_one_that_cannot_be_asked_is_unknown_and_holds_up_no_other(house: House, change: str) -> None:
    launch, other = await house.running(), await house.running()
    house.pass_time(seconds=2 * LIMIT)
    if change == "no address":
        with house.site.store.transaction() as tx:
            launches.replace(tx, replace(launches.get(tx, launch), upstream=""))
    else:
        launch_secrets.remove(house.site.settings, launch)
    if change == "a secret that cannot be read":
        (house.site.settings.secrets_dir / "launches" / f"{launch}.json").write_text("{")
    assert await house.judged() == {launch: Keep(), other: Cull(StopReason.IDLE)}


async def test_what_people_do_through_the_gate_keeps_a_server(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=LIMIT - 1)
    house.use(launch)
    house.pass_time(seconds=1)
    assert await house.judged() == {launch: Keep()}
    house.pass_time(seconds=LIMIT)
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}


async def test_a_terminal_in_which_something_happens_keeps_a_server(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=LIMIT)
    house.server(launch).terminals = [terminal(house.clock() - timedelta(seconds=60))]
    assert await house.judged() == {launch: Keep()}
    house.pass_time(seconds=LIMIT)
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}


async def test_who_claims_to_be_active_for_ever_ends_at_the_ceiling(house: House) -> None:
    launch = await house.running()
    house.says(launch, "idle", house.clock() + timedelta(days=9000))
    house.pass_time(days=5)
    assert await house.judged() == {launch: Keep()}
    house.pass_time(days=2)
    assert await house.judged() == {launch: Cull(StopReason.BUSY_CEILING)}
    house.use(launch)
    assert await house.judged() == {launch: Keep()}


class Groups:
    """The control groups of this host, as a kernel with cgroup v2 shows them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "cgroup.controllers").write_text("cpu\n")
        self.watch = cull.CpuWatch(ContainerCpu(root))

    def used(self, container_id: str, seconds: float) -> None:
        group = self.root / "system.slice" / f"docker-{container_id}.scope"
        group.mkdir(parents=True, exist_ok=True)
        (group / "cpu.stat").write_text(f"usage_usec {int(seconds * 1e6)}\nuser_usec 0\n")


@pytest.fixture
def groups(tmp_path: Path, house: House) -> Groups:
    made = Groups(tmp_path)
    house.watch = made.watch
    return made


CONTAINER = "ab" * 32


async def in_container(house: House) -> str:
    launch = await house.running()
    with house.site.store.transaction() as tx:
        launches.replace(tx, replace(launches.get(tx, launch), container_id=CONTAINER))
    return launch


async def test_a_job_that_no_kernel_runs_keeps_its_server(house: House, groups: Groups) -> None:
    launch = await in_container(house)
    groups.used(CONTAINER, 10)
    house.pass_time(seconds=2 * LIMIT)
    # Read once it says nothing; the next sweep will know.
    assert await house.judged() == {launch: Keep()}
    groups.used(CONTAINER, 1000)
    assert await house.judged() == {launch: Keep()}
    # It ended; from here on the server is idle.
    house.pass_time(seconds=LIMIT - 1)
    assert await house.judged() == {launch: Warn(StopReason.IDLE, house.clock() + timedelta(seconds=1))}
    house.pass_time(seconds=1)
    assert await house.sweep() == {launch}


async def test_a_job_that_no_kernel_runs_ends_at_the_ceiling(house: House, groups: Groups) -> None:
    launch = await in_container(house)
    ceiling = house.site.settings.busy_ceiling_seconds
    for used in range(2):
        groups.used(CONTAINER, 1000 * used)
        assert await house.judged() == {launch: Keep()}
        house.pass_time(seconds=ceiling / 2)
    groups.used(CONTAINER, 9000)
    assert await house.sweep() == {launch}
    assert house.launch(launch).stop_reason == "busy-ceiling"


async def test_a_container_that_began_anew_is_read_anew(house: House, groups: Groups) -> None:
    launch = await in_container(house)
    groups.used(CONTAINER, 10)
    house.pass_time(seconds=2 * LIMIT)
    await house.judged()
    groups.used(CONTAINER, 1)
    assert await house.judged() == {launch: Keep()}
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}


async def test_a_container_whose_counter_is_not_there_is_judged_by_its_kernels(
    house: House, groups: Groups
) -> None:
    launch = await in_container(house)
    house.pass_time(seconds=2 * LIMIT)
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}


@pytest.mark.parametrize("change", [{"ready": False}, {"pending": "stop"}, {"launch_id": ""}])
async def test_servers_on_their_way_and_strangers_are_not_judged(house: House, change: Any) -> None:
    launch = await house.running()
    house.pass_time(seconds=2 * LIMIT)
    house.servers[launch] = replace(house.servers[launch], **change)
    assert await house.judged() == {}


async def test_a_sweep_that_would_stop_too_many_stops_none_of_them(house: House) -> None:
    idle = [await house.running(datasets=()) for _ in range(4)]
    busy = await house.running()
    house.pass_time(seconds=LIMIT)
    house.says(busy, "busy")
    assert await house.sweep() == frozenset()
    (event,) = house.record(Verb.CULL_BRAKED)
    assert (event.actor, event.subject) == (cull.CULLER, "local")
    assert event.facts == {"would_stop": 4, "running": 5}
    assert {house.launch(launch).state for launch in idle} == {LaunchState.RUNNING}

    # The same a minute later is no news.
    house.pass_time(minutes=1)
    house.says(busy, "busy")
    assert await house.sweep() == frozenset()
    assert len(house.record(Verb.CULL_BRAKED)) == 1

    # Who is still away after an hour is away.
    house.pass_time(minutes=60)
    house.says(busy, "busy")
    assert await house.sweep() == {*idle}
    assert {house.launch(launch).stop_reason for launch in idle} == {"idle"}


async def test_a_brake_of_long_ago_lets_nothing_through_today(house: House) -> None:
    idle = [await house.running(datasets=()) for _ in range(4)]
    house.pass_time(seconds=LIMIT)
    assert await house.sweep() == frozenset()
    for launch_id in idle:
        house.use(launch_id)
    house.pass_time(hours=3)
    assert await house.sweep() == frozenset()
    assert len(house.record(Verb.CULL_BRAKED)) == 2


@pytest.mark.parametrize(("idle", "busy"), [(3, 0), (4, 4)])
async def test_few_or_a_small_share_are_not_braked(house: House, idle: int, busy: int) -> None:
    doomed = {await house.running(datasets=()) for _ in range(idle)}
    kept = [await house.running(datasets=()) for _ in range(busy)]
    house.pass_time(seconds=LIMIT)
    for launch_id in kept:
        house.says(launch_id, "busy")
    assert await house.sweep() == doomed
    assert house.record(Verb.CULL_BRAKED) == []
