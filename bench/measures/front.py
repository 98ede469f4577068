"""What stands before the servers: our front and gate beside configurable-http-proxy, as each Hub runs it.

By turns, with one program behind both, `bench/fast_server.py` in a container. Both sides are signed in as a
browser is, by cookies: with us the gate judges each request; stock's proxy passes all on, and its servers
judge. The fast server judges nothing, so that all of our judgement is compared with none of theirs; for
`notebook` a real notebook server answers, and stock's judges too. Client, door and server share the cores.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bench import figures
from bench.door import CONNECTIONS, Door
from bench.open_page import requests_a_minute
from bench.run import Run

FULL_ROUNDS, QUICK_ROUNDS = 9, 3
# Of what one gate bears: the rest is for the moments when many come at once.
USED_SHARE = 0.5

Pairs = list[tuple[Any, Any]]


async def measure(run: Run) -> None:
    """front."""
    try:
        doors = [await Door.opened(instance) for instance in run.both]
        run.figures["front"] = await _by_turns(run, doors)
    finally:
        for instance in run.both:
            await instance.stop_all(instance.visitors)
    if run.quick:
        run.missing["front.people"] = "the quick version does not watch an open page"
    else:
        run.say("What an open page asks")
        run.figures["front"]["people"] = _people(run.figures["front"], await requests_a_minute(run))


async def _by_turns(run: Run, doors: list[Door]) -> dict[str, Any]:
    rounds = QUICK_ROUNDS if run.quick else FULL_ROUNDS
    requests, messages, seconds = (100, 1000, 2.0) if run.quick else (300, 3000, 4.0)
    takes: dict[str, Callable[[Door], Any]] = {
        "notebook": lambda door: door.notebook_seconds(requests),
        "fast": lambda door: door.fast_seconds(requests),
        "up": Door.up,
        "down": Door.down,
        "websocket": lambda door: door.messages(messages, 1),
        "websocket_32_at_once": lambda door: door.messages(4 * messages, 32),
    }
    pairs: defaultdict[str, Pairs] = defaultdict(list)
    for number in range(rounds):
        run.say(f"Front and proxy, {number + 1} of {rounds}")
        turns = doors if number % 2 else doors[::-1]
        for name, take in takes.items():
            taken = {door.instance.kind: await asyncio.to_thread(take, door) for door in turns}
            pairs[name].append((taken["ours"], taken["stock"]))
        taken = {door.instance.kind: await door.requests(seconds) for door in turns}
        pairs["requests"].append((taken["ours"], taken["stock"]))
    found = {name: _seconds(pairs[name]) for name in ("notebook", "fast")}
    found |= {name: _rates(pairs[name]) for name in takes if name not in found}
    found["requests"] = _requests(pairs["requests"])
    sockets = 100 if run.quick else 200  # the gate allows a server 256
    grown = {door.instance.kind: await asyncio.to_thread(door.open_sockets, sockets) for door in doors}
    found["open_sockets"] = {f"{kind}_kib_each": round(kib, 1) for kind, kib in grown.items()}
    found["open_sockets"]["count"] = sockets
    return found


def _seconds(pairs: Pairs) -> dict[str, Any]:
    """p50 and p95 of each round; of both the median over all rounds, and of their ratios."""
    found: dict[str, Any] = {}
    for name, of in (("p50", figures.median), ("p95", figures.p95)):
        ours, stock = [of(mine) for mine, _ in pairs], [of(its) for _, its in pairs]
        found[f"ours_{name}_ms"] = round(1000 * figures.median(ours), 3)
        found[f"stock_{name}_ms"] = round(1000 * figures.median(stock), 3)
        found[f"ratio_{name}"] = figures.paired_ratio(ours, stock)
    return found


def _rates(pairs: Pairs) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, rates in zip(("ours", "stock"), zip(*pairs, strict=True), strict=True):
        found[f"{kind}_per_second"] = round(figures.median(rates), 1)
        found[f"{kind}_range"] = [round(min(rates), 1), round(max(rates), 1)]
    return found | {"ratio_stock": figures.paired_ratio(*zip(*pairs, strict=True))}


def _requests(pairs: Pairs) -> dict[str, Any]:
    found = _rates([(mine[0], its[0]) for mine, its in pairs])
    for kind, taken in zip(("ours", "stock"), zip(*pairs, strict=True), strict=True):
        for part in taken[0][1]:
            found[f"{kind}_{part}_cpu_ms"] = round(figures.median([cpu[part] for _, cpu in taken]), 3)
    return found | {"connections": CONNECTIONS}


def _people(front: dict[str, Any], requests_a_minute: float) -> dict[str, Any]:
    """How many open pages a share of what one gate bears would serve."""
    requests = front["requests"]
    # The gate is one process: by its CPU time its core is full then, and the rate is what was seen.
    most = min(requests["ours_per_second"], 1000 / requests["ours_gate_cpu_ms"])
    return {
        "requests_a_minute": round(requests_a_minute, 1),
        "used_share": USED_SHARE,
        "ours_open_pages": math.floor(USED_SHARE * most * 60 / requests_a_minute),
    }
