"""What others feel: one person's start while another's image is pulled, and while another's server won't end.

The pull is a real one, from the same registry through a forwarder that lets few bytes a second pass; the
server ignores SIGTERM for all the time that it is given. Quiet, pull and stop take turns. In a stock Hub a
start is over only when the pull or the stop is, so there is one of each in a round.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import figures
from bench.client import Visitor
from bench.house import SLOW_IMAGES, STOCK_SLOW_IMAGES
from bench.instance import Instance
from bench.run import Run

STARTS = 3  # of each kind in a round of ours
_SETTLED_SECONDS = 1.0

Times = dict[str, list[float]]


async def measure(run: Run) -> None:
    """others, others_delay_ratio."""
    rounds = range(1 if run.quick else SLOW_IMAGES)
    ours = await _rounds(run, run.ours, [f"slow-{number}" for number in rounds], STARTS)
    found: dict[str, object] = {}
    for kind, taken in ours.items():
        found |= figures.spread(kind, taken)
    for kind in ("pull", "stop"):
        found[f"{kind}_ratio"] = figures.ratio(figures.median(ours[kind]), figures.median(ours["quiet"]))
        found[f"{kind}_p95_ratio"] = figures.ratio(figures.p95(ours[kind]), figures.p95(ours["quiet"]))
    disturbed = max(figures.median(ours["pull"]), figures.median(ours["stop"]))
    run.figures["others_delay_ratio"] = figures.ratio(disturbed, figures.median(ours["quiet"]))
    if run.quick:
        run.missing["others.stock"] = "its starts wait for whole pulls and stops: left to the full version"
    else:
        numbers = range(SLOW_IMAGES, SLOW_IMAGES + STOCK_SLOW_IMAGES)
        stock = await _rounds(run, run.stock, [f"slow-{number}" for number in numbers], 1)
        for kind, taken in stock.items():
            found |= figures.spread(f"stock_{kind}", taken)
        worst = max(figures.median(stock["pull"]), figures.median(stock["stop"]))
        found["stock_delay_ratio"] = figures.ratio(worst, figures.median(stock["quiet"]))
    run.figures["others"] = found


async def _rounds(run: Run, instance: Instance, images: list[str], starts: int) -> Times:
    one, puller, stubborn = [await instance.visitor(name) for name in ("one", "puller", "stubborn")]
    times: Times = {"quiet": [], "pull": [], "stop": []}

    async def some(kind: str) -> None:
        for _ in range(starts):
            times[kind].append((await instance.started(one, "python")).seconds)
            await one.stop()

    # The first one of a person makes their home.
    await instance.started(one, "python")
    await one.stop()
    for number, image in enumerate(images):
        run.say(f"What others feel, {instance.kind}, round {number + 1}")
        await some("quiet")
        async with _pull(instance, puller, image, ends_first=instance is run.stock):
            await some("pull")
        async with _stop(instance, stubborn, ends_first=instance is run.stock):
            await some("stop")
    return times


@asynccontextmanager
async def _pull(instance: Instance, visitor: Visitor, image: str, *, ends_first: bool) -> AsyncIterator[None]:
    """Inside the block an image that the engine does not have is pulled for that person's start.

    `ends_first`: it may be over before the block is, for what is in the block waits for it.
    """
    starting = asyncio.create_task(instance.started(visitor, image))
    await asyncio.sleep(_SETTLED_SECONDS)
    try:
        yield
        if starting.done() and not ends_first:
            raise RuntimeError("the pull was over before the starts that it was to disturb")
    finally:
        await starting
    await visitor.stop()


@asynccontextmanager
async def _stop(instance: Instance, visitor: Visitor, *, ends_first: bool) -> AsyncIterator[None]:
    """Inside the block that person's server is being stopped, and takes all the time that it is given."""
    await instance.started(visitor, "stubborn")
    stopping = asyncio.create_task(visitor.stop())
    await asyncio.sleep(_SETTLED_SECONDS)
    try:
        yield
        if stopping.done() and not ends_first:
            raise RuntimeError("the stop was over before the starts that it was to disturb")
    finally:
        await stopping
