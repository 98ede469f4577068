"""Memory and CPU of the Hub, its door and our services, with no server, with 50 and with 200 (stubs).

And of one real notebook server that nobody uses, as the kernel's control group has it: what a host holds
in the end is so many of those.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import docker

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
        "ours_server": await _server(run, run.ours),
        "stock_server": await _server(run, run.stock),
        "ours_hub_mib_per_server": _slope(ours, "hub"),
        "ours_gate_mib_per_server": _slope(ours, "gate"),
        "ours_front_mib_per_server": _slope(ours, "front-0"),
        "stock_hub_mib_per_server": _slope(stock, "hub"),
        "stock_proxy_mib_per_server": _slope(stock, "proxy"),
        "servers": counts[-1],
    }
    run.missing["footprint.stock above 50 servers"] = "not asked: it starts one after the other"


async def _with(run: Run, instance: Instance, count: int) -> dict[str, dict[str, float]]:
    """Memory in bytes and share of one core of each process while that many servers idle."""
    names = [f"a{STUBS}-{number}" for number in range(count)]
    run.say(f"Footprint with {count} servers, {instance.kind}")
    try:
        await instance.start_all(names, "answer", at_once=_AT_ONCE[instance.kind])
        await asyncio.sleep(5)
        return await _idle(instance.processes(), 20 if run.quick else 30)
    finally:
        await instance.stop_all(instance.visitors)


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


async def _server(run: Run, instance: Instance) -> dict[str, float]:
    """Memory and share of one core of an idle notebook server: `anonymous` is what is no cache of files."""
    visitor = await instance.visitor("one")
    await instance.started(visitor, "python")
    client: Any = docker.APIClient(base_url=run.house.docker.url, version="auto")
    try:
        await asyncio.sleep(5)
        name, seconds = instance.container(visitor.name), 20 if run.quick else 30
        before, began = client.stats(name, stream=False, one_shot=True), time.monotonic()
        await asyncio.sleep(seconds)
        after, taken = client.stats(name, stream=False, one_shot=True), time.monotonic() - began
    finally:
        client.close()
        await visitor.stop()
    memory, stats = after["memory_stats"], after["memory_stats"]["stats"]
    used = after["cpu_stats"]["cpu_usage"]["total_usage"] - before["cpu_stats"]["cpu_usage"]["total_usage"]
    return {
        "anonymous_bytes": stats.get("anon", stats.get("total_rss", 0)),
        "whole_bytes": memory["usage"],
        "cpu_share": round(used / 1e9 / taken, 4),
        "processes": after["pids_stats"]["current"],
    }


def _slope(found: dict[str, Any], name: str) -> float:
    """MiB more for each server, between none and the most."""
    most = max(found, key=int)
    grown = found[most][name]["rss_bytes"] - found["0"][name]["rss_bytes"]
    return round(float(grown) / int(most) / MIB, 3)
