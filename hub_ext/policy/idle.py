"""Whether a running server is kept, warned or stopped. Unknown is never idle.

What the server reports of its kernels is the first witness, and without it nobody is idle. The container's
CPU and memory are the second: they speak for what no kernel runs, such as a silent job in a terminal, or a
load from a slow disk. They can only speak for a server. Where a host's counters cannot be read, the first
witness decides alone; else nobody would ever be idle there.

A GPU has a shorter limit of its own: whoever computes on the CPU alone holds it up for others. Whoever was
warned may ask for more time, a bounded number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub_ext.model import StopReason

BUSY = "busy"
UNKNOWN = "unknown"
# Two readings of one clock differ by less; more than this ahead of us, and the clock jumped.
CLOCK_SLACK = timedelta(minutes=2)
# A server that nobody uses takes far less than this share of one CPU, also with a browser's tab open.
IDLE_CPU_SHARE = 0.1
WARN_SHARE = 0.8
# Of what NVML calls utilisation: the share of the last moments in which a kernel ran on the device.
IDLE_GPU_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel as its server reported it. `busy_since` None: not busy, or not known since when."""

    state: str
    busy_since: datetime | None = None
    last_activity: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cpu:
    """What a container's CPU showed over the last window, and over those before it.

    `share` is of one CPU; None: read for the first time, known at the next sweep. `worked` is when work was
    last seen, `working_since` when that which still goes on began.
    """

    share: float | None = None
    worked: datetime | None = None
    working_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class GpuWork:
    """What the GPUs that a server holds did: `share` at the last look, the busiest of them; None: not known.

    `worked` is when one of them was last seen to compute, `watched_since` since when that is known.
    """

    share: float | None = None
    worked: datetime | None = None
    watched_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdleFacts:
    """What is known of one running server at `now`.

    `kernels` None: no report, or too old a one. `cpu` None: it cannot be read here. `mem_moved` is when its
    memory last grew or shrank by much; `gpu` None: it holds none. Until `extended_until` it goes on.
    """

    now: datetime
    started: datetime | None
    last_activity: datetime | None
    kernels: tuple[Kernel, ...] | None
    cpu: Cpu | None
    idle_seconds: int
    busy_ceiling_seconds: int
    gpu_idle_seconds: int = 0
    mem_moved: datetime | None = None
    gpu: GpuWork | None = None
    extended_until: datetime | None = None


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
    """What comes first: the ceiling of what is busy, or idleness; a GPU that is held unused.

    Ends of rights and leases are `policy.launch.coverage`.
    """
    return _first(_busy(facts) if _is_busy(facts) else _idle(facts), _gpu_idle(facts))


def watched(before: Cpu | None, share: float | None, begin: datetime, end: datetime) -> Cpu:
    """What is known of a CPU after a window from `begin` to `end` in which it used `share` of one."""
    known = before or Cpu()
    if share is None:
        return replace(known, share=None)
    if share < IDLE_CPU_SHARE:
        return Cpu(share, worked=known.worked)
    return Cpu(share, worked=end, working_since=known.working_since or begin)


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
    return _judge(min(since), facts.busy_ceiling_seconds, StopReason.BUSY_CEILING, facts)


def _idle(facts: IdleFacts) -> Verdict:
    if facts.kernels is None or facts.last_activity is None:
        return Keep()
    if any(kernel.state == UNKNOWN for kernel in facts.kernels):
        return Keep()
    seen = [facts.last_activity, facts.started, facts.mem_moved]
    seen += [kernel.last_activity for kernel in facts.kernels]
    if facts.cpu is not None:
        if facts.cpu.share is None:
            return Keep()
        if facts.cpu.share >= IDLE_CPU_SHARE:
            return _working(facts, facts.cpu, seen)
        # A job that rests for a moment is not idle at once.
        seen.append(facts.cpu.worked)
    return _judge(_latest(seen), facts.idle_seconds, StopReason.IDLE, facts)


def _working(facts: IdleFacts, cpu: Cpu, seen: Iterable[datetime | None]) -> Verdict:
    """No kernel is busy, but something is: a job in a terminal. It has the same ceiling."""
    # Our memory of the CPU is lost with the service; what was last heard of a person is not.
    since = min(_latest(seen), cpu.working_since or facts.now)
    return _judge(since, facts.busy_ceiling_seconds, StopReason.BUSY_CEILING, facts)


def _gpu_idle(facts: IdleFacts) -> Verdict:
    """A GPU that is held and unused goes back, whatever the CPU does meanwhile."""
    gpu = facts.gpu
    if gpu is None or gpu.share is None or gpu.share >= IDLE_GPU_SHARE or gpu.watched_since is None:
        return Keep()
    # What was not watched may have been work.
    since = _latest((gpu.worked, gpu.watched_since, facts.started))
    return _judge(since, facts.gpu_idle_seconds, StopReason.GPU_IDLE, facts)


def _first(one: Verdict, other: Verdict) -> Verdict:
    """What comes first: a stop before a warning, the nearer warning before the later one."""
    for verdict in (one, other):
        if isinstance(verdict, Cull):
            return verdict
    warnings = [verdict for verdict in (one, other) if isinstance(verdict, Warn)]
    return min(warnings, key=lambda warning: warning.at) if warnings else Keep()


def _latest(moments: Iterable[datetime | None]) -> datetime:
    return max(moment for moment in moments if moment is not None)


def _judge(since: datetime, seconds: int, reason: StopReason, facts: IdleFacts) -> Verdict:
    if since > facts.now + CLOCK_SLACK:
        return Keep()
    at = since + timedelta(seconds=seconds)
    warned_from = at - timedelta(seconds=seconds * (1 - WARN_SHARE))
    if facts.extended_until is not None and facts.extended_until > at:
        # More time was asked for after a warning; the next one comes as long before the new end.
        at, warned_from = facts.extended_until, facts.extended_until - (at - warned_from)
    if at <= facts.now:
        return Cull(reason)
    return Warn(reason, at) if facts.now >= warned_from else Keep()
