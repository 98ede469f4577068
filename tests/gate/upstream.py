"""The server behind the gate: it says what it was sent, echoes messages, and refuses where it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop
from tornado import web, websocket
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets

FLOOD_BYTES = 16 * 2**20
LAST_WORDS = b"last words"


class LoopThread:
    """An event loop in a thread of its own, of the kind that the gate runs on."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Any], seconds: float = 20) -> Any:
        """The result of that coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        """End the loop and the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class _Echo(websocket.WebSocketHandler):
    def initialize(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    def get_compression_options(self) -> dict[str, Any] | None:
        return {} if self.get_argument("compressed", "") else None

    async def get(self, *arguments: Any) -> None:
        self.upstream.requests.append((self.request.uri or "", dict(self.request.headers.get_all())))
        await super().get(*arguments)

    def open(self, *arguments: str, **more: str) -> None:
        self.upstream.open += 1
        if self.get_argument("last", ""):
            assert self.ws_connection is not None
            # Tornado closes its own when the other side ends.
            connection = self.ws_connection.stream.socket.dup()
            asyncio.get_running_loop().run_in_executor(None, _say_at_end, connection)

    async def on_message(self, message: str | bytes) -> None:  # type: ignore[override]
        if message == "bye":
            self.close(4000, "bye")
            return
        if message == "flood":
            await self._flood()
            return
        # A message is read once the one before is written: who does not read is not read from.
        with contextlib.suppress(websocket.WebSocketClosedError):
            await self.write_message(message, binary=isinstance(message, bytes))

    async def _flood(self) -> None:
        """Nothing but headers of empty frames."""
        assert self.ws_connection is not None
        with contextlib.suppress(StreamClosedError):
            for _ in range(0, FLOOD_BYTES, 2**17):
                await self.ws_connection.stream.write(bytes((0x82, 0)) * 2**16)

    def on_close(self) -> None:
        self.upstream.open -= 1


def _say_at_end(connection: socket.socket) -> None:
    """One more message, once the other side says no more."""
    with connection:
        connection.settimeout(20)
        while connection.recv(1, socket.MSG_PEEK):
            time.sleep(0.01)
        connection.sendall(bytes((0x81, len(LAST_WORDS))) + LAST_WORDS)


class _Tell(web.RequestHandler):
    def initialize(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def get(self, *arguments: str) -> None:
        self.upstream.requests.append((self.request.uri or "", dict(self.request.headers.get_all())))
        if self.request.uri and "refuse" in self.request.uri:
            raise web.HTTPError(int(self.get_argument("refuse")))
        self.finish(json.dumps({"uri": self.request.uri}))


class Upstream:
    """Listens on loopback."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.open = 0
        self._thread = LoopThread()
        self.port: int = self._thread.call(self._listen())

    async def _listen(self) -> int:
        given = {"upstream": self}
        application = web.Application(
            [(r".*/(?:ws|channels)", _Echo, given), (r".*", _Tell, given)], log_function=_silent
        )
        sockets = bind_sockets(0, "127.0.0.1")
        self._server = HTTPServer(application)
        self._server.add_sockets(sockets)
        return int(sockets[0].getsockname()[1])

    def close(self) -> None:
        """Nothing answers any more."""

        async def stop() -> None:
            self._server.stop()
            await self._server.close_all_connections()

        self._thread.call(stop())
        self._thread.close()


_silent: Callable[[web.RequestHandler], None] = lambda handler: None  # noqa: E731
