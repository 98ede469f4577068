"""A round over all servers ends in time, whatever some of them do, and never asks too many at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.notebook_server import base_path
from hub_ext.adapters.store import busy_since, launches
from hub_ext.flows.kernel_round import Bounds, ask, busy_starts
from hub_ext.flows.site import Site
from hub_ext.model import Launch, LaunchState
from hub_ext.model.interfaces import JUPYTER, InterfaceKind
from hub_ext.model.server_activity import KernelActivity, NoActivity, ServerActivity
from tests.adapters.store import samples
from tests.flows.conftest import Clock
from tests.support.notebook_servers import NotebookServer, kernel, notebook_servers

HANG = Bounds(at_once=5, server_seconds=0.2, round_seconds=10)


def running(site: Site, number: int, upstream: str) -> Launch:
    """A launch with a secret of its own; it need not be in the store."""
    launch = replace(
        samples.launch(number),
        username=f"person-{number}",
        state=LaunchState.RUNNING,
        upstream=upstream,
        interface=JUPYTER,
    )
    launch_secrets.write(site.settings, launch.id, LaunchSecrets(f"secret-{number}", "", "", (), ""))
    return launch


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_every_server_is_asked_at_its_own_path_with_its_own_secret(site: Site, clock: Clock) -> None:
    async with notebook_servers() as notebooks:
        known = [running(site, number, notebooks.upstream) for number in range(30, 40)]
        for number, launch in enumerate(known, 30):
            path = base_path(launch.username, launch.server_name)
            notebooks.servers[path] = NotebookServer(f"secret-{number}", [kernel(f"s-{number}", clock())])
        assert await ask(site, known) == {
            launch.id: ServerActivity((KernelActivity(f"s-{number}", clock()),))
            for number, launch in enumerate(known, 30)
        }


async def test_a_server_whose_interface_has_no_kernels_is_not_asked(site: Site) -> None:
    async with notebook_servers() as notebooks:
        launch = running(site, 30, notebooks.upstream)
        server = NotebookServer("secret-30")
        notebooks.servers[base_path(launch.username, launch.server_name)] = server
        app = replace(launch, interface=replace(JUPYTER, kind=InterfaceKind.COMMAND))
        assert await ask(site, [app]) == {app.id: NoActivity.NO_KERNELS}
        assert server.questions == []
        assert await ask(site, [launch]) == {launch.id: ServerActivity()}, "the control"


async def test_those_that_hang_hold_up_no_other_for_long(site: Site, clock: Clock) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with notebook_servers() as notebooks, listening(hang) as silent:
        bad = [running(site, number, silent) for number in range(30, 50)]
        good = [running(site, number, notebooks.upstream) for number in range(50, 60)]
        for number, launch in enumerate(good, 50):
            path = base_path(launch.username, launch.server_name)
            notebooks.servers[path] = NotebookServer(f"secret-{number}")
        begun = time.monotonic()
        activities = await ask(site, [*bad, *good], HANG)
        assert time.monotonic() - begun < 5
    assert {activities[launch.id] for launch in bad} == {NoActivity.UNKNOWN}
    assert {activities[launch.id] for launch in good} == {ServerActivity()}


async def test_the_whole_round_ends_in_time(site: Site) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(hang) as silent:
        known = [running(site, number, silent) for number in range(30, 50)]
        begun = time.monotonic()
        activities = await ask(site, known, Bounds(at_once=2, server_seconds=1, round_seconds=0.5))
        assert time.monotonic() - begun < 3
    assert activities == {launch.id: NoActivity.UNKNOWN for launch in known}


async def test_no_more_than_so_many_are_asked_at_once(site: Site) -> None:
    at_once, most = 0, 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        await writer.drain()
        at_once -= 1
        writer.close()

    async with listening(count) as upstream:
        known = [running(site, number, upstream) for number in range(30, 60)]
        activities = await ask(site, known, Bounds(at_once=3))
    assert set(activities.values()) == {ServerActivity()}
    assert most == 3


# --- busy times -----------------------------------------------------------------------------------------


@pytest.fixture
def two(site: Site) -> tuple[Launch, Launch]:
    """Two running launches in the store."""
    made = tuple(replace(samples.launch(number), state=LaunchState.RUNNING) for number in (30, 31))
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if value is not samples.NODE and module is not busy_since:
                module.add(tx, value)
        for launch in made:
            launches.add(tx, launch)
    return made[0], made[1]


def test_what_a_round_did_not_ask_stays_until_its_launch_has_ended(
    site: Site, clock: Clock, two: tuple[Launch, Launch]
) -> None:
    here, elsewhere = two
    before = clock() - timedelta(hours=1)
    with site.store.transaction() as tx:
        busy_since.replace_all(tx, {elsewhere.id: before})
    busy = {here.id: ServerActivity((KernelActivity("busy", clock()),))}
    assert busy_starts(site, [here], busy, clock()) == {here.id: clock(), elsewhere.id: before}
    with site.store.transaction() as tx:
        launches.replace(tx, replace(elsewhere, state=LaunchState.ENDED))
    assert busy_starts(site, [here], busy, clock.forward(hours=1)) == {here.id: clock() - timedelta(hours=1)}


def test_unknown_ends_no_busy_time_and_an_answer_does(
    site: Site, clock: Clock, two: tuple[Launch, Launch]
) -> None:
    launch = two[0]
    begun = clock()
    for activity, starts in (
        (NoActivity.UNKNOWN, {}),
        (ServerActivity((KernelActivity("busy", clock()),)), {launch.id: begun}),
        (NoActivity.UNKNOWN, {launch.id: begun}),
        (ServerActivity((KernelActivity("idle", clock()),)), {}),
    ):
        assert busy_starts(site, [launch], {launch.id: activity}, begun) == starts
        with site.store.reading() as tx:
            assert busy_since.starts(tx) == starts
