"""A connection with the gate, the front's or the Hub's: requests one after the other, or one WebSocket.

httptools parses them and asyncio moves the bytes: `/check` is asked before every request to a server, and
tornado's HTTP server alone costs more than all that is judged there. Answers of pages are tornado's, which
writes them here as it would on a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from tornado.httputil import HTTPConnection, HTTPHeaders, RequestStartLine, ResponseStartLine

# The front refuses long cookies and adds a few headers; of a body it hands over 64 KiB at most.
MOST_REQUEST_BYTES = 320 * 1024
# What is done with headers grows with their number, of one name with its square, and all servers wait for it.
# Browsers send about thirty, the front adds twenty.
MOST_HEADERS = 200
MOST_EARLY_BYTES = 1024 * 1024
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request, with its headers as they came."""

    method: str
    target: str
    headers: Headers
    body: bytes
    upgrades: bool

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Connection(asyncio.Protocol, HTTPConnection):
    """Hands each request to `answer`, which answers it with one of the methods below, now or later.

    A request that is none, with an unknown method or too many headers for instance, gets status 400. A peer
    that asks again before it has its answer is closed: neither nginx nor the Hub does so.
    """

    def __init__(self, connections: set[Connection], answer: Callable[[Connection, Request], None]) -> None:
        self._connections = connections
        self._answer = answer
        self._parser = HttpRequestParser(self)
        self._received = 0  # bytes of the request that is being read
        self._target = b""
        self._headers: Headers = []
        self._body = b""
        self._answering = False
        self._broken = False
        self._keeps_alive = True
        self._upgrades = False
        self._early = b""  # of a WebSocket, before it is taken over
        self._on_close: Callable[[], object] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self.transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def data_received(self, chunk: bytes) -> None:
        """Called by the event loop."""
        if self._upgrades:
            self._keep_early(chunk)
            return
        self._received += len(chunk)
        try:
            self._parser.feed_data(chunk)
        except HttpParserUpgrade as upgrade:
            self._keep_early(chunk[upgrade.args[0] :])
        except HttpParserError:
            self._refuse()
        if self._broken or self._received > MOST_REQUEST_BYTES:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop, unless a relay has the connection."""
        self._connections.discard(self)
        if self._on_close is not None:
            self._on_close()

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._broken = self._broken or self._answering
        self._target, self._headers, self._body = b"", [], b""

    def on_url(self, part: bytes) -> None:
        """Called by the parser."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser, which ends at an exception."""
        if len(self._headers) == MOST_HEADERS:
            raise ValueError("too many headers")
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, part: bytes) -> None:
        """Called by the parser."""
        self._body += part

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._broken:
            return
        parser = self._parser
        self._received = 0
        self._answering = True
        self._upgrades = parser.should_upgrade()
        self._keeps_alive = parser.should_keep_alive() and not self._upgrades
        method, target = parser.get_method().decode("latin-1"), self._target.decode("latin-1")
        self._answer(self, Request(method, target, self._headers, self._body, self._upgrades))

    def _refuse(self) -> None:
        if self._answering or self._broken:
            self._broken = True
        else:
            self._keeps_alive = False
            self.send_status(400)

    def _keep_early(self, chunk: bytes) -> None:
        self._early += chunk
        self._broken = self._broken or len(self._early) > MOST_EARLY_BYTES
        if self._broken:
            self.transport.abort()

    def send(self, answer: bytes) -> None:
        """Sends the whole answer, with its head."""
        self.transport.write(answer)
        self.finish()

    def send_status(self, status: int) -> None:
        """Sends an answer that is a status alone."""
        line = f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}\r\n"
        self.send(line.encode() + b"Content-Length: 0\r\nCache-Control: no-store\r\n\r\n")

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        """Called by tornado. Raises ValueError for a header with a line break."""
        assert isinstance(start_line, ResponseStartLine)
        lines = [f"HTTP/1.1 {start_line.code} {start_line.reason}"]
        lines += [f"{name}: {value}" for name, value in headers.get_all()]
        # Without a length the answer ends with the connection.
        if start_line.code >= 200 and start_line.code not in (204, 304) and "Content-Length" not in headers:
            self._keeps_alive = False
        return self.write(encoded_head(lines) + (chunk or b""))

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Called by tornado."""
        self.transport.write(chunk)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        """The answer is whole; the next request may come."""
        self._answering = False
        if not self._keeps_alive:
            self.transport.close()

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call this once, where the peer leaves; called by tornado too."""
        self._on_close = callback

    @property
    def closed(self) -> bool:
        """Whether nobody hears an answer any more."""
        return self.transport.is_closing()

    def detach(self) -> tuple[asyncio.Transport, bytes]:
        """For a WebSocket: the transport, whose protocol is to be replaced at once, and what came early.

        Raises ConnectionError where the client left.
        """
        if self.closed:
            raise ConnectionError("the client left")
        self._connections.discard(self)
        self._on_close = None
        return self.transport, self._early


def encoded_head(lines: list[str]) -> bytes:
    """The head with these lines. Raises ValueError where one holds a line break."""
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header holds a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
