"""Where the front's requests arrive: `/check`, `/answer`, WebSockets for the relay. And the Hub's `/routes`.

`/check` is asked before every request to a server. Its usual way is kept short: nothing is awaited, rendered
or handed to another thread where the answers are at hand.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass

from tornado import web
from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine

from hub_ext.adapters.gate import ROUTES_PATH
from hub_ext.gate.connection import NO_CONTENT, Connection, Request, encoded_head
from hub_ext.gate.judge import Judge
from hub_ext.gate.original import parse
from hub_ext.gate.relay import Relays
from hub_ext.gate.routes import OpenServers
from hub_ext.gate.uses import Uses
from hub_ext.gate.verdicts import HubSilent, NotRunning, Pass, Verdict

# Pages that wait for their turn, 6 s of them; each request has 320 KiB at most, and most have two.
MOST_PAGES = 4000

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


class Door:
    """Answers requests, whatever connection they come by."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages: deque[tuple[Connection, Request]] = deque()

    def answer(self, connection: Connection, request: Request) -> None:
        """Answer on that connection, now or later."""
        try:
            self._answer(connection, request)
        except Exception:
            _fail(connection)

    def _answer(self, connection: Connection, request: Request) -> None:
        path = request.path
        if path == "/check":
            self._check(connection, request)
        elif path == "/answer":
            self._queue_page(connection, request)
        elif path == ROUTES_PATH and request.method == "POST":
            self._begin(connection, self._read_routes(connection))
        elif request.upgrades:
            self._begin(connection, self._relay(connection, request))
        else:
            connection.send_status(404)

    def _begin(self, connection: Connection, work: Awaitable[None]) -> None:
        """Do the work in a task, which ends where the peer leaves."""

        async def run() -> None:
            try:
                await work
            except Exception:
                _fail(connection)

        task = asyncio.create_task(run())
        connection.set_close_callback(task.cancel)
        self._parts.tasks.add(task)
        task.add_done_callback(self._parts.tasks.discard)

    def _check(self, connection: Connection, request: Request) -> None:
        original = parse(request.headers)
        if original is None:
            connection.send_status(401)
            return

        def say(verdict: Verdict) -> None:
            if type(verdict) is Pass:
                connection.send(_passing(verdict))
                self._parts.uses.mark_request(verdict.server, original)
            else:
                connection.send_status(401)

        async def judged() -> None:
            say(await self._parts.judge.judge(original))

        verdict = self._parts.judge.at_once(original)
        if verdict is not None:
            say(verdict)
        else:
            self._begin(connection, judged())

    def _queue_page(self, connection: Connection, request: Request) -> None:
        """Answer with a page in its turn, one in each round of the loop.

        Who is not signed in asks for pages, and each costs as much as ten checks: a thousand at once must not
        keep those waiting who are in.
        """
        if len(self._pages) >= MOST_PAGES:
            connection.send_status(503)
            return
        self._pages.append((connection, request))
        if len(self._pages) == 1:
            asyncio.get_running_loop().call_soon(self._next_page)

    def _next_page(self) -> None:
        connection, request = self._pages[0]
        try:
            if not connection.closed:
                self._page(connection, request)
        except Exception:
            _fail(connection)
        self._pages.popleft()
        if self._pages:
            asyncio.get_running_loop().call_soon(self._next_page)

    def _page(self, connection: Connection, request: Request) -> None:
        headers = HTTPHeaders()
        try:
            for name, value in request.headers:
                headers.add(name, value)
            delegate = self._parts.answers.start_request(self, connection)
            delegate.headers_received(RequestStartLine(request.method, request.target, "HTTP/1.1"), headers)
        except HTTPInputError:
            connection.send_status(400)
            return
        if request.body:
            delegate.data_received(request.body)
        delegate.finish()

    async def _read_routes(self, connection: Connection) -> None:
        """Reads the routes for the Hub, which has changed them. The front passes no such path."""
        await self._parts.servers.read_anew()
        connection.send(NO_CONTENT)

    async def _relay(self, connection: Connection, request: Request) -> None:
        parts = self._parts
        original = parse(request.headers)
        if original is None or original.method != "GET":
            connection.send_status(400)
            return
        verdict = parts.judge.at_once(original) or await parts.judge.judge(original)
        if not isinstance(verdict, Pass):
            connection.send_status(503 if isinstance(verdict, NotRunning | HubSilent) else 403)
            return
        parts.uses.mark_request(verdict.server, original)
        refused = await parts.relays.open(verdict, original, request.headers, connection.detach)
        if refused is not None:
            connection.send_status(refused.status)


def _fail(connection: Connection) -> None:
    """Logs the exception and answers with a 500."""
    log.exception("A request failed")
    if not connection.closed:
        connection.send_status(500)


def _passing(verdict: Pass) -> bytes:
    """The answer that lets a request pass. Raises ValueError for a header with a line break."""
    lines = [
        "HTTP/1.1 204 No Content",
        f"X-Gate-Upstream: {verdict.upstream}",
        f"X-Gate-Authorization: {verdict.authorization}",
        f"X-Gate-Cookie: {verdict.cookie}",
        f"X-Gate-Prefix: {verdict.prefix}",
    ]
    if verdict.uri:
        lines.append(f"X-Gate-Uri: {verdict.uri}")
    if verdict.forwarded_prefix:
        lines.append(f"X-Gate-Forwarded-Prefix: {verdict.forwarded_prefix}")
    return encoded_head(lines)
