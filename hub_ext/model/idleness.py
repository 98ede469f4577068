"""What is kept of idle servers: warnings that stand, time that was asked for, and how GPUs were used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub_ext.model.launches import StopReason


@dataclass(frozen=True, slots=True)
class IdleWarning:
    """A warning that stands: the launch's server is stopped `at`, for `reason`, unless something happens."""

    launch_id: str
    reason: StopReason
    at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class TimeExtension:
    """More time, asked for by `asked_by` (a person's id) after a warning; numbered from 1 in each launch."""

    launch_id: str
    number: int
    until: datetime
    asked: datetime
    asked_by: str


@dataclass(frozen=True, slots=True)
class StopAhead:
    """A server is stopped `at`, for `reason`, unless something happens; None: no warning stands.

    `left` is how often more time may still be asked for, `seconds` how much each time, `extended_until` the
    end of what was asked for before.
    """

    reason: StopReason | None
    at: datetime | None
    left: int
    seconds: int
    extended_until: datetime | None


@dataclass(frozen=True, slots=True)
class GpuUseSum:
    """How a lease's device was used while it was watched, in seconds.

    `worked` is when it was last seen to compute, `seen` the last look at it.
    """

    lease_id: str
    since: datetime
    seen: datetime
    watched_seconds: float = 0.0
    used_seconds: float = 0.0
    worked: datetime | None = None
