"""What a launch costs the Hub and those beside it in CPU time, and what the Hub answers in a second.

The Hub is one process with one event loop: its CPU time for a launch and for a request says where one core
ends. Stubs are started and stopped one after the other, of somebody who has started before; `launch` is a
start with its stop. The request is whose a token is: what our gate asks for everybody who is at work, every
three seconds, and a stock server every five minutes.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from bench import figures
from bench.client import Visitor
from bench.instance import Instance
from bench.processes import cpu_seconds
from bench.run import Run

_AT_ONCE = 10


async def measure(run: Run) -> None:
    """scale.hub."""
    launches, requests = (6, 100) if run.quick else (30, 1000)
    found: dict[str, Any] = {}
    for instance in run.both:
        run.say(f"What a launch costs the Hub, {instance.kind}")
        visitor = await instance.visitor("one")
        found[instance.kind] = {
            "launch": await _launches(instance, visitor, launches),
            "who": await _who(instance, visitor, requests),
        }
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


async def _who(instance: Instance, visitor: Visitor, count: int) -> dict[str, Any]:
    """With a token, by the Hub's own address for browsers, several at once."""
    token = await visitor.token()
    hub = instance.processes()["hub"]
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as session:

        async def some(number: int) -> None:
            for _ in range(number):
                began = time.monotonic()
                async with session.get(f"{instance.url}/hub/api/user") as answer:
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
