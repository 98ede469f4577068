"""JupyterLab's first load in a browser with an empty cache: bytes received, and seconds to its launcher.

The server runs already, and the person is signed in to the Hub; the way into the server is part of it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Browser

from bench import figures
from bench.browser import FAST_LINK, SLOW_LINK, Link, newcomer, opened
from bench.instance import Instance
from bench.run import Run

# The number of bytes needs no second look.
FULL_ROUNDS, QUICK_ROUNDS = 9, 1
_USER = "two"
_QUIET_SECONDS = 2.0


async def measure(run: Run) -> None:
    """first_load."""
    links: tuple[Link | None, ...] = (None,) if run.quick else (None, FAST_LINK, SLOW_LINK)
    rounds = QUICK_ROUNDS if run.quick else FULL_ROUNDS
    for instance in run.both:
        await instance.started(await instance.visitor(_USER), "python")
    try:
        async with opened() as browser:
            run.figures["first_load"] = await _by_turns(run, browser, links, rounds)
    finally:
        for instance in run.both:
            await (await instance.visitor(_USER)).stop()


async def _by_turns(
    run: Run, browser: Browser, links: tuple[Link | None, ...], rounds: int
) -> dict[str, Any]:
    sizes: dict[str, list[int]] = {"ours": [], "stock": []}
    found: dict[str, Any] = {}
    for link in links:
        seconds: dict[str, list[float]] = {"ours": [], "stock": []}
        for number in range(rounds):
            run.say(f"First load{f' at {link.name}' if link else ''}, {number + 1} of {rounds}")
            for instance in run.both if number % 2 else reversed(run.both):
                taken, size = await _load(browser, instance, link)
                seconds[instance.kind].append(taken)
                sizes[instance.kind].append(size)
        ours, stock = seconds["ours"], seconds["stock"]
        found[link.name if link else "local"] = {
            **figures.spread("ours", ours),
            **figures.spread("stock", stock),
            "ratio_stock": figures.paired_ratio(ours, stock),
        }
    ours_mb, stock_mb = (figures.median(sizes[kind]) / 1e6 for kind in ("ours", "stock"))
    found["bytes"] = {
        "ours_mb": round(ours_mb, 3),
        "stock_mb": round(stock_mb, 3),
        "ratio_stock": figures.ratio(ours_mb, stock_mb),
    }
    return found


async def _load(browser: Browser, instance: Instance, link: Link | None) -> tuple[float, int]:
    """Seconds to the launcher, and bytes until a moment after it."""
    async with newcomer(browser, instance, _USER) as person:
        await person.count()
        await person.throttle(link)
        seconds = await person.load_lab()
        await asyncio.sleep(_QUIET_SECONDS)
        return seconds, person.received_bytes
