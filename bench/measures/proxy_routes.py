"""What the Hub's proxy bears: adding a route when it has many, requests a second, open websockets.

A proxy of its own, the program that both Hubs run, before a server that answers at once: beside it the same
server without it. Its CPU time for a request says where one core ends, whoever asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from bench import figures
from bench.processes import MIB, cpu_seconds, rss_bytes
from bench.run import Run
from hub_ext.cli.setup import children
from hub_ext.cli.setup.children import Child
from hub_ext.cli.setup.layout import CHECKOUT
from tests.support.registry import free_port

CONNECTIONS = 32
_WAIT_SECONDS = 20
_HEAD = b"GET %s HTTP/1.1\r\nHost: bench\r\n"


async def measure(run: Run) -> None:
    """scale.proxy."""
    counts = (0, 200) if run.quick else (0, 1000, 5000)
    seconds, sockets = (2, 100) if run.quick else (10, 1000)
    run.say("What the proxy bears")
    found: dict[str, Any] = {}
    with _server(run) as near, _proxy(run) as (url, api, token, proxy):
        pid = proxy.process.pid
        async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as session:
            made = 0
            for count in counts:
                await _add(session, api, range(made, count), near)
                made = count
                took = await _add(session, api, range(10**6 + count, 10**6 + count + 50), near)
                found[f"routes_{count}"] = {
                    **figures.spread("add", took),
                    "all_routes_s": await _all_routes(session, api),
                    "rss_mib": round(rss_bytes(pid) / MIB, 1),
                    **await _asked(url, f"/user/p{10**6 + count}/api", seconds, pid),
                }
        found["without"] = await _asked(near, "/user/p/api", seconds, None)
        before = rss_bytes(pid)
        async with _websockets(url, f"/user/p{10**6}/ws", sockets):
            found["websockets"] = {
                "open": sockets,
                "kib_each": round((rss_bytes(pid) - before) / sockets / 1024, 1),
            }
    run.figures.setdefault("scale", {})["proxy"] = found


async def _add(
    session: aiohttp.ClientSession, api: str, numbers: range, target: tuple[str, int]
) -> list[float]:
    """Adds a route for each, one after the other as the Hub does; seconds of each."""
    took = []
    for number in numbers:
        body = {"target": f"http://{target[0]}:{target[1]}", "user": f"p{number}"}
        began = time.monotonic()
        async with session.post(f"{api}/user/p{number}", json=body) as answer:
            answer.raise_for_status()
        took.append(time.monotonic() - began)
    return took


async def _all_routes(session: aiohttp.ClientSession, api: str) -> float:
    """Reading all of them, as the Hub does every five minutes."""
    began = time.monotonic()
    async with session.get(api) as answer:
        answer.raise_for_status()
        await answer.json()
    return round(time.monotonic() - began, 4)


async def _asked(address: tuple[str, int], path: str, seconds: float, pid: int | None) -> dict[str, Any]:
    """Requests a second over kept connections, and the proxy's CPU time for one."""
    request = _HEAD % path.encode() + b"\r\n"
    end, count = time.monotonic() + seconds, 0
    used = cpu_seconds(pid) if pid else 0.0

    async def one() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection(*address)
        while time.monotonic() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            if b"chunked" in head:
                await reader.readuntil(b"0\r\n\r\n")
            else:
                await reader.readexactly(2)
            count += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    told: dict[str, Any] = {"requests_per_second": round(count / seconds)}
    if pid:
        told["cpu_ms_per_request"] = round(1000 * (cpu_seconds(pid) - used) / count, 3)
    return told


@contextlib.asynccontextmanager
async def _websockets(address: tuple[str, int], path: str, count: int) -> AsyncIterator[None]:
    """So many stay open inside the block."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    writers = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(*address)
            writers.append(writer)
            writer.write(_HEAD % path.encode() + upgrade + key)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(head.decode())
        yield
    finally:
        for writer in writers:
            writer.close()


@contextmanager
def _server(run: Run) -> Iterator[tuple[str, int]]:
    """The server behind, in a process of its own; its address."""
    port = free_port()
    words = [sys.executable, "-m", "bench.behind", str(port)]
    child = children.start("The server behind", words, run.house.layout.logs / "behind.log", folder=CHECKOUT)
    try:
        child.wait_ready(lambda: _listens(port), _WAIT_SECONDS)
        yield "127.0.0.1", port
    finally:
        child.stop()


@contextmanager
def _proxy(run: Run) -> Iterator[tuple[tuple[str, int], str, str, Child]]:
    """Its address, its API's URL, its token."""
    port, api_port, token = free_port(), free_port(), secrets.token_hex(16)
    script = run.house.node / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    words = [str(run.house.node / "node"), str(script), "--ip", "127.0.0.1", "--port", str(port)]
    words += ["--api-ip", "127.0.0.1", "--api-port", str(api_port)]
    child = children.start(
        "A proxy",
        words,
        run.house.layout.logs / "a-proxy.log",
        environment={"PATH": os.environ["PATH"], "CONFIGPROXY_AUTH_TOKEN": token},
    )
    try:
        child.wait_ready(lambda: _listens(port) and _listens(api_port), _WAIT_SECONDS)
        yield ("127.0.0.1", port), f"http://127.0.0.1:{api_port}/api/routes", token, child
    finally:
        child.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
