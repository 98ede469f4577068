"""How much of the site's GPUs one person or one project may hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LimitKind(StrEnum):
    """Whose limits. Stored."""

    PERSON = "person"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class GpuLimits:
    """Bounds over all servers of one holder; None: no bound, or that of the site where it has one.

    `held` is the number of GPUs at the same time, `lease_hours` the longest time of one lease, `month_hours`
    the GPU-hours of one month of the site's calendar.
    """

    held: int | None = None
    lease_hours: float | None = None
    month_hours: float | None = None


@dataclass(frozen=True, slots=True)
class OwnGpuLimits:
    """Limits that somebody set for one person (by id) or one project (by slug)."""

    kind: LimitKind
    whose: str
    limits: GpuLimits
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True)
class GpuStanding:
    """What a person or a project may hold, holds now, and has held this month (GPU-hours)."""

    kind: LimitKind
    limits: GpuLimits
    held: int = 0
    month_hours: float = 0.0
