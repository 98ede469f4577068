"""Notebook servers of real HTTP on loopback, each below a path of its own: Jupyter's answers on kernels.

All of them share one port. What one says of its kernels and terminals is up to the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web


def stamp(when: datetime) -> str:
    """A time as jupyter_server writes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def kernel(state: str, last_activity: datetime) -> dict[str, Any]:
    """A kernel as jupyter_server describes it."""
    return {
        **{"id": "0" * 36, "name": "python3", "last_activity": stamp(last_activity)},
        **{"execution_state": state, "connections": 1},
    }


def terminal(last_activity: datetime, name: str = "1") -> dict[str, Any]:
    """A terminal as jupyter_server_terminals describes it."""
    return {"name": name, "last_activity": stamp(last_activity)}


@dataclass
class NotebookServer:
    """One server, and what it was asked. `terminals` None: it has no extension for them."""

    token: str
    kernels: list[dict[str, Any]] = field(default_factory=list)
    terminals: list[dict[str, Any]] | None = field(default_factory=list)
    status: int = 200
    questions: list[str] = field(default_factory=list)


@dataclass
class NotebookServers:
    """The servers by their base path; `upstream` is where they all are."""

    upstream: str = ""
    servers: dict[str, NotebookServer] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        """Answers as the server of that path, spelled exactly so."""
        path, _, query = request.raw_path.partition("?")
        base, _, question = path.rpartition("api/")
        server = self.servers.get(base)
        if server is None:
            return web.json_response({"message": "no such server"}, status=404)
        server.questions.append(f"{question}?{query}")
        if request.headers.get("Authorization") != f"token {server.token}":
            return web.json_response({"message": "Forbidden"}, status=403)
        items = {"kernels": server.kernels, "terminals": server.terminals}.get(question)
        if items is None:
            return web.json_response({"message": "Not Found"}, status=404)
        return web.json_response(items, status=server.status)


@asynccontextmanager
async def notebook_servers() -> AsyncIterator[NotebookServers]:
    """Serves until the end of the block."""
    servers = NotebookServers()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", servers.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        servers.upstream = f"127.0.0.1:{runner.addresses[0][1]}"
        yield servers
    finally:
        await runner.cleanup()
