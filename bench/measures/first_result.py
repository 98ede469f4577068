"""From the click on *Start* to the first cell's result, in a browser with an empty cache, of somebody new.

All that a person waits for is in it: launch, sign-in to the server, JupyterLab's first load, a notebook's
kernel. `launcher` is the part until JupyterLab is drawn. Ours makes and seeds a home and mounts a dataset for
everybody new; stock has neither.
"""

from __future__ import annotations

from typing import Any

from bench import figures
from bench.browser import FAST_LINK, FirstResult, Link, newcomer, opened
from bench.instance import Instance
from bench.run import Run

FULL_ROUNDS, QUICK_ROUNDS = 9, 2
LINKS: tuple[Link | None, ...] = (None, FAST_LINK)


def people() -> list[str]:
    """Those who may be needed."""
    return [_name(link, number) for link in LINKS for number in range(FULL_ROUNDS)]


async def measure(run: Run) -> None:
    """first_result."""
    rounds = QUICK_ROUNDS if run.quick else FULL_ROUNDS
    found: dict[str, Any] = {}
    async with opened() as browser:
        for link in LINKS[:1] if run.quick else LINKS:
            taken: dict[str, list[FirstResult]] = {"ours": [], "stock": []}
            for number in range(rounds):
                name = _name(link, number)
                run.say(f"First result{f' at {link.name}' if link else ''}, {number + 1} of {rounds}")
                for instance in run.both if number % 2 else reversed(run.both):
                    async with newcomer(browser, instance, name) as person:
                        await person.choose()
                        await person.throttle(link)
                        taken[instance.kind].append(await person.start_and_run())
                    await _stop(instance, name)
            found[link.name if link else "local"] = _told(taken["ours"], taken["stock"])
    run.figures["first_result"] = found


def _name(link: Link | None, number: int) -> str:
    return f"new-{link.name if link else 'q'}-{number}"


async def _stop(instance: Instance, name: str) -> None:
    visitor = await instance.visitor(name)
    await visitor.stop()


def _told(ours: list[FirstResult], stock: list[FirstResult]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, taken in (("ours", ours), ("stock", stock)):
        found |= figures.spread(kind, [one.result for one in taken])
        found[f"{kind}_launcher_s"] = round(figures.median([one.launcher for one in taken]), 4)
        found[f"{kind}_tries"] = sum(one.tries for one in taken)
    found["ratio_stock"] = figures.paired_ratio([one.result for one in ours], [one.result for one in stock])
    found["ratio_launcher"] = figures.paired_ratio(
        [one.launcher for one in ours], [one.launcher for one in stock]
    )
    return found
