"""What the engine is asked: for a launch, a stop, and servers that idle, whoever of the instance asks.

Counted on the way to the engine's socket. A launch is counted from the request to the Hub's word, of people
who have started before; a stop until a second after the Hub has no such server any more.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from bench.instance import Instance
from bench.run import Run

LAUNCHES, QUICK_LAUNCHES = 10, 4
IDLE_SERVERS = 50
_SETTLED_SECONDS = 1.0


async def measure(run: Run) -> None:
    """engine_calls."""
    seconds, starts = (30, QUICK_LAUNCHES) if run.quick else (90, LAUNCHES)
    told: dict[str, object] = {}
    idle: dict[str, dict[str, object]] = {}
    for instance in run.both:
        launch, stop = await _of_launches(instance, starts)
        for name, asked in (("launch", launch), ("stop", stop)):
            told |= _told(run, instance, name, sum(asked.values()) / starts)
            told[f"{instance.kind}_{name}_calls"] = _each(asked, starts)
    # Both idle at the same time: the minutes are spent once.
    counts = {run.ours.kind: IDLE_SERVERS} | ({} if run.quick else {run.stock.kind: 10})
    idling = [instance for instance in run.both if instance.kind in counts]
    for instance in idling:
        run.say(f"{counts[instance.kind]} stub servers, {instance.kind}")
        names = [f"a50-{number}" for number in range(counts[instance.kind])]
        # A few at a time: stock loses more than ten at once.
        await instance.start_all(names, "answer", at_once=4)
    run.say(f"Servers idle for {seconds} s")
    await asyncio.sleep(10)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    for instance in idling:
        asked = instance.asked(began, began + seconds)
        minutes = counts[instance.kind] * seconds / 60
        told |= _told(run, instance, "idle_minute", sum(asked.values()) / minutes)
        idle[instance.kind] = {"servers": counts[instance.kind], "seconds": seconds, "calls": dict(asked)}
        await instance.stop_all(instance.visitors)
    run.figures["engine_calls"] = told | {"idle": idle}


def _told(run: Run, instance: Instance, name: str, value: float) -> dict[str, object]:
    return {name if instance is run.ours else f"stock_{name}": round(value, 3)}


def _each(asked: Counter[str], times: int) -> dict[str, float]:
    return {call: round(count / times, 2) for call, count in sorted(asked.items())}


async def _of_launches(instance: Instance, count: int) -> tuple[Counter[str], Counter[str]]:
    """What all of them together asked, and their stops."""
    visitor = await instance.visitor("one")
    launch, stop = Counter[str](), Counter[str]()
    for number in range(count + 1):
        began = time.monotonic()
        start = await instance.started(visitor, "answer")
        ready = start.began + start.seconds
        await visitor.stop()
        await asyncio.sleep(_SETTLED_SECONDS)
        if number:  # the first one of this image and person is another matter
            launch += instance.asked(began, ready)
            stop += instance.asked(ready, time.monotonic())
    return launch, stop
