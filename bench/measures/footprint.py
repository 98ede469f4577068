"""Memory and CPU of the Hub, the proxy and our services, with no server, with 50 and with 200 (stubs)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.client import Visitor
from bench.instance import Instance
from bench.measures.at_once import STUBS
from bench.processes import MIB, cpu_seconds, pss_bytes, rss_bytes
from bench.run import Run

# Ours has a line of its own; stock loses more than ten at once.
_AT_ONCE = {"ours": 8, "stock": 4}


async def measure(run: Run) -> None:
    """footprint."""
    counts = (0, 20) if run.quick else (0, 50, STUBS)
    of_stock = (0, 10) if run.quick else (0, 50)
    ours = {str(count): await _with(run, run.ours, count) for count in counts}
    stock = {str(count): await _with(run, run.stock, count) for count in of_stock}
    run.figures["footprint"] = {
        "ours": ours,
        "stock": stock,
        "ours_hub_mib_per_server": _slope(ours, "hub"),
        "ours_proxy_mib_per_server": _slope(ours, "proxy"),
        "stock_hub_mib_per_server": _slope(stock, "hub"),
        "servers": counts[-1],
    }
    run.missing["footprint.stock above 50 servers"] = "not asked: it starts one after the other"


async def _with(run: Run, instance: Instance, count: int) -> dict[str, dict[str, float]]:
    """Memory in bytes and share of one core of each process while that many servers idle."""
    names = [f"a{STUBS}-{number}" for number in range(count)]
    run.say(f"Footprint with {count} servers, {instance.kind}")
    await instance.sign_in(names)
    asking = [visitor for visitor in instance.visitors if visitor.name in names]
    turns = asyncio.Semaphore(_AT_ONCE[instance.kind])

    async def one(visitor: Visitor) -> None:
        async with turns:
            start = await visitor.start(instance.options("answer"))
        if start.failure:
            raise RuntimeError(f"{instance.kind}: {start.failure}")

    try:
        await asyncio.gather(*(one(visitor) for visitor in asking))
        await asyncio.sleep(5)
        return await _idle(instance.processes(), 20 if run.quick else 60)
    finally:
        await instance.stop_all(asking)


async def _idle(processes: dict[str, int], seconds: float) -> dict[str, dict[str, float]]:
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    began = time.monotonic()
    await asyncio.sleep(seconds)
    taken = time.monotonic() - began
    return {
        name: {
            "rss_bytes": rss_bytes(pid),
            "pss_bytes": pss_bytes(pid),
            "cpu_share": round((cpu_seconds(pid) - before[name]) / taken, 4),
        }
        for name, pid in processes.items()
    }


def _slope(found: dict[str, Any], name: str) -> float:
    """MiB more for each server, between none and the most."""
    most = max(found, key=int)
    grown = found[most][name]["rss_bytes"] - found["0"][name]["rss_bytes"]
    return round(float(grown) / int(most) / MIB, 3)
