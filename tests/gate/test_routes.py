"""The table of open servers: routes joined with launches, longest prefix first, held if the store fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.store import Store, launches, routes
from hub_ext.errors import StoreError
from hub_ext.flows.site import Site, open_site, utc_now
from hub_ext.gate.original import is_plain_path
from hub_ext.gate.origins import Origins
from hub_ext.gate.routes import Absence, OpenServer, OpenServers
from hub_ext.model import Launch, LaunchState
from hub_ext.model.doors import Route
from tests.gate.conftest import Clock
from tests.gate.small_hub import launch_of, prepare, settings_in
from tests.support.until import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty store in which launches can be written."""
    opened = open_site(settings_in(tmp_path, 1))
    prepare(opened.store)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    """The time that the table sees."""
    return Clock()


@pytest_asyncio.fixture
async def table(site: Site, clock: Clock) -> AsyncIterator[OpenServers]:
    """The table, not read yet."""
    made = OpenServers(site, Origins("", None, "", b"key"), clock)
    yield made
    made.close()


def opened(site: Site, spec: str, username: str, server_name: str = "", **changes: Any) -> Launch:
    """A launch with a route and secrets."""
    launch = replace(launch_of(username, server_name, "10.0.0.2:8888"), **changes)
    prefix = spec[spec.index("/") :]
    launch_secrets.write(
        site.settings, launch.id, LaunchSecrets("s", "c", "cs", (), f"{prefix}oauth_callback")
    )
    with site.store.transaction() as tx:
        launches.add(tx, launch)
        facts = {"user": username, "server_name": server_name}
        routes.put(tx, Route(spec, "http://10.0.0.2:8888", facts, utc_now()))
    return launch


def launch_at(table: OpenServers, path: str) -> str | Absence:
    found = table.find(path)
    return found.launch_id if isinstance(found, OpenServer) else found


async def test_the_longest_prefix_of_whole_segments(site: Site, table: OpenServers) -> None:
    alice = opened(site, "/user/alice/", "alice").id
    named = opened(site, "/user/alice/second/", "alice", "second").id
    await table.read()
    for path in ("/user/alice/", "/user/alice/lab", "/user/alice/a/b/c/d/e/f/g/h/i", "/user/alice"):
        assert launch_at(table, path) == alice
    for path in ("/user/alice/second/", "/user/alice/second/lab/x", "/user/alice/second"):
        assert launch_at(table, path) == named
    assert launch_at(table, "/user/alice/secondx/") == alice
    for path in ("/user/alicex/", "/user/alic", "/user/", "/", "/user/%61lice/", "/x/user/alice/", ""):
        assert launch_at(table, path) is Absence.CLOSED


async def test_a_named_server_that_opens_does_not_fall_to_the_one_above(
    site: Site, table: OpenServers
) -> None:
    alice = opened(site, "/user/alice/", "alice").id
    await table.read()
    assert launch_at(table, "/user/alice/été/lab") == alice
    named = launch_of("alice", "été", "")
    with site.store.transaction() as tx:
        launches.add(tx, replace(named, state=LaunchState.ADMITTED))
    await table.read()
    assert launch_at(table, "/user/alice/%C3%A9t%C3%A9/lab") is Absence.STARTING
    assert launch_at(table, "/user/alice/lab") == alice
    with site.store.transaction() as tx:
        launches.replace(tx, replace(named, state=LaunchState.STOPPING))
    await table.read()
    assert launch_at(table, "/user/alice/%C3%A9t%C3%A9/lab") is Absence.STOPPING
    with site.store.transaction() as tx:
        launches.replace(tx, replace(named, state=LaunchState.ENDED))
    await table.read()
    assert launch_at(table, "/user/alice/%C3%A9t%C3%A9/lab") is Absence.CLOSED
    assert launch_at(table, "/user/alice/%C3%A9t%C3%A9x/lab") == alice


async def test_a_named_server_that_has_ended_does_not_fall_to_the_one_above(
    site: Site, table: OpenServers, clock: Clock
) -> None:
    """A program that works with it sends what is for its project, and knows of no end."""
    alice = opened(site, "/user/alice/", "alice").id
    ended = {"state": LaunchState.ENDED, "started": utc_now(), "outcome": "stopped"}
    days = {"second": 30, "third": 32}
    with site.store.transaction() as tx:
        for name, ago in days.items():
            at = utc_now() - timedelta(days=ago)
            launches.add(tx, replace(launch_of("alice", name, ""), **ended, ended=at))
    await table.read()
    for path in ("/user/alice/second", "/user/alice/second/api/contents"):
        assert launch_at(table, path) is Absence.CLOSED
    # Pages that end like it, and a server of long ago.
    for path in ("lab", "lab/tree/second", "third/", "secondx"):
        assert launch_at(table, f"/user/alice/{path}") == alice
    bob = opened(site, "/user/bob/", "bob").id
    with site.store.transaction() as tx:
        launches.add(tx, replace(launch_of("alice", "fourth", ""), **ended, ended=utc_now()))
    clock.ahead = 59
    await table.read()
    assert launch_at(table, "/user/bob/second/") == bob
    assert launch_at(table, "/user/alice/second/") is Absence.CLOSED
    clock.ahead = 61
    await table.read()
    assert launch_at(table, "/user/alice/fourth/") is Absence.CLOSED


async def test_a_route_with_a_host_is_none_of_ours(site: Site, table: OpenServers) -> None:
    opened(site, "alice.hub.example/user/alice/", "alice")
    await table.read()
    assert launch_at(table, "/user/alice/") is Absence.CLOSED


