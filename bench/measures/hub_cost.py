"""What a launch costs the Hub and those beside it in CPU time, and what the Hub answers in a second.

The Hub is one process with one event loop: its CPU time for a launch and for a request says where one core
ends. Stubs are started and stopped one after the other, of somebody who has started before; `launch` is a
start with its stop. Two requests: who a token is of, as a server asks for whom it lets in, and the report of
activity, which a running server sends each minute and the Hub writes down.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from bench import figures
from bench.client import Visitor
from bench.instance import Instance
from bench.processes import cpu_seconds
from bench.run import Run

_AT_ONCE = 10

Ask = Callable[[aiohttp.ClientSession, int], Any]


async def measure(run: Run) -> None:
    """scale.hub."""
    launches, requests = (6, 100) if run.quick else (30, 1000)
    found: dict[str, Any] = {}
    for instance in run.both:
        run.say(f"What a launch costs the Hub, {instance.kind}")
        visitor = await instance.visitor("one")
        found[instance.kind] = {"launch": await _launches(instance, visitor, launches)}
        for name, ask in (("who", _who(instance)), ("activity", _activity(instance, visitor))):
            found[instance.kind][name] = await _requests(instance, visitor, ask, requests)
    run.figures.setdefault("scale", {})["hub"] = found


async def _launches(instance: Instance, visitor: Visitor, count: int) -> dict[str, Any]:
    """CPU seconds of each process for one start and stop; what they use anyway is in them."""

    async def once() -> None:
        await instance.started(visitor, "answer")
        await visitor.stop()

    await once()
    processes = instance.processes()
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    for _ in range(count):
        await once()
    return {
        f"{name}_cpu_s": round((cpu_seconds(pid) - before[name]) / count, 4)
        for name, pid in processes.items()
    }


def _who(instance: Instance) -> Ask:
    return lambda session, number: session.get(f"{instance.url}/hub/api/user")


def _activity(instance: Instance, visitor: Visitor) -> Ask:
    began = datetime.now(UTC)

    def ask(session: aiohttp.ClientSession, number: int) -> Any:
        # Each is later than the one before, so that the Hub writes it down.
        body = {"last_activity": (began + timedelta(seconds=number)).isoformat()}
        return session.post(f"{instance.url}/hub/api/users/{visitor.name}/activity", json=body)

    return ask


async def _requests(instance: Instance, visitor: Visitor, ask: Ask, count: int) -> dict[str, Any]:
    """With a token, through the proxy, several at once."""
    token = await visitor.token()
    hub = instance.processes()["hub"]
    numbers = iter(range(10**9))
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as session:

        async def some(number: int) -> None:
            for _ in range(number):
                began = time.monotonic()
                async with ask(session, next(numbers)) as answer:
                    answer.raise_for_status()
                    await answer.read()
                took.append(time.monotonic() - began)

        await some(10)
        took.clear()
        used, began = cpu_seconds(hub), time.monotonic()
        await asyncio.gather(*(some(count // _AT_ONCE) for _ in range(_AT_ONCE)))
        whole = time.monotonic() - began
    return {
        "per_second": round(len(took) / whole),
        **figures.spread("one", took),
        "hub_cpu_ms": round(1000 * (cpu_seconds(hub) - used) / len(took), 3),
    }
