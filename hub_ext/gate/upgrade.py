"""The opening of a WebSocket on both sides: the container's upgrade, and the client's socket taken over."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass

from tornado.httputil import HTTPHeaders, HTTPInputError, parse_response_start_line
from tornado.iostream import IOStream, StreamClosedError

from hub_ext.gate.judge import Pass
from hub_ext.gate.original import OriginalRequest, uri_without_token

CONNECT_SECONDS = 5.0
# A Jupyter server waits for the kernel, for a minute at most, before it upgrades.
UPGRADE_SECONDS = 90.0
MOST_HEAD_BYTES = 64 * 1024
MOST_EARLY_BYTES = 1024 * 1024

# Replaced, or of the connection before ours.
_NOT_COPIED = frozenset(
    {"authorization", "cookie", "host", "connection", "upgrade", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "content-length", "proxy-authorization", "proxy-connection", "x-real-ip"}
)
_OURS = ("x-original-", "x-forwarded-", "x-gate-")
_ANSWERED = ("Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions")


@dataclass(frozen=True, slots=True)
class UpgradeRefused:
    """The container did not upgrade; `status` is for the client."""

    status: int


class UpstreamHead(asyncio.Protocol):
    """Collects the head of the container's answer, then stops reading until another protocol takes over."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.rest = b""  # what came behind the head
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, chunk: bytes) -> None:
        """Called by asyncio."""
        self._read += chunk
        head, found, rest = bytes(self._read).partition(b"\r\n\r\n")
        if found:
            self.transport.pause_reading()
            self.rest = rest
            if not self.head.done():
                self.head.set_result(head)
        elif len(self._read) > MOST_HEAD_BYTES:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if not self.head.done():
            self.head.set_exception(error or ConnectionResetError("closed before its answer"))


async def open_upstream(
    passed: Pass, request: OriginalRequest, headers: HTTPHeaders
) -> tuple[UpstreamHead, bytes] | UpgradeRefused:
    """The container's connection, and the head of its 101 for the client; or what the client gets instead."""
    host, _, port = passed.upstream.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            transport, upstream = await loop.create_connection(UpstreamHead, host, int(port))
    except (OSError, TimeoutError):
        return UpgradeRefused(502)
    try:
        transport.write(_request_head(passed, request, headers))
        async with asyncio.timeout(UPGRADE_SECONDS):
            status, answered = _parsed(await upstream.head)
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        answer_head = _encoded(
            lines + [f"{name}: {answered[name]}" for name in _ANSWERED if name in answered]
        )
    except (OSError, TimeoutError, ValueError, HTTPInputError):
        transport.abort()
        return UpgradeRefused(502)
    except BaseException:
        transport.abort()
        raise
    if status != 101:
        transport.abort()
        # Neither a redirect nor a success is an answer to this question.
        return UpgradeRefused(status if 400 <= status <= 599 else 502)
    return upstream, answer_head


def take_socket(stream: IOStream) -> tuple[socket.socket, bytes]:
    """The socket of a stream, and what was read of it ahead. Raises ConnectionError where the client left.

    asyncio's transports move bytes at half of the cost of tornado's streams.
    """
    early = bytearray()
    try:
        while (reading := asyncio.ensure_future(stream.read_bytes(MOST_HEAD_BYTES, partial=True))).done():
            early += reading.result()
            if len(early) > MOST_EARLY_BYTES:
                raise ConnectionError("too many messages before the server's answer")
        taken = socket.socket(fileno=os.dup(stream.socket.fileno()))
    except StreamClosedError as error:
        raise ConnectionError("the client left") from error
    finally:
        stream.close()
    taken.setblocking(False)
    return taken, bytes(early)


def _request_head(passed: Pass, request: OriginalRequest, headers: HTTPHeaders) -> bytes:
    lines = [
        f"GET {uri_without_token(request.path, request.query)} HTTP/1.1",
        f"Host: {request.host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Authorization: {passed.authorization}",
    ]
    if passed.cookie:
        lines.append(f"Cookie: {passed.cookie}")
    for name, value in headers.get_all():
        if name.lower() not in _NOT_COPIED and not name.lower().startswith(_OURS):
            lines.append(f"{name}: {value}")
    return _encoded(lines)


def _encoded(lines: list[str]) -> bytes:
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header holds a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _parsed(head: bytes) -> tuple[int, HTTPHeaders]:
    first, _, rest = head.decode("latin-1").partition("\r\n")
    return parse_response_start_line(first).code, HTTPHeaders.parse(rest)
