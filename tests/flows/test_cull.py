"""Which servers a sweep would stop, and why, over a real store: admitted launches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.adapters.hub_api import HubServer
from hub_ext.adapters.store import audit, images, launches
from hub_ext.flows import cull, projects
from hub_ext.flows.cull import Judged, announce_culls, judge
from hub_ext.flows.site import Site
from hub_ext.model import AuditEvent, Ceilings, Launch, LaunchState, StopReason, Verb
from hub_ext.policy.idle import Cull, Keep, Verdict, Warn
from hub_ext.settings import Settings
from tests.flows.conftest import Clock
from tests.support import scenario as scenarios
from tests.support.scenario import STEWARD, Scenario

LIMIT = 1800  # seconds, of the site


@dataclass
class House:
    """Running launches, what the Hub says of their servers, and what these report."""

    scenario: Scenario
    clock: Clock
    servers: dict[str, HubServer] = field(default_factory=dict)
    reports: dict[str, Any] = field(default_factory=dict)
    watch: cull.CpuWatch = field(default_factory=lambda: cull.CpuWatch(ContainerCpu(Path("/none"))))

    @property
    def site(self) -> Site:
        return self.scenario.site

    async def running(self, **asked: Any) -> str:
        """The id of a launch that runs, used and reported by its server just now."""
        plan = await self.scenario.admitted(**{"server_name": f"s{len(self.servers)}"} | asked)
        with self.site.store.transaction() as tx:
            launch = replace(
                launches.get(tx, plan.launch_id), state=LaunchState.RUNNING, started=self.clock()
            )
            launches.replace(tx, launch)
        self.servers[launch.id] = HubServer(True, None, self.clock(), launch.id)
        self.report(launch.id)
        return launch.id

    def report(self, launch_id: str, state: str = "idle", *, since: datetime | None = None) -> None:
        """The server reports one kernel now; it was last active when the server was."""
        activity = self.servers[launch_id].last_activity
        assert activity is not None
        self.reports[launch_id] = {
            "reported": self.clock().isoformat(),
            "kernels": [
                {
                    "id": "k",
                    "state": state,
                    "busy_since": since.isoformat() if since else None,
                    "last_activity": activity.isoformat(),
                }
            ],
            "terminals": 0,
        }

    def pass_time(self, **by: float) -> None:
        """Time in which nobody does anything and every server goes on reporting."""
        self.clock.forward(**by)
        for launch_id in self.reports:
            self.report(launch_id)

    async def judged(self) -> dict[str, Verdict]:
        """The verdicts by launch."""
        return {known.launch.id: known.verdict for known in await self._judged()}

    async def sweep(self) -> frozenset[str]:
        """The launches that the sweep announces."""
        return await announce_culls(self.site, await self._judged())

    async def _judged(self) -> tuple[Judged, ...]:
        return await judge(self.site, tuple(self.servers.values()), self.reports, self.watch)

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
        yield House(await scenarios.build(held, roots, {"answer": "sha256:" + "a" * 64}), clock)
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
    judged = await judge(house.site, tuple(house.servers.values()), house.reports, house.watch)
    with house.site.store.transaction() as tx:
        launches.replace(tx, replace(launches.get(tx, launch), state=LaunchState.ENDED))
    assert await announce_culls(house.site, judged) == frozenset()
    assert house.record(Verb.LAUNCH_STOPPING) == []


async def test_a_busy_kernel_is_kept_until_the_ceiling(house: House) -> None:
    launch = await house.running()
    since = house.clock()
    for days in (1, 5.5):
        house.clock.forward(days=days)
        house.report(launch, "busy", since=since)
        assert await house.judged() in (
            {launch: Keep()},
            {launch: Warn(StopReason.BUSY_CEILING, since + timedelta(days=7))},
        )
        assert await house.sweep() == frozenset()
    house.clock.forward(days=0.5)
    house.report(launch, "busy", since=since)
    assert await house.sweep() == {launch}
    assert house.launch(launch).stop_reason == "busy-ceiling"


async def test_without_a_report_that_can_be_believed_nobody_is_idle(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=2 * LIMIT)
    good = house.reports[launch]
    assert await house.judged() == {launch: Cull(StopReason.IDLE)}  # the control
    for report in (
        None,
        good | {"reported": (house.clock() - timedelta(minutes=6)).isoformat()},
        good | {"reported": house.clock().replace(tzinfo=None).isoformat()},
        good | {"kernels": [good["kernels"][0] | {"last_activity": "2026-05-04T08:00:00"}]},
        good | {"kernels": [good["kernels"][0] | {"busy_since": "yesterday"}]},
        good | {"kernels": [{}]},
        good | {"last_activity": "2026-05-04T08:00:00"},
        good | {"last_activity": "long ago"},
        {},
    ):
        house.reports = {launch: report} if report is not None else {}
        assert await house.judged() == {launch: Keep()}, report
        assert await house.sweep() == frozenset()


async def test_a_server_whose_activity_the_hub_does_not_know_is_kept(house: House) -> None:
    launch = await house.running()
    house.pass_time(seconds=2 * LIMIT)
    house.servers[launch] = replace(house.servers[launch], last_activity=None)
    assert await house.judged() == {launch: Keep()}


async def test_requests_that_pass_the_proxy_are_no_use_of_the_server(house: House) -> None:
    """What the server says of itself counts: the Hub's own time moves with every tab that is open."""
    launch = await house.running()
    used = house.clock()
    for seconds, verdict in ((LIMIT - 1, Warn), (1, Cull)):
        house.pass_time(seconds=seconds)
        house.servers[launch] = replace(house.servers[launch], last_activity=house.clock())
        house.reports[launch] |= {"last_activity": used.isoformat(), "kernels": []}
        assert isinstance((await house.judged())[launch], verdict)
    house.reports[launch] |= {"last_activity": house.clock().isoformat()}
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
    house.report(busy, "busy", since=house.clock())
    assert await house.sweep() == frozenset()
    (event,) = house.record(Verb.CULL_BRAKED)
    assert (event.actor, event.subject) == (cull.CULLER, "local")
    assert event.facts == {"would_stop": 4, "running": 5}
    assert {house.launch(launch).state for launch in idle} == {LaunchState.RUNNING}

    # The same a minute later is no news.
    house.pass_time(minutes=1)
    house.report(busy, "busy", since=house.clock())
    assert await house.sweep() == frozenset()
    assert len(house.record(Verb.CULL_BRAKED)) == 1

    # Who is still away after an hour is away.
    house.pass_time(minutes=60)
    house.report(busy, "busy", since=house.clock())
    assert await house.sweep() == {*idle}
    assert {house.launch(launch).stop_reason for launch in idle} == {"idle"}


async def test_a_brake_of_long_ago_lets_nothing_through_today(house: House) -> None:
    idle = [await house.running(datasets=()) for _ in range(4)]
    house.pass_time(seconds=LIMIT)
    assert await house.sweep() == frozenset()
    for launch_id in idle:
        house.servers[launch_id] = replace(house.servers[launch_id], last_activity=house.clock())
    house.pass_time(hours=3)
    assert await house.sweep() == frozenset()
    assert len(house.record(Verb.CULL_BRAKED)) == 2


@pytest.mark.parametrize(("idle", "busy"), [(3, 0), (4, 4)])
async def test_few_or_a_small_share_are_not_braked(house: House, idle: int, busy: int) -> None:
    doomed = {await house.running(datasets=()) for _ in range(idle)}
    kept = [await house.running(datasets=()) for _ in range(busy)]
    house.pass_time(seconds=LIMIT)
    for launch_id in kept:
        house.report(launch_id, "busy", since=house.clock())
    assert await house.sweep() == doomed
    assert house.record(Verb.CULL_BRAKED) == []
