"""Whether a server that runs answers, asked as its interface says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.store import images, launches, persons, projects, revisions
from hub_ext.errors import NotFound
from hub_ext.flows import launch as flow
from hub_ext.flows.site import Site
from hub_ext.model import Launch, LaunchState
from hub_ext.model.interfaces import (
    JUPYTER,
    Interface,
    InterfaceKind,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from tests.adapters.store import samples

PREFIX = "/user/ada/app/"
APP = Interface(
    kind=InterfaceKind.COMMAND,
    command=("serve",),
    port=7860,
    prefix=PrefixHandling.STRIPPED,
    ready_path="healthz",
    polls=(),
    secret=SecretPlace("APP_KEY", SecretScheme.BEARER),
)


@dataclass
class Server:
    """Answers 200 to this very request head's first line and secret, 500 to every other, `after` so many."""

    line: str = "GET /healthz HTTP/1.1"
    authorization: str = "Bearer s3cret"
    after: int = 0
    upstream: str = ""
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        secret = f"\r\nAuthorization: {self.authorization}\r\n" if self.authorization else ""
        right = head.startswith(f"{self.line}\r\n") and (
            secret in head if secret else "Authorization" not in head
        )
        ready = right and len(self.heads) > self.after
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if ready else b"HTTP/1.1 500 Fault\r\n\r\n")
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.upstream = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield made
    listening.close()


def running(site: Site, server: Server, interface: Interface) -> Launch:
    """A launch in the store, with its secret, at that server."""
    launch = replace(
        samples.LAUNCH,
        state=LaunchState.RUNNING,
        upstream=server.upstream,
        interface=interface,
        ended=None,
        outcome="",
        stop_reason="",
    )
    with site.store.transaction() as tx:
        persons.add(tx, samples.SPONSOR)
        persons.add(tx, samples.PERSON)
        projects.add(tx, samples.PROJECT)
        images.add(tx, samples.SUCCESSOR)
        images.add(tx, samples.IMAGE)
        revisions.add(tx, samples.REVISION)
        launches.add(tx, launch)
    launch_secrets.write(site.settings, launch.id, LaunchSecrets("s3cret", "", "", (), ""))
    return launch


async def test_it_is_asked_until_it_is_ready(site: Site, server: Server) -> None:
    server.after = 2
    launch = running(site, server, APP)
    assert await flow.wait_ready(site, launch.id, PREFIX, seconds=20)
    assert len(server.heads) == 3


async def test_a_jupyter_server_at_its_prefix(site: Site, server: Server) -> None:
    server.line, server.authorization = "GET /user/ada/app/api HTTP/1.1", "token s3cret"
    assert await flow.wait_ready(site, running(site, server, JUPYTER).id, PREFIX, seconds=20)


async def test_without_a_scheme_no_secret_is_sent(site: Site, server: Server) -> None:
    server.authorization = ""
    open_app = replace(APP, secret=SecretPlace("", SecretScheme.NONE))
    assert await flow.wait_ready(site, running(site, server, open_app).id, PREFIX, seconds=20)


async def test_one_that_does_not_answer_is_said_in_time(site: Site, server: Server) -> None:
    server.line = "GET /elsewhere HTTP/1.1"
    launch, begun = running(site, server, APP), time.monotonic()
    assert not await flow.wait_ready(site, launch.id, PREFIX, seconds=0.5)
    assert time.monotonic() - begun < 5
    assert server.heads


async def test_an_unknown_launch_is_an_error_and_not_a_no(site: Site) -> None:
    with pytest.raises(NotFound):
        await flow.wait_ready(site, "lau-unknown", PREFIX, seconds=1)
