"""What stands before servers where there is no gate: one name for Hub, console and servers, no questions.

The weak counterpart of every attack: the same pages of the same containers, the same Hub, the same cookies.
It is at the Hub's own name with a port of its own, and cookies know no ports.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from tests.gate.upstream import LoopThread

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "upgrade"}


@dataclass(frozen=True)
class OpenUpstream:
    """A container: ADDRESS:PORT, and the secret that opens it."""

    address: str
    secret: str


@dataclass
class WeakProxy:
    """Passes everything on. `servers` are by their prefix, such as "/user/ada/"."""

    hub: str
    console: str
    servers: dict[str, OpenUpstream]
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self._thread = LoopThread()
        self._thread.call(self._listen())

    @property
    def origin(self) -> str:
        """Where browsers find it."""
        return f"http://localhost:{self.port}"

    def close(self) -> None:
        """End it."""

        async def stop() -> None:
            await self._session.close()
            await self._runner.cleanup()

        self._thread.call(stop())
        self._thread.close()

    async def _listen(self) -> None:
        # Cookies are the browser's; none of one person's may go with another's request.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True)
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])

    def _upstream(self, path: str) -> tuple[str, dict[str, str]]:
        prefixes = [prefix for prefix in self.servers if path.startswith(prefix)]
        if prefixes:
            server = self.servers[max(prefixes, key=len)]
            return server.address, {"Authorization": f"token {server.secret}"}
        return (self.console if path.startswith("/services/console/") else self.hub), {}

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        address, ours = self._upstream(request.path)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP} | ours
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._relay(request, address, ours)
        url = URL(f"http://{address}{request.raw_path}", encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=await request.read(), allow_redirects=False
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
            response = web.Response(status=answer.status, body=await answer.read())
            response.headers.clear()
            for name, value in kept:
                response.headers.add(name, value)
            return response

    async def _relay(self, request: web.Request, address: str, ours: dict[str, str]) -> web.StreamResponse:
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        protocols = [word.strip() for word in offered if word.strip()]
        url = URL(f"ws://{address}{request.raw_path}", encoded=True)
        async with self._session.ws_connect(url, headers=ours, protocols=protocols) as far:
            near = web.WebSocketResponse(protocols=[far.protocol] if far.protocol else [])
            await near.prepare(request)
            ways = [asyncio.create_task(_forward(far, near)), asyncio.create_task(_forward(near, far))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await near.close()
            return near


async def _forward(
    source: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
    sink: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
