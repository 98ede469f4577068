"""Figures of a run: medians with their spread, ratios, and for what is missing the reason."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

__all__ = ["median", "p95", "paired_ratio", "ratio", "spread"]


def p95(values: Sequence[float]) -> float:
    """The value that 95 % do not exceed; of fewer than twenty it is the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def spread(name: str, values: Sequence[float]) -> dict[str, Any]:
    """Median as NAME_s, with p95, range and number beside it; seconds."""
    return {
        f"{name}_s": round(median(values), 4),
        f"{name}_p95_s": round(p95(values), 4),
        f"{name}_range_s": [round(min(values), 4), round(max(values), 4)],
        f"{name}_n": len(values),
    }


def ratio(ours: float, other: float) -> float | None:
    """Ours divided by the other, to three places; None where the other is nothing."""
    return round(ours / other, 3) if other else None


def paired_ratio(ours: Sequence[float], other: Sequence[float]) -> float | None:
    """The median of each round's ratio: what else the machine did in a round weighed on both."""
    ratios = [mine / its for mine, its in zip(ours, other, strict=True) if its]
    return round(median(ratios), 3) if ratios else None
