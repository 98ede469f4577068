"""The question is asked twenty times a second, so every kind of silence must be a quick "not yet"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from hub_ext.adapters import notebook_server


@dataclass
class Said:
    """What a server says, one answer per connection, and the last request; nothing left: it hangs."""

    upstream: str = ""
    answers: list[bytes] = field(default_factory=list)
    request: bytes = b""


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    """A server on a port of its own."""
    said = Said()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.request = await reader.readuntil(b"\r\n\r\n")
        if not said.answers:
            await asyncio.sleep(5)
        else:
            writer.write(said.answers.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    said.upstream = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield said
    server.close()


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n{}", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 302 Found\r\n\r\n", False),
        (b"SSH-2.0\r\n", False),
        (b"HTTP/1.1\r\n", False),
        (b"HTTP/1.1 abc\r\n", False),
        (b"", False),
    ],
)
async def test_only_200_is_ready(said: Said, answer: bytes, ready: bool) -> None:
    said.answers.append(answer)
    assert await notebook_server.answers(said.upstream, "/user/ada/api") is ready


async def test_a_server_that_hangs_is_not_ready_in_time(said: Said) -> None:
    begin = time.monotonic()
    assert not await notebook_server.answers(said.upstream, "/api", seconds=0.2)
    assert time.monotonic() - begin < 1


async def test_nobody_there() -> None:
    assert not await notebook_server.answers("127.0.0.1:1", "/api")


async def test_a_path_cannot_smuggle_a_header(said: Said) -> None:
    said.answers.append(b"HTTP/1.1 200 OK\r\n\r\n")
    assert not await notebook_server.answers(said.upstream, "/api HTTP/1.1\r\nX: y")


async def test_the_secret_is_sent_where_there_is_one(said: Said) -> None:
    said.answers += [b"HTTP/1.1 200 OK\r\n\r\n"] * 2
    assert await notebook_server.answers(said.upstream, "/api", authorization="Bearer s3cret")
    assert (
        said.request
        == (
            f"GET /api HTTP/1.1\r\nHost: {said.upstream}\r\nConnection: close\r\n"
            "Authorization: Bearer s3cret\r\n\r\n"
        ).encode()
    )
    assert await notebook_server.answers(said.upstream, "/api")
    assert b"Authorization" not in said.request
