"""Many people who ask at the same moment: how many fail, when the last one is ready, and the first.

Nobody of them has started before, so that ours makes and seeds a home and mounts a dataset for each; stock
has neither. Starts a minute are those of the fastest crowd of which everybody got a server.
"""

from __future__ import annotations

import asyncio
import time

from bench import figures
from bench.instance import Instance
from bench.run import Run

QUICK, FULL = (20,), (5, 10, 20, 50)
MOST_OF_STOCK = 20
STUBS = 200


async def measure(run: Run) -> None:
    """at_once, launches_per_minute."""
    found: dict[str, dict[str, object]] = {}
    served: dict[str, list[float]] = {"ours": [], "stock": []}
    for count in QUICK if run.quick else FULL:
        found[str(count)] = {}
        for instance in run.both:
            if instance is run.stock and (run.quick or count > MOST_OF_STOCK):
                reason = "only asked by the full version" if run.quick else f"not asked above {MOST_OF_STOCK}"
                found[str(count)]["stock"] = reason
                continue
            made = await crowd(run, instance, count, "python")
            found[str(count)] |= made
            if not made["failed" if instance is run.ours else "stock_failed"]:
                served[instance.kind].append(60 * count / float(str(made[f"{instance.kind}_s"])))
    if not run.quick:
        found[str(STUBS)] = await crowd(run, run.ours, STUBS, "answer") | {"image": "stub"}
    else:
        run.missing["at_once.50, at_once.200"] = "the quick version leaves them out"
    run.figures["at_once"] = found
    ours, stock = (max(served[kind], default=0.0) for kind in ("ours", "stock"))
    run.figures["launches_per_minute"] = round(ours, 1)
    if not run.quick:
        run.figures["launches_per_minute_stock"] = round(stock, 1)


async def crowd(run: Run, instance: Instance, count: int, image: str) -> dict[str, object]:
    """The figures of one crowd, which is gone afterwards."""
    names = [f"{image[0]}{count}-{number}" for number in range(count)]
    run.say(f"{count} at once, {instance.kind}, {image}")
    asking = [await instance.visitor(name) for name in names]
    began = time.monotonic()
    starts = await asyncio.gather(*(visitor.start(instance.options(image)) for visitor in asking))
    ended = time.monotonic()
    came = [start.seconds for start in starts if not start.failure]
    failures = sorted({start.failure for start in starts if start.failure})
    await instance.stop_all(asking)
    prefix = "" if instance is run.ours else "stock_"
    return {
        f"{prefix}failed": count - len(came),
        f"{instance.kind}_s": round(ended - began, 3),
        **({f"{instance.kind}_first_s": round(min(came), 3)} if came else {}),
        **({f"{instance.kind}_median_s": round(figures.median(came), 3)} if came else {}),
        **({f"{prefix}failures": failures} if failures else {}),
    }
