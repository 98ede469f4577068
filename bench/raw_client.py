"""Requests as a signed-in browser sends them, without a client library, whose own time would be measured."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import dataclass

_SECONDS = 60
_PIECE = memoryview(bytes(256 * 1024))


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a browser finds somebody's server once it is signed in there.

    `base` is the path with both slashes, `cookie` the Cookie header for it, `xsrf` the value that Jupyter's
    own pages send beside it.
    """

    host: str
    port: int
    base: str
    cookie: str
    xsrf: str

    @property
    def origin(self) -> str:
        """As in the Origin header."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """With a slash at its end."""
        return self.origin + self.base

    def head(self, method: str, path: str, *more: str) -> bytes:
        """A request's head, with what a page of that server sends with a fetch."""
        lines = [
            f"{method} {self.base}{path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate, br",
            "Accept-Language: en-GB,en;q=0.9",
            f"Origin: {self.origin}",
            f"Referer: {self.url}lab",
            "Sec-Fetch-Site: same-origin",
            "Sec-Fetch-Mode: cors",
            "Sec-Fetch-Dest: empty",
            f"Cookie: {self.cookie}",
            f"X-XSRFToken: {self.xsrf}",
            *more,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def connected(self) -> socket.socket:
        """A connection; names below .localhost are this machine, as browsers have it."""
        host = "127.0.0.1" if self.host.endswith("localhost") else self.host
        made = socket.create_connection((host, self.port), timeout=_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


class KeptConnection:
    """One connection on which requests follow each other; blocks."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._socket = address.connected()
        self._buffer = bytearray(1024 * 1024)

    def close(self) -> None:
        """Ends it."""
        self._socket.close()

    def get(self, path: str) -> float:
        """Seconds until the whole answer is there. Raises RuntimeError for another answer than 200."""
        request = self.address.head("GET", path)
        began = time.perf_counter()
        self._socket.sendall(request)
        self._answer()
        return time.perf_counter() - began

    def put(self, path: str, size: int) -> float:
        """Seconds until the server has so many bytes and says so."""
        request = self.address.head("PUT", path, f"Content-Length: {size}")
        began = time.perf_counter()
        self._socket.sendall(request)
        left = size
        while left:
            left -= self._socket.send(_PIECE[: min(left, len(_PIECE))])
        self._answer()
        return time.perf_counter() - began

    def _answer(self) -> int:
        """Reads one answer to its end; the bytes of its body."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._some()
        head, _, body = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1") + body[:200].decode("latin-1"))
        headers = head.lower()
        if b"\r\ntransfer-encoding: chunked" in headers:
            while not body.endswith(b"0\r\n\r\n"):
                body += self._some()
            return len(body)
        length = int(headers.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        left, view = length - len(body), memoryview(self._buffer)
        while left > 0:
            count = self._socket.recv_into(view)
            if not count:
                raise RuntimeError("the connection ended within an answer")
            left -= count
        return length

    def _some(self) -> bytes:
        received = self._socket.recv(65536)
        if not received:
            raise RuntimeError("the connection ended before its answer")
        return received


class EchoSocket:
    """A WebSocket whose server sends back every message; blocks."""

    def __init__(self, address: ServerAddress, path: str) -> None:
        self._socket = address.connected()
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        self._socket.sendall(
            address.head("GET", path, *upgrade, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
        )
        head = b""
        while b"\r\n\r\n" not in head:
            received = self._socket.recv(65536)
            if not received:
                raise RuntimeError("the connection ended before its upgrade")
            head += received
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(head.decode("latin-1"))

    def close(self) -> None:
        """Ends it without a word."""
        self._socket.close()

    def exchange(self, count: int, size: int, at_once: int) -> float:
        """Seconds for so many messages of that size (126 bytes to 64 KiB) and their echoes.

        `at_once` of them are on their way.
        """
        message = _masked(os.urandom(size))
        echo_bytes = 4 + size
        sent = received = 0
        began = time.perf_counter()
        while received < count * echo_bytes:
            most = min(count, received // echo_bytes + at_once)
            if sent < most:
                self._socket.sendall(message * (most - sent))
                sent = most
            part = self._socket.recv(1024 * 1024)
            if not part:
                raise RuntimeError("the WebSocket was closed")
            received += len(part)
        return time.perf_counter() - began


def _masked(payload: bytes) -> bytes:
    """A client's binary frame; the mask is of zeros, so that masking costs the client nothing."""
    assert 126 <= len(payload) < 65536
    return bytes((0x82, 0x80 | 126)) + len(payload).to_bytes(2, "big") + bytes(4) + payload


async def requests_per_second(address: ServerAddress, path: str, connections: int, seconds: float) -> float:
    """Over so many kept connections, each with one request on its way.

    One that the other side closes is opened again: nginx does so after a thousand requests.
    """
    loop = asyncio.get_running_loop()
    asking = _Asking(address, path)
    try:
        for _ in range(connections):
            await asking.connect()
        began, before = loop.time(), asking.answers
        await asyncio.wait([asking.failed], timeout=seconds)
        if asking.failed.done():
            await asking.failed
        return (asking.answers - before) / (loop.time() - began)
    finally:
        asking.end()


class _Asking:
    """The connections of one measure, and how many answers came."""

    def __init__(self, address: ServerAddress, path: str) -> None:
        self.request = address.head("GET", path)
        self.answers = 0
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._host = "127.0.0.1" if address.host.endswith("localhost") else address.host
        self._port = address.port
        self._open: set[asyncio.Transport] = set()
        self._opening: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """One more connection."""
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: _Asker(self), self._host, self._port
        )
        self._open.add(transport)

    def replace(self, closed: asyncio.Transport) -> None:
        """Another in the place of one that the other side closes."""
        self._open.discard(closed)
        closed.abort()
        opening = asyncio.get_running_loop().create_task(self.connect())
        self._opening.add(opening)
        opening.add_done_callback(self._opened)

    def fail(self, why: str) -> None:
        """End the measure."""
        if not self.failed.done():
            self.failed.set_exception(RuntimeError(why))

    def end(self) -> None:
        """Close all of them."""
        for opening in self._opening:
            opening.cancel()
        for transport in self._open:
            transport.abort()
        self.failed.cancel()

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        if not opening.cancelled() and (error := opening.exception()):
            self.fail(str(error))


class _Asker(asyncio.Protocol):
    """One connection: the next request is sent when an answer is whole."""

    def __init__(self, asking: _Asking) -> None:
        self._asking = asking
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._asking.request)

    def data_received(self, chunk: bytes) -> None:
        self._received += chunk
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._asking.fail(head.decode("latin-1"))
            return
        headers = head.lower()
        if len(body) < int(headers.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]):
            return
        self._asking.answers += 1
        self._received = b""
        if b"\r\nconnection: close" in headers:
            self._asking.replace(self._transport)
        else:
            self._transport.write(self._asking.request)