async def test_only_what_runs_and_is_up_is_open(site: Site, table: OpenServers) -> None:
    opened(site, "/user/admitted/", "admitted", state=LaunchState.ADMITTED)
    opened(site, "/user/stopping/", "stopping", state=LaunchState.STOPPING)
    opened(site, "/user/early/", "early", upstream="")
    bare = opened(site, "/user/bare/", "bare")
    launch_secrets.remove(site.settings, bare.id)
    runs = opened(site, "/user/runs/", "runs").id
    with site.store.transaction() as tx:
        routes.put(tx, Route("/", "http://127.0.0.1:1", {"hub": True}, utc_now()))
        routes.put(tx, Route("/services/x/", "http://127.0.0.1:1", {"service": "x"}, utc_now()))
        routes.put(tx, Route("/user/nobody/", "http://x", {"user": "nobody", "server_name": ""}, utc_now()))
    await table.read()
    assert launch_at(table, "/user/runs/") == runs
    assert launch_at(table, "/user/admitted/") is Absence.STARTING
    assert launch_at(table, "/user/stopping/") is Absence.STOPPING
    for name in ("early", "bare", "nobody"):
        assert launch_at(table, f"/user/{name}/") is Absence.CLOSED


async def test_an_end_is_seen_and_told(site: Site, table: OpenServers) -> None:
    alice, bob = opened(site, "/user/alice/", "alice"), opened(site, "/user/bob/", "bob")
    closings: list[frozenset[str]] = []
    table.on_closed.append(closings.append)
    reading = asyncio.create_task(table.keep_reading())
    await until(lambda: launch_at(table, "/user/alice/") == alice.id)
    with site.store.transaction() as tx:
        launches.replace(tx, replace(alice, state=LaunchState.STOPPING))
        routes.remove(tx, "/user/bob/")
    await until(lambda: launch_at(table, "/user/alice/") is Absence.STOPPING, 2)
    assert launch_at(table, "/user/bob/") is Absence.CLOSED
    assert closings == [frozenset({alice.id, bob.id})]
    reading.cancel()


async def test_a_miss_reads_at_once_but_not_without_end(site: Site, table: OpenServers, clock: Clock) -> None:
    await table.read()
    alice = opened(site, "/user/alice/", "alice")
    clock.ahead = 0.3
    found = await table.find_or_read("/user/alice/")
    assert isinstance(found, OpenServer)
    assert found.launch_id == alice.id
    bob = opened(site, "/user/bob/", "bob")
    begun = time.monotonic()
    under_way = asyncio.create_task(table.read())
    await asyncio.sleep(0)
    found, *others = await asyncio.gather(
        *(table.find_or_read(f"/user/{name}/") for name in ("bob", "x", "y"))
    )
    assert isinstance(found, OpenServer)
    assert found.launch_id == bob.id
    assert others == [Absence.CLOSED] * 2
    assert time.monotonic() - begun > 0.1
    await under_way


async def test_a_miss_right_after_a_reading_reads_again(
    site: Site, table: OpenServers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = opened(site, "/user/alice/", "alice")
    await table.read()
    times = 0

    def counted(clock: Clock) -> float:
        nonlocal times
        times += 1
        assert times < 1000, "who waits gives the loop no turn"
        return time.monotonic()

    monkeypatch.setattr(Clock, "__call__", counted)
    misses: list[asyncio.Task[OpenServer | Absence]] = []
    # Begun in the reading's last step: its task is done by then, and nobody has been told so.
    table.on_closed.append(lambda _: misses.append(asyncio.create_task(table.find_or_read("/user/x/"))))
    with site.store.transaction() as tx:
        launches.replace(tx, replace(alice, state=LaunchState.ENDED))
    await table.read()
    assert await asyncio.gather(*misses) == [Absence.CLOSED]


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store that cannot be read."""

    def fails(self: Store) -> None:
        raise StoreError("The disk is gone.")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "reading", fails)
        yield


async def test_a_failing_store_is_no_absence(
    site: Site, table: OpenServers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = opened(site, "/user/alice/", "alice")
    with failing(monkeypatch):
        await table.read()
        assert launch_at(table, "/user/alice/") is Absence.UNKNOWN
    await table.read()
    closings: list[frozenset[str]] = []
    table.on_closed.append(closings.append)
    with failing(monkeypatch):
        clock.ahead = 590
        await table.read()
        assert launch_at(table, "/user/alice/") == alice.id
        clock.ahead = 610
        assert launch_at(table, "/user/alice/") is Absence.UNKNOWN
    assert closings == []
    await table.read()
    assert launch_at(table, "/user/alice/") == alice.id


async def test_secrets_that_cannot_be_read_close_no_other_server(site: Site, table: OpenServers) -> None:
    alice, bob = opened(site, "/user/alice/", "alice"), opened(site, "/user/bob/", "bob")
    (site.settings.secrets_dir / "launches" / f"{alice.id}.json").write_text("{")
    await table.read()
    assert launch_at(table, "/user/alice/") is Absence.CLOSED
    assert launch_at(table, "/user/bob/") == bob.id


@given(st.text(alphabet="/.%2eEfFcC5\\a", max_size=20))
def test_no_plain_path_leaves_its_folder(path: str) -> None:
    from urllib.parse import unquote

    if is_plain_path("/" + path):
        assert ".." not in unquote(path).replace("\\", "/").split("/")
