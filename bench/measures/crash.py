"""A server whose container is killed: how long until the Hub has no such server any more."""

from __future__ import annotations

import asyncio
import subprocess
import time

from bench import figures
from bench.instance import Instance
from bench.run import Run

_ASK_SECONDS = 0.02
_LONGEST_SECONDS = 90


async def measure(run: Run) -> None:
    """crash."""
    ours = [await _noticed(run, run.ours) for _ in range(5 if run.quick else 15)]
    found = figures.spread("ours", ours)
    if run.quick:
        run.missing["crash.stock"] = "a poll every 30 s: the quick version does not wait for it"
    else:
        stock = [await _noticed(run, run.stock) for _ in range(3)]
        found |= figures.spread("stock", stock)
        found["ratio_stock"] = figures.ratio(figures.median(ours), figures.median(stock))
    run.figures["crash"] = found


async def _noticed(run: Run, instance: Instance) -> float:
    run.say(f"A crash, {instance.kind}")
    visitor = await instance.visitor("one")
    await instance.started(visitor, "answer")
    await asyncio.sleep(1)
    name = instance.container(visitor.name)
    killing = ["docker", "-H", run.house.docker.url, "kill", name]
    began = time.monotonic()
    await asyncio.to_thread(subprocess.run, killing, check=True, capture_output=True)
    while await visitor.has_server():
        if time.monotonic() - began > _LONGEST_SECONDS:
            raise RuntimeError(f"{instance.kind} did not notice within {_LONGEST_SECONDS} s")
        await asyncio.sleep(_ASK_SECONDS)
    return time.monotonic() - began
