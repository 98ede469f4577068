"""A bar chart, drawn by the server: what a template needs to write it as SVG, without script or style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 200
_GAP = 0.3


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in a drawing of WIDTH by HEIGHT: x and width, heights of the whole and of its lower part."""

    name: str
    value: float
    part: float
    x: float
    width: float
    height: float
    part_height: float


def bars(values: Sequence[tuple[str, float]], parts: Sequence[float]) -> tuple[Bar, ...]:
    """Bars from 0 up, the highest as high as the drawing; `parts` of the values are at their feet.

    The drawing is 1 high at least: some minutes do not look like a month of work.
    """
    top = max((1.0, *(value for _, value in values)))
    step = WIDTH / max(len(values), 1)
    return tuple(
        Bar(
            name,
            value,
            part,
            x=round(step * (place + _GAP / 2), 1),
            width=round(step * (1 - _GAP), 1),
            height=round(HEIGHT * value / top, 1),
            part_height=round(HEIGHT * min(part, value) / top, 1),
        )
        for place, ((name, value), part) in enumerate(zip(values, parts, strict=True))
    )
