"""The targets, and where CI draws its line: ratios only, for absolute times are a machine's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure that is compared: `aim` is what we want, `limit` where a run fails. `least`: more is better.

    `path` names it in the results. `limit` None: told, not judged.
    """

    what: str
    path: str
    aim: float
    limit: float | None
    least: bool = False

    def measure(self) -> str:
        """The measure that has it."""
        return _MEASURE.get(self.path.partition(".")[0], self.path.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` None: it could not be had."""

    bound: Bound
    value: float | None

    @property
    def reached(self) -> bool:
        """Whether the aim is."""
        return self.value is not None and _within(self.value, self.bound.aim, self.bound.least)

    @property
    def held(self) -> bool:
        """Whether CI goes on."""
        if self.bound.limit is None:
            return True
        return self.value is not None and _within(self.value, self.bound.limit, self.bound.least)


_MEASURE = {
    "hub_added_p95_s": "one_server",
    "hub_added": "one_server",
    "stop": "one_server",
    "launches_per_minute": "at_once",
    "engine_calls": "calls",
    "others_delay_ratio": "others",
    "others": "others",
    "container_vs_host": "computing",
}

# The limits leave room for two busy cores; the aims do not.
BOUNDS = (
    Bound("click to first result, against stock", "first_result.local.ratio_stock", 0.7, 1.0),
    Bound("the same at 20 Mbit/s and 30 ms", "first_result.20mbit.ratio_stock", 0.65, None),
    Bound("JupyterLab's first load, MB", "first_load.bytes.ours_mb", 2.0, 2.5),
    Bound("the same against stock at 20 Mbit/s and 30 ms", "first_load.20mbit.ratio_stock", 0.7, None),
    Bound("the same against stock at 5 Mbit/s and 60 ms", "first_load.5mbit.ratio_stock", 0.5, None),
    Bound("one server, against stock", "one_server.ratio_stock", 0.28, 0.60),
    Bound("one server, against the limit", "one_server.ratio_limit", 1.06, 1.5),
    Bound("a notebook's small answer, p50, against stock", "front.notebook.ratio_p50", 1.25, 2.0),
    Bound("the same, p95", "front.notebook.ratio_p95", 1.25, None),
    Bound("200 MB up, rate against the stock proxy", "front.up.ratio_stock", 0.95, 0.6, least=True),
    Bound("200 MB down, rate against the stock proxy", "front.down.ratio_stock", 1.3, 0.8, least=True),
    Bound(
        "messages of a WebSocket, rate against the stock proxy",
        "front.websocket.ratio_stock",
        0.85,
        0.5,
        least=True,
    ),
    Bound("requests a second, against the stock proxy", "front.requests.ratio_stock", 0.75, 0.45, least=True),
    Bound("delay that the Hub adds, p95, seconds", "hub_added_p95_s", 0.1, None),
    Bound("the same against stock", "hub_added.ratio_stock", 0.1, 0.5),
    Bound("failures of 20 at once", "at_once.20.failed", 0, 0),
    Bound("failures of 50 at once", "at_once.50.failed", 0, None),
    Bound("failures of 200 at once (stub)", "at_once.200.failed", 0, None),
    Bound("launches a minute", "launches_per_minute", 60, None, least=True),
    Bound("delay of others by a pull or a stop", "others_delay_ratio", 1.1, 1.5),
    Bound("engine calls for a launch", "engine_calls.launch", 4, 5),
    Bound("engine calls for a running server and minute", "engine_calls.idle_minute", 0.1, 0.2),
    Bound("crash noticed, seconds", "crash.ours_s", 1, None),
    Bound("catalogue: page, seconds", "catalogue.page_s", 0.5, None),
    Bound("catalogue: look at all tags, seconds", "catalogue.refresh_s", 10, None),
    Bound("catalogue: look at ten that have moved, seconds", "catalogue.incremental_s", 1, None),
    Bound("container against host: linear algebra", "container_vs_host.linpack", 0.98, 0.85, least=True),
    Bound("container against host: STREAM triad", "container_vs_host.stream_triad", 0.98, 0.85, least=True),
    Bound("container against host: random access", "container_vs_host.random_access", 0.98, 0.85, least=True),
    Bound(
        "container against host: sequential read", "container_vs_host.read_sequential", 0.98, 0.70, least=True
    ),
    Bound("container against host: random read", "container_vs_host.read_random", 0.98, 0.70, least=True),
)


def judge(found: Figures, only: list[str] | None = None) -> list[Verdict]:
    """A verdict for each bound; with `only`, for those of these measures."""
    quick = bool(found.get("quick"))
    return [
        Verdict(bound, value)
        for bound in BOUNDS
        if only is None or bound.measure() in only
        for value in (_at(found, bound.path),)
        if value is not None or not quick or bound.limit is not None
    ]


def _at(found: Figures, path: str) -> float | None:
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _within(value: float, bound: float, least: bool) -> bool:
    return value >= bound if least else value <= bound
