"""Whether a running server is kept, warned or stopped. Unknown is never idle."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_ext.model import Reason, StopReason

BUSY = "busy"
UNKNOWN = "unknown"
# Two readings of one clock differ by less; more than this ahead of us, and the clock jumped.
CLOCK_SLACK = timedelta(minutes=2)
# A server without a browser, kernel or terminal uses less than this share of one CPU.
IDLE_CPU_SHARE = 0.1
WARN_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel as its server reported it. `busy_since` None: not busy, or not known since when."""

    state: str
    busy_since: datetime | None = None
    last_activity: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdleFacts:
    """What is known of one running server at `now`.

    `kernels` None: no report, or too old a one. `cpu_share` is of one CPU over the last window; None: not
    measured. `rights` are the reasons for which the launch may not go on; `expires_at` is when they end.
    """

    now: datetime
    started: datetime | None
    last_activity: datetime | None
    kernels: tuple[Kernel, ...] | None
    cpu_share: float | None
    idle_seconds: int
    busy_ceiling_seconds: int
    expires_at: datetime | None = None
    rights: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Keep:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Go on, but the end is near: `at` is when it would be stopped for `reason`."""

    reason: StopReason
    at: datetime


@dataclass(frozen=True, slots=True)
class Cull:
    """Stop."""

    reason: StopReason


Verdict = Keep | Warn | Cull


def decide(facts: IdleFacts) -> Verdict:
    """Rights first, then the ceiling of what is busy, then idleness."""
    if facts.rights or (facts.expires_at is not None and facts.expires_at <= facts.now):
        return Cull(StopReason.RIGHT_ENDED)
    return _busy(facts) if _is_busy(facts) else _idle(facts)


def brake(culls: Sized, running: int, *, share: float, least: int) -> bool:
    """Whether so many stops at once look like a fault of ours rather than of so many people."""
    return len(culls) >= least and len(culls) > share * running


def _is_busy(facts: IdleFacts) -> bool:
    return any(kernel.state == BUSY for kernel in facts.kernels or ())


def _busy(facts: IdleFacts) -> Verdict:
    """A busy kernel, silent or not, is no idle one, until the ceiling."""
    since = [
        kernel.busy_since
        for kernel in facts.kernels or ()
        if kernel.state == BUSY and kernel.busy_since is not None
    ]
    if not since:
        return Keep()
    return _judge(min(since), facts.busy_ceiling_seconds, StopReason.BUSY_CEILING, facts.now)


def _idle(facts: IdleFacts) -> Verdict:
    if facts.kernels is None or facts.last_activity is None:
        return Keep()
    if any(kernel.state == UNKNOWN for kernel in facts.kernels):
        return Keep()
    if facts.cpu_share is not None and facts.cpu_share >= IDLE_CPU_SHARE:
        return Keep()
    seen = [facts.last_activity, facts.started]
    seen += [kernel.last_activity for kernel in facts.kernels]
    return _judge(
        max(moment for moment in seen if moment is not None), facts.idle_seconds, StopReason.IDLE, facts.now
    )


def _judge(since: datetime, seconds: int, reason: StopReason, now: datetime) -> Verdict:
    if since > now + CLOCK_SLACK:
        return Keep()
    at = since + timedelta(seconds=seconds)
    if at <= now:
        return Cull(reason)
    return Warn(reason, at) if now >= since + timedelta(seconds=seconds * WARN_SHARE) else Keep()
