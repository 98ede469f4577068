"""What a launch costs the Hub and those beside it in CPU time, and what the Hub answers in a second.

The Hub is one process with one event loop: its CPU time for a launch and for a request says where one core
ends. Stubs are started and stopped one after the other, of somebody who has started before; `launch` is a
start with its stop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from bench import figures
from bench.instance import Instance
from bench.processes import cpu_seconds
from bench.run import Run


async def measure(run: Run) -> None:
    """scale.hub."""
    launches, requests = (6, 100) if run.quick else (30, 1000)
    found: dict[str, Any] = {}
    for instance in run.both:
        run.say(f"What a launch costs the Hub, {instance.kind}")
        found[instance.kind] = {
            "launch": await _launches(instance, launches),
            "request": await _requests(instance, requests),
        }
    run.figures.setdefault("scale", {})["hub"] = found


async def _launches(instance: Instance, count: int) -> dict[str, Any]:
    """CPU seconds of each process for one start and stop; what they use anyway is in them."""
    await instance.sign_in(["one"])
    visitor = next(one for one in instance.visitors if one.name == "one")
    for number in range(count + 1):
        if number == 1:
            processes = instance.processes()
            before = {name: cpu_seconds(pid) for name, pid in processes.items()}
        start = await visitor.start(instance.options("answer"))
        if start.failure:
            raise RuntimeError(f"{instance.kind}: {start.failure}")
        await visitor.stop()
    return {
        f"{name}_cpu_s": round((cpu_seconds(pid) - before[name]) / count, 4)
        for name, pid in processes.items()
    }


async def _requests(instance: Instance, count: int) -> dict[str, Any]:
    """Who am I, asked with a token through the proxy, as each server asks for whom it lets in."""
    visitor = next(one for one in instance.visitors if one.name == "one")
    token = await visitor.token()
    hub = instance.processes()["hub"]
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as session:

        async def one(number: int) -> None:
            for _ in range(number):
                began = time.monotonic()
                async with session.get(f"{instance.url}/hub/api/user") as answer:
                    answer.raise_for_status()
                    await answer.read()
                took.append(time.monotonic() - began)

        await one(10)
        took.clear()
        used, began = cpu_seconds(hub), time.monotonic()
        await asyncio.gather(*(one(count // 10) for _ in range(10)))
        whole = time.monotonic() - began
    return {
        "per_second": round(len(took) / whole),
        **figures.spread("one", took),
        "hub_cpu_ms": round(1000 * (cpu_seconds(hub) - used) / len(took), 3),
    }
