"""What the benchmark's own client sends, and what the server that stands in for a notebook answers it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench import fast_server
from bench.client import LocalNames
from bench.raw_client import EchoSocket, KeptConnection, ServerAddress, requests_per_second
from tests.support.registry import free_port
from tests.support.until import until


@pytest.fixture
def address(tmp_path: Path) -> Iterator[ServerAddress]:
    """The fast server as a process, on a port of its own."""
    port = free_port()
    source = Path(fast_server.__file__).read_text(encoding="utf-8")
    program = tmp_path / "server.py"
    program.write_text(re.sub(r"^PORT = \d+", f"PORT = {port}", source, flags=re.MULTILINE))
    process = subprocess.Popen([sys.executable, program])
    try:
        asyncio.run(until(lambda: listens(port)))
        yield ServerAddress("a.localhost", port, "/user/a/", "a=b", "x")
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_one_connection_bears_requests_of_every_kind(address: ServerAddress) -> None:
    with closing(KeptConnection(address)) as connection:
        assert connection.get("api/status") > 0
        assert connection.put("api/contents/a", 5_000_001) > 0
        assert connection.get("bytes/5000001") > 0
        assert connection.put("api/contents/a", 7) > 0
        assert connection.get("api/status") > 0


@pytest.mark.parametrize("size", [126, 1023, 1024, 65535])
def test_a_message_comes_back_as_it_was(address: ServerAddress, size: int) -> None:
    message, mask = os.urandom(size), os.urandom(4)
    masked = bytes(letter ^ mask[place % 4] for place, letter in enumerate(message))
    with closing(EchoSocket(address, "ws")) as echo:
        wire = echo._socket
        wire.sendall(bytes((0x82, 0xFE)) + size.to_bytes(2, "big") + mask + masked)
        wire.settimeout(5)
        received = b""
        while len(received) < size + 4:
            received += wire.recv(size)
    assert received == bytes((0x82, 126)) + size.to_bytes(2, "big") + message


def test_messages_are_all_exchanged(address: ServerAddress) -> None:
    with closing(EchoSocket(address, "ws")) as echo:
        assert echo.exchange(200, 1024, 1) > 0
        assert echo.exchange(200, 1024, 32) > 0


def test_requests_are_counted_over_several_connections(address: ServerAddress) -> None:
    assert asyncio.run(requests_per_second(address, "api/status", 4, 0.3)) > 10


def test_another_answer_than_200_is_an_error() -> None:
    port = free_port()

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async def ask() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", port):
            address = ServerAddress("127.0.0.1", port, "/", "", "")
            with pytest.raises(RuntimeError, match="403"):
                await requests_per_second(address, "api", 2, 5)
            with pytest.raises(RuntimeError, match="403"):
                await asyncio.to_thread(KeptConnection(address).get, "api")

    asyncio.run(ask())


def test_a_connection_that_ends_after_an_answer_is_opened_again() -> None:
    port = free_port()
    opened = 0

    async def three_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        for last in (b"", b"", b"Connection: close\r\n"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + last + b"\r\n")
        writer.close()

    async def rate() -> float:
        async with await asyncio.start_server(three_answers, "127.0.0.1", port):
            return await requests_per_second(ServerAddress("127.0.0.1", port, "/", "", ""), "api", 2, 0.3)

    assert asyncio.run(rate()) > 10 * 3 * 2
    assert opened > 10


def test_names_below_localhost_are_this_machine() -> None:
    async def resolved() -> list[Any]:
        return await LocalNames().resolve("s1234.localhost", 8000)

    found = asyncio.run(resolved())
    assert {one["host"] for one in found} == {"127.0.0.1"}
