"""Memory and CPU of the Hub, the proxy and our services, with no server, with 50 and with 200 (stubs)."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from bench.instance import Instance
from bench.measures.at_once import STUBS
from bench.run import Run

_TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024**2


async def measure(run: Run) -> None:
    """footprint."""
    counts = (0, 20) if run.quick else (0, 50, STUBS)
    found: dict[str, dict[str, object]] = {}
    for count in counts:
        found[str(count)] = await _with(run, run.ours, count)
    most = counts[-1]
    grown = _hub_bytes(found[str(most)]) - _hub_bytes(found["0"])
    stock = await _with(run, run.stock, 0)
    run.figures["footprint"] = {
        "ours": found,
        "stock": {"0": stock},
        "hub_mib_per_server": round(grown / most / MIB, 3),
        "servers": most,
    }
    run.missing.setdefault("footprint.stock above 0 servers", "stock does not start 50 at once")


async def _with(run: Run, instance: Instance, count: int) -> dict[str, object]:
    """RSS in bytes and share of one core of each process while that many servers idle."""
    names = [f"a{STUBS}-{number}" for number in range(count)]
    run.say(f"Footprint with {count} servers, {instance.kind}")
    await instance.sign_in(names)
    asking = [visitor for visitor in instance.visitors if visitor.name in names]
    turns = asyncio.Semaphore(8)

    async def one(visitor: object) -> None:
        async with turns:
            await visitor.start(instance.options("answer"))  # type: ignore[attr-defined]

    await asyncio.gather(*(one(visitor) for visitor in asking))
    seconds = 20 if run.quick else 60
    await asyncio.sleep(5)
    processes = instance.processes()
    before = {name: _cpu_seconds(pid) for name, pid in processes.items()}
    began = time.monotonic()
    await asyncio.sleep(seconds)
    taken = time.monotonic() - began
    found: dict[str, object] = {
        name: {
            "rss_bytes": _rss_bytes(pid),
            "cpu_share": round((_cpu_seconds(pid) - before[name]) / taken, 4),
        }
        for name, pid in processes.items()
    }
    await instance.stop_all(asking)
    return found


def _hub_bytes(found: dict[str, object]) -> int:
    hub = found["hub"]
    assert isinstance(hub, dict)
    return int(hub["rss_bytes"])


def _rss_bytes(pid: int) -> int:
    resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
