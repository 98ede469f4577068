"""Where the front's requests arrive: `/check`, `/answer`, WebSockets for the relay. And the Hub's `/routes`.

`/check` is asked before every request to a server. Its usual way is kept short: nothing is awaited, rendered
or handed to another thread where the answers are at hand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from http.client import responses
from typing import cast

from tornado import httputil, web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, RequestStartLine, ResponseStartLine

from hub_ext.adapters.gate import ROUTES_PATH
from hub_ext.gate.judge import HubSilent, Judge, NotRunning, Pass, Verdict
from hub_ext.gate.original import parse
from hub_ext.gate.relay import Relays
from hub_ext.gate.routes import OpenServers
from hub_ext.gate.uses import Uses

_NO_CONTENT = ResponseStartLine("HTTP/1.1", 204, "No Content")

log = logging.getLogger("hub_ext.gate")


@dataclass(frozen=True)
class Parts:
    """What the door needs of the gate."""

    servers: OpenServers
    judge: Judge
    uses: Uses
    relays: Relays
    answers: web.Application
    tasks: set[asyncio.Task[None]]


class Door(httputil.HTTPServerConnectionDelegate):
    """For tornado's HTTPServer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Called by tornado for every request."""
        return _Request(self._parts, server_conn, cast(HTTP1Connection, request_conn))


class _Request(httputil.HTTPMessageDelegate):
    def __init__(self, parts: Parts, server_conn: object, connection: HTTP1Connection) -> None:
        self._parts = parts
        self._server_conn = server_conn
        self._connection = connection
        self._answer: httputil.HTTPMessageDelegate | None = None
        self._method = ""
        self._path = ""
        self._headers = HTTPHeaders()
        self._task: asyncio.Task[None] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        self._method, self._path = start_line.method, start_line.path.partition("?")[0]
        self._headers = headers
        if self._path != "/answer":
            return None
        self._answer = self._parts.answers.start_request(self._server_conn, self._connection)
        return self._answer.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        # A body matters to nobody here; the server's own bound stands.
        return self._answer.data_received(chunk) if self._answer else None

    def finish(self) -> None:
        if self._answer is not None:
            self._answer.finish()
        elif self._path == "/check":
            self._check()
        elif self._path == ROUTES_PATH and self._method == "POST":
            self._begin(self._read_routes())
        elif self._headers.get("Upgrade", "").lower() == "websocket":
            self._begin(self._relay())
        else:
            self._finish(404, "Not Found")

    def on_connection_close(self) -> None:
        if self._answer is not None:
            self._answer.on_connection_close()
        if self._task is not None:
            self._task.cancel()

    def _begin(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("A request failed")
                if self._connection.stream is not None:
                    self._finish(500, "Internal Server Error")

        self._task = asyncio.create_task(run())
        self._parts.tasks.add(self._task)
        self._task.add_done_callback(self._parts.tasks.discard)

    def _check(self) -> None:
        request = parse(self._headers)
        if request is None:
            self._finish(401, "Unauthorized")
            return
        verdict = self._parts.judge.at_once(request)
        if verdict is not None:
            self._say(verdict)
            if type(verdict) is Pass:
                self._parts.uses.mark_request(verdict.server, request)
            return

        async def judged() -> None:
            verdict = await self._parts.judge.judge(request)
            self._say(verdict)
            if type(verdict) is Pass:
                self._parts.uses.mark_request(verdict.server, request)

        self._begin(judged())

    async def _read_routes(self) -> None:
        """For the Hub: the front passes no such path."""
        await self._parts.servers.read_anew()
        self._connection.write_headers(_NO_CONTENT, HTTPHeaders())
        self._connection.finish()

    def _say(self, verdict: Verdict) -> None:
        if type(verdict) is not Pass:
            self._finish(401, "Unauthorized")
            return
        headers = HTTPHeaders()
        headers["X-Gate-Upstream"] = verdict.upstream
        headers["X-Gate-Authorization"] = verdict.authorization
        headers["X-Gate-Cookie"] = verdict.cookie
        headers["X-Gate-Prefix"] = verdict.prefix
        self._connection.write_headers(_NO_CONTENT, headers)
        self._connection.finish()

    async def _relay(self) -> None:
        parts = self._parts
        request = parse(self._headers)
        if request is None or request.method != "GET":
            self._finish(400, "Bad Request")
            return
        verdict = parts.judge.at_once(request) or await parts.judge.judge(request)
        if not isinstance(verdict, Pass):
            silent = isinstance(verdict, NotRunning | HubSilent)
            self._finish(*((503, "Service Unavailable") if silent else (403, "Forbidden")))
            return
        parts.uses.mark_request(verdict.server, request)
        refused = await parts.relays.open(verdict, request, self._headers, self._connection.detach)
        if refused is not None:
            self._finish(refused.status, responses.get(refused.status, "Unknown"))

    def _finish(self, status: int, reason: str) -> None:
        headers = HTTPHeaders({"Content-Length": "0", "Cache-Control": "no-store"})
        self._connection.write_headers(ResponseStartLine("HTTP/1.1", status, reason), headers)
        self._connection.finish()
