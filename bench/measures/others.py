"""What others feel: one person's start while another's image is pulled, and while another's server won't end.

The pull is a real one, from the same registry through a forwarder that lets few bytes a second pass; the
server ignores SIGTERM for all the time that it is given. Quiet, pull and stop take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import figures
from bench.client import Visitor
from bench.house import SLOW_IMAGES
from bench.run import Run

STARTS = 3  # of each kind in a round
_SETTLED_SECONDS = 1.0


async def measure(run: Run) -> None:
    """others_delay_ratio."""
    await run.ours.sign_in(["one", "puller", "stubborn"])
    people = {visitor.name: visitor for visitor in run.ours.visitors}
    times: dict[str, list[float]] = {"quiet": [], "pull": [], "stop": []}
    for number in range(1 if run.quick else SLOW_IMAGES):
        run.say(f"What others feel, round {number + 1}")
        await _some_starts(run, people["one"], times["quiet"])
        async with _pull(run, people["puller"], f"slow-{number}"):
            await _some_starts(run, people["one"], times["pull"])
        async with _stop(run, people["stubborn"]):
            await _some_starts(run, people["one"], times["stop"])
    found: dict[str, object] = {}
    for kind, taken in times.items():
        found |= figures.spread(kind, taken)
    disturbed = max(figures.median(times["pull"]), figures.median(times["stop"]))
    run.figures["others"] = found
    run.figures["others_delay_ratio"] = figures.ratio(disturbed, figures.median(times["quiet"]))
    run.missing["others, stock"] = (
        "its one thread for all calls makes everybody wait for the whole pull or stop"
    )


async def _some_starts(run: Run, visitor: Visitor, taken: list[float]) -> None:
    for _ in range(STARTS):
        start = await visitor.start(run.ours.options("python"))
        if start.failure:
            raise RuntimeError(start.failure)
        taken.append(start.seconds)
        await visitor.stop()


@asynccontextmanager
async def _pull(run: Run, visitor: Visitor, image: str) -> AsyncIterator[None]:
    """Inside the block an image that the engine does not have is pulled for that person's start."""
    starting = asyncio.create_task(visitor.start(run.ours.options(image)))
    await asyncio.sleep(_SETTLED_SECONDS)
    try:
        yield
        if starting.done():
            raise RuntimeError("the pull was over before the starts that it was to disturb")
    finally:
        start = await starting
    if start.failure:
        raise RuntimeError(start.failure)
    await visitor.stop()


@asynccontextmanager
async def _stop(run: Run, visitor: Visitor) -> AsyncIterator[None]:
    """Inside the block that person's server is being stopped, and takes all the time that it is given."""
    start = await visitor.start(run.ours.options("stubborn"))
    if start.failure:
        raise RuntimeError(start.failure)
    stopping = asyncio.create_task(visitor.stop())
    await asyncio.sleep(_SETTLED_SECONDS)
    try:
        yield
        if stopping.done():
            raise RuntimeError("the stop was over before the starts that it was to disturb")
    finally:
        await stopping
