"""The opening of a WebSocket at the container: our request, and its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

from tornado.httputil import HTTPHeaders, HTTPInputError, parse_response_start_line

from hub_ext.gate.connection import Headers, encoded_head
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.verdicts import Pass

CONNECT_SECONDS = 5.0
# A Jupyter server waits for the kernel, for a minute at most, before it upgrades.
UPGRADE_SECONDS = 90.0
MOST_HEAD_BYTES = 64 * 1024

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
        self.transport = cast(asyncio.Transport, transport)

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
    passed: Pass, request: OriginalRequest, headers: Headers
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
        answer_head = encoded_head(
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


def _request_head(passed: Pass, request: OriginalRequest, headers: Headers) -> bytes:
    lines = [
        f"GET {passed.uri or request.uri} HTTP/1.1",
        f"Host: {request.host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
    ]
    for name, value in (
        ("Authorization", passed.authorization),
        ("Cookie", passed.cookie),
        ("X-Forwarded-Prefix", passed.forwarded_prefix),
    ):
        if value:
            lines.append(f"{name}: {value}")
    for name, value in headers:
        if name.lower() not in _NOT_COPIED and not name.lower().startswith(_OURS):
            lines.append(f"{name}: {value}")
    return encoded_head(lines)


def _parsed(head: bytes) -> tuple[int, HTTPHeaders]:
    first, _, rest = head.decode("latin-1").partition("\r\n")
    return parse_response_start_line(first).code, HTTPHeaders.parse(rest)
