"""The results as JSON, and as a table that people read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.bounds import Verdict
from bench.machine import machine
from hub_ext.cli.setup.layout import CHECKOUT


def whole(figures: Mapping[str, Any], missing: Mapping[str, str], *, quick: bool) -> dict[str, Any]:
    """Everything of a run, with when and where it was."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "machine": machine(),
        "quick": quick,
        **figures,
        "missing": dict(missing),
    }


def write(folder: Path, found: Mapping[str, Any], verdicts: list[Verdict]) -> None:
    """DATE.json, latest.json and latest.md in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    for name in (f"{found['date']}.json", "latest.json"):
        (folder / name).write_text(text)
    (folder / "latest.md").write_text(table(found, verdicts) + "\n")


def table(found: Mapping[str, Any], verdicts: list[Verdict]) -> str:
    """Markdown: the targets first, then all figures, then what is missing and why."""
    kind = "quick" if found["quick"] else "full"
    lines = [
        f"Measured on {found['date']} ({kind} version, commit {found['commit']}): {found['machine']}.",
        "Ratios are ours divided by the other; seconds are medians.",
        "",
        "| figure | measured | aim | |",
        "|---|---:|---:|---|",
    ]
    for verdict in verdicts:
        bound = verdict.bound
        value = "—" if verdict.value is None else f"{verdict.value:g}"
        sign = "≥" if bound.least else "≤"
        mark = "reached" if verdict.reached else "missed" if verdict.held else "**beyond CI's bound**"
        lines.append(f"| {bound.what} | {value} | {sign} {bound.aim:g} | {mark} |")
    lines += ["", "| figure | ours | stock | other |", "|---|---|---|---|"]
    for name, value in found.items():
        if name not in ("date", "commit", "machine", "quick", "missing"):
            lines += _rows(name, value)
    if found["missing"]:
        lines += ["", "Not measured:", ""]
        lines += [f"- {what}: {why}" for what, why in found["missing"].items()]
    return "\n".join(lines)


def _rows(name: str, value: Any) -> list[str]:
    """A row for each figure; what is nested deeper is in the JSON only."""
    if not isinstance(value, Mapping):
        return [f"| {name} | {_text(value)} | | |"]
    if all(isinstance(inner, Mapping) for inner in value.values()):
        return [row for key, inner in value.items() for row in _rows(f"{name}.{key}", inner)]
    columns: dict[str, list[str]] = {"ours": [], "stock": [], "": []}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            continue
        owner, _, rest = key.partition("_")
        column = owner if owner in ("ours", "stock") and rest else ""
        columns[column].append(f"{(rest if column else key).replace('_', ' ')} {_text(inner)}")
    cells = " | ".join("; ".join(columns[column]) for column in ("ours", "stock", ""))
    return [f"| {name} | {cells} |"]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "–".join(_text(inner) for inner in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _commit() -> str:
    asked = ["git", "-C", str(CHECKOUT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip() or "unknown"
