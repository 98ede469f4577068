"""One run: both Hubs, how thorough it is, and the figures so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bench.house import House
from bench.instance import Instance
from bench.ours import Ours
from hub_ext.cli.setup.steps import Say


@dataclass
class Run:
    """`missing` says why a figure could not be had."""

    quick: bool
    house: House
    ours: Ours
    stock: Instance
    say: Say
    figures: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def both(self) -> tuple[Instance, Instance]:
        """Ours and the stock one, which take turns."""
        return self.ours, self.stock


Measure = Callable[[Run], Awaitable[None]]
