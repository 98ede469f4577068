"""What a run of the benchmark is judged by, and how it is told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import figures, results
from bench.bounds import BOUNDS, Bound, judge
from bench.instance import Instance

GOOD: dict[str, Any] = {
    "quick": False,
    "first_result": {"local": {"ratio_stock": 0.6}, "20mbit": {"ratio_stock": 0.6}},
    "first_load": {
        **{"bytes": {"ours_mb": 1.5}, "20mbit": {"ratio_stock": 0.65}, "5mbit": {"ratio_stock": 0.45}},
    },
    "front": {
        "notebook": {"ratio_p50": 1.1, "ratio_p95": 1.0},
        **{"up": {"ratio_stock": 1.0}, "down": {"ratio_stock": 1.6}},
        **{"websocket": {"ratio_stock": 0.95}, "requests": {"ratio_stock": 0.8}},
    },
    "one_server": {"ours_s": 0.6, "stock_s": 2.4, "ratio_stock": 0.25, "ratio_limit": 1.05},
    "hub_added_p95_s": 0.03,
    "hub_added": {"ratio_stock": 0.02},
    "at_once": {"20": {"failed": 0}, "50": {"failed": 0}, "200": {"failed": 0}},
    "launches_per_minute": 150,
    "others_delay_ratio": 1.02,
    "engine_calls": {"launch": 4.0, "idle_minute": 0.06},
    "crash": {"ours_s": 0.1},
    "catalogue": {"page_s": 0.1, "refresh_s": 6, "incremental_s": 0.3},
    "container_vs_host": {
        **{"linpack": 1.0, "stream_triad": 0.99, "random_access": 1.0},
        **{"read_sequential": 0.99, "read_random": 1.0},
    },
}


HEAD = {"date": "2026-11-29", "commit": "abc", "machine": "one", "missing": {}}


def changed(path: str, value: object) -> dict[str, Any]:
    """GOOD with another value at one place."""
    found: dict[str, Any] = json.loads(json.dumps(GOOD))
    *way, last = path.split(".")
    place = found
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return found


def test_a_good_run_reaches_every_aim() -> None:
    assert all(verdict.held and verdict.reached for verdict in judge(GOOD))
    assert len(judge(GOOD)) == len(BOUNDS)


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.path)
def test_each_bound_is_seen_when_it_is_broken(bound: Bound) -> None:
    worse = (bound.limit if bound.limit is not None else bound.aim) + (-1 if bound.least else 1)
    (verdict,) = [one for one in judge(changed(bound.path, worse)) if one.bound is bound]
    assert not verdict.reached
    # Without a limit it is told and not judged: absolute times are a machine's.
    assert verdict.held is (bound.limit is None)


def test_what_ci_judges_by_is_a_ratio_or_a_count_and_never_a_time() -> None:
    judged = [bound.path for bound in BOUNDS if bound.limit is not None]
    assert judged
    assert not [path for path in judged if path.endswith("_s")]


def test_a_figure_that_is_missing_fails_the_run_where_it_is_judged() -> None:
    (verdict,) = [
        v for v in judge(changed("others_delay_ratio", None)) if v.bound.path == "others_delay_ratio"
    ]
    assert verdict.value is None
    assert not verdict.held
    quick = changed("catalogue", None) | {"quick": True}
    assert all(v.held for v in judge(quick))
    assert "catalogue" not in {v.bound.path.partition(".")[0] for v in judge(quick)}


def test_only_some_measures_are_judged_by_their_own_bounds() -> None:
    assert {verdict.bound.measure() for verdict in judge(GOOD, only=["calls"])} == {"calls"}


def test_the_first_line_of_a_table_is_what_a_person_waits_for() -> None:
    rows = [line for line in results.table(GOOD | HEAD, judge(GOOD)).splitlines() if line.startswith("| ")]
    assert rows[1].startswith("| click to first result")
    assert rows[1].endswith("| 0.6 | ≤ 0.7 | reached |")


def test_spread_and_ratio() -> None:
    assert figures.spread("ours", [3.0, 1.0, 2.0]) == {
        **{"ours_s": 2.0, "ours_p95_s": 3.0, "ours_range_s": [1.0, 3.0], "ours_n": 3}
    }
    assert figures.p95([float(number) for number in range(100)]) == 95
    assert figures.ratio(1, 4) == 0.25
    assert figures.ratio(1, 0) is None
    # A round in which the machine was slow weighs on both sides and moves no ratio.
    assert figures.paired_ratio([1, 10, 2], [2, 20, 4]) == 0.5
    assert figures.paired_ratio([1.0], [0.0]) is None


def test_results_are_written_with_what_is_missing(tmp_path: Path) -> None:
    found = results.whole({"crash": {"ours_s": 0.1}}, {"crash.stock": "too slow"}, quick=True)
    results.write(tmp_path, found, judge(found))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{found['date']}.json", "latest.json", "latest.md"}
    assert json.loads((tmp_path / "latest.json").read_text())["crash"] == {"ours_s": 0.1}
    told = (tmp_path / "latest.md").read_text()
    assert "- crash.stock: too slow" in told
    assert "beyond CI's bound" in told  # what is judged and was not measured


def test_calls_are_counted_by_pattern_and_time(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text(
        "1.0 GET /v1.45/containers/hx-lau-1/json\n"
        "2.0 GET /v1.45/containers/hx-lau-2/json\n"
        "2.5 POST /v1.45/containers/create?name=hx-lau-2\n"
        "9.0 GET /v1.45/info\n"
    )
    instance = Instance("ours", "", dict, lambda image: {}, lambda user: "", notes)
    assert instance.asked(0, 3) == Counter({"GET /containers/…/json": 2, "POST /containers/create": 1})
