"""The gate's side of a connection: requests one after the other, and what is closed or refused."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hub_ext.gate import connection as connections
from hub_ext.gate.connection import Connection, Request
from tests.support.until import until


class Gate:
    """Answers with a status alone, `later` by the test's own word."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[Request] = []
        self.open: set[Connection] = set()
        self.later = False

    def answer(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        if not self.later:
            connection.send_status(403)

    async def ask(self, *parts: bytes) -> bytes:
        """What comes back for these bytes, until the gate closes or says no more for half a second."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        received = b""
        try:
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.02)
            while chunk := await asyncio.wait_for(reader.read(65536), 0.5):
                received += chunk
            return received + b"(closed)"
        except ConnectionError:
            return received + b"(closed)"
        except TimeoutError:
            return received
        finally:
            writer.close()


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    made = Gate(tmp_path / "socket")
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: Connection(made.open, made.answer), str(made.path)
    )
    yield made
    server.close()
    for one in tuple(made.open):
        one.transport.abort()


def request(target: str = "/check", *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: gate", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n"


async def test_requests_follow_each_other_on_one_connection(gate: Gate) -> None:
    first = request("/check?a=b", "X-Twice: 1", "X-Twice: 2", "Cookie: a=é")
    second = request("/answer", "Content-Length: 5", method="POST", body=b"bytes")
    assert await gate.ask(first[:9], first[9:31], first[31:], second[:-3], second[-3:]) == NO + NO
    one, other = gate.requests
    assert (one.method, one.target, one.path, one.body) == ("GET", "/check?a=b", "/check", b"")
    assert one.headers == [("Host", "gate"), ("X-Twice", "1"), ("X-Twice", "2"), ("Cookie", "a=Ã©")]
    assert (other.method, other.path, other.body) == ("POST", "/answer", b"bytes")
    assert other.headers == [("Host", "gate"), ("Content-Length", "5")]


async def test_who_wants_no_more_is_closed(gate: Gate) -> None:
    assert await gate.ask(request("/check", "Connection: close")) == NO + b"(closed)"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"BREW /pot HTTP/1.1\r\nHost: gate\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : gate\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: gate\r\nX: a\rY: b\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_told_so_and_closed(gate: Gate, nonsense: bytes) -> None:
    answer = await gate.ask(nonsense)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\n(closed)")
    assert gate.requests == []


async def test_who_asks_again_before_the_answer_is_closed(gate: Gate) -> None:
    gate.later = True
    assert await gate.ask(request("/first") + request("/second")) == b"(closed)"
    assert await gate.ask(request("/first"), request("/second")) == b"(closed)"
    assert [one.path for one in gate.requests] == ["/first", "/first"]


@pytest.mark.parametrize(
    "large",
    [
        lambda size: [request("/check", f"X-Large: {'x' * size}")],
        lambda size: [request("/check?" + "x" * size)],
        lambda size: [request("/answer", f"Content-Length: {size}", method="POST"), bytes(size)],
    ],
)
async def test_a_request_has_a_bound(
    gate: Gate, large: Callable[[int], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await gate.ask(*large(250_000)) == NO
    monkeypatch.setattr(connections, "MOST_REQUEST_BYTES", 200_000)
    gate.requests.clear()
    assert (await gate.ask(*large(250_000))).endswith(b"(closed)")


async def test_headers_have_a_bound_of_their_number(gate: Gate) -> None:
    most = connections.MOST_HEADERS - 1  # Host beside
    assert await gate.ask(request("/check", *["X: y"] * most)) == NO
    gate.requests.clear()
    for number in (most + 1, 50_000):
        answer = await gate.ask(request("/check", *["X: y"] * number))
        assert answer.endswith(b"(closed)")
        assert answer.startswith(b"HTTP/1.1 400 ") or answer == b"(closed)"  # reset: we were still sending
    assert gate.requests == []


async def test_a_client_that_leaves_is_told_of(gate: Gate) -> None:
    gate.later = True
    left = asyncio.Event()
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(gate.path))
    client.sendall(request())
    await until(lambda: bool(gate.requests))
    (one,) = gate.open
    one.set_close_callback(left.set)
    client.close()
    await asyncio.wait_for(left.wait(), 5)
    assert one.closed
    assert not gate.open
    with pytest.raises(ConnectionError):
        one.detach()


async def test_early_messages_of_a_websocket_are_kept_and_bounded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.later = True
    upgrade = request("/user/x/ws", "Connection: Upgrade", "Upgrade: websocket")
    monkeypatch.setattr(connections, "MOST_EARLY_BYTES", 10)
    assert await gate.ask(upgrade + b"12345", b"67890") == b""
    assert gate.requests[0].upgrades
    assert await gate.ask(upgrade + b"12345", b"67890", b"1") == b"(closed)"
    client = asyncio.create_task(gate.ask(upgrade + b"12345", b"678"))
    await asyncio.sleep(0.2)
    (one,) = gate.open
    assert one.detach()[1] == b"12345678"
    await client
