"""The question is asked twenty times a second, so every kind of silence must be a quick "not yet"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from hub_ext.adapters import notebook_server


@pytest.fixture
async def said(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[bytes]]:
    """What the server on notebook_server.PORT says, one entry per connection; nothing left: it hangs."""
    answers: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if not answers:
            await asyncio.sleep(5)
        else:
            writer.write(answers.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    monkeypatch.setattr(notebook_server, "PORT", server.sockets[0].getsockname()[1])
    yield answers
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
async def test_only_200_is_ready(said: list[bytes], answer: bytes, ready: bool) -> None:
    said.append(answer)
    assert await notebook_server.answers("127.0.0.1", "/user/ada/api") is ready


async def test_a_server_that_hangs_is_not_ready_in_time(said: list[bytes]) -> None:
    begin = time.monotonic()
    assert not await notebook_server.answers("127.0.0.1", "/api", seconds=0.2)
    assert time.monotonic() - begin < 1


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_server, "PORT", 1)
    assert not await notebook_server.answers("127.0.0.1", "/api")


async def test_a_path_cannot_smuggle_a_header(said: list[bytes]) -> None:
    said.append(b"HTTP/1.1 200 OK\r\n\r\n")
    assert not await notebook_server.answers("127.0.0.1", "/api HTTP/1.1\r\nX: y")
