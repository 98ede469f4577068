"""One server at a time: from the request until the Hub says ready; its stop; and what the Hub adds.

Of people who have started before, so that their home is there: the ordinary case. Ours, stock and the limit
take turns. The limit is `docker run` of a bare `jupyter lab` in our image, until it answers.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass, field

from bench import figures
from bench.client import Visitor
from bench.instance import Instance
from bench.probe import answering, container_address
from bench.run import Run

LIMIT_COMMAND = ("jupyter", "lab", "--no-browser", "--ip=0.0.0.0", "--port=8888")


@dataclass
class Times:
    """Of one Hub, seconds."""

    cold: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)


async def measure(run: Run) -> None:
    """one_server, hub_added_p95_s, stop."""
    rounds = 4 if run.quick else 12
    times = {instance.kind: Times() for instance in run.both}
    limit: list[float] = []
    for instance in run.both:
        # The first start of a person makes the home.
        for name in ("two", "one"):
            await _once(instance, await instance.visitor(name), times[instance.kind].cold, [])
    for number in range(rounds):
        run.say(f"One server, {number + 1} of {rounds}")
        for instance in run.both:
            mine = times[instance.kind]
            await _once(instance, await instance.visitor("one"), mine.ready, mine.stopped)
        limit.append(await asyncio.to_thread(_limit, run))
    for number in range(rounds):
        run.say(f"What the Hub adds, {number + 1} of {rounds}")
        for instance in run.both:
            times[instance.kind].added.append(await _added(run, instance))
    _tell(run, times, limit)


def _tell(run: Run, times: dict[str, Times], limit: list[float]) -> None:
    ours, stock = times["ours"], times["stock"]
    run.figures["one_server"] = {
        **figures.spread("ours", ours.ready),
        **figures.spread("stock", stock.ready),
        **figures.spread("limit", limit),
        "ours_cold_s": round(figures.median(ours.cold), 4),
        "stock_cold_s": round(figures.median(stock.cold), 4),
        "ratio_stock": figures.ratio(figures.median(ours.ready), figures.median(stock.ready)),
        "ratio_limit": figures.ratio(figures.median(ours.ready), figures.median(limit)),
    }
    run.figures["stop"] = {
        **figures.spread("ours", ours.stopped),
        **figures.spread("stock", stock.stopped),
        "ratio_stock": figures.ratio(figures.median(ours.stopped), figures.median(stock.stopped)),
    }
    run.figures["hub_added_p95_s"] = round(figures.p95(ours.added), 4)
    run.figures["hub_added"] = {
        **figures.spread("ours", ours.added),
        **figures.spread("stock", stock.added),
        "ratio_stock": figures.ratio(figures.p95(ours.added), figures.p95(stock.added)),
    }


async def _once(instance: Instance, visitor: Visitor, ready: list[float], stopped: list[float]) -> None:
    ready.append((await instance.started(visitor, "python")).seconds)
    stopped.append(await visitor.stop())


async def _added(run: Run, instance: Instance) -> float:
    """Seconds between the server's first answer, seen from outside the Hub, and the Hub's word."""
    visitor = await instance.visitor("one")
    former = instance.container(visitor.name)
    starting = asyncio.create_task(instance.started(visitor, "python"))
    address = await container_address(run.house.docker.url, instance, visitor.name, former)
    answered = await answering(address, f"/user/{visitor.name}/api")
    start = await starting
    await visitor.stop()
    return max(0.0, start.began + start.seconds - answered)


def _limit(run: Run) -> float:
    host = ["docker", "-H", run.house.docker.url]
    network = f"{run.house.chosen.instance}-net"
    began = time.monotonic()
    made = subprocess.run(
        [
            *(*host, "run", "--detach", "--network", network, "--tmpfs", "/tmp", "--env", "HOME=/tmp"),  # noqa: S108
            *("--user", "30000:30000", run.house.reference("python"), *LIMIT_COMMAND),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    try:
        asked = [*host, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", made]
        address = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        return asyncio.run(answering(address, "/api")) - began
    finally:
        subprocess.run([*host, "rm", "--force", made], check=True, capture_output=True)
