"""Whether a running server is kept, warned or stopped. Unknown is never idle.

Four witnesses are heard. The gate saw when a person last used the server: the only one that the container
cannot bend. The server itself says what its kernels and terminals do, and without that nobody is idle. The
container's CPU and memory speak for what no kernel runs, such as a silent job in a terminal, or a load from
a slow disk; they can only speak for a server. Where a host's counters cannot be read, the kernels decide
without them; else nobody would ever be idle there. A server whose interface has no kernels is judged by the
gate and the counters alone; where these cannot be read either, it is unknown.

What a lie gains: a container may claim busy kernels or fresh activity, claim times that are yet to come
(they count as now), answer nothing, or keep its CPU and memory moving. Each of these keeps it from being
idle, as honest work would, and none of them for longer than the busy ceiling, counted from its start or from
the last time that a person used it through the gate, whichever is later. A kernel that it says is busy at
every round ends at the same ceiling, counted from the first such round, though a person uses the server. To
name an earlier time than the true one shortens its own life.

A GPU has a shorter limit of its own: whoever computes on the CPU alone holds it up for others. Whoever was
warned may ask for more time, a bounded number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub_ext.model import StopReason
from hub_ext.model.server_activity import KernelActivity, NoActivity, ServerActivity

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
    """The facts about one running server at `now`.

    `last_use` is when a person last used it through the gate; None: never. `activity` is what the server
    says, `busy_since` since when it has said at every round that a kernel is busy. `cpu` None: it cannot be
    read here. `mem_moved` is when its memory last grew or shrank by much; `gpu` None: it holds none. Until
    `extended_until` it goes on.
    """

    now: datetime
    started: datetime
    last_use: datetime | None
    activity: ServerActivity | NoActivity
    busy_since: datetime | None
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
    """What comes first: the ceiling of what is busy, or idleness; that of what nobody uses; an unused GPU.

    Ends of rights and leases are `policy.launch.coverage`.
    """
    work = _busy(facts) if _busy_kernels(facts.activity) else _idle(facts)
    return _first(work, _unused(facts), _gpu_idle(facts))


def busy_start(
    activity: ServerActivity | NoActivity, before: datetime | None, started: datetime, now: datetime
) -> datetime | None:
    """Since when a kernel has been busy at every round; None: none is busy now.

    `before` is the answer of the round before this one. A busy kernel has said nothing since its
    `last_activity`, and that may be earlier than the first round; before its server's start it cannot be.
    """
    kernels = _busy_kernels(activity)
    if not kernels:
        return None
    silent = [kernel.last_activity for kernel in kernels if started <= kernel.last_activity]
    return min([before or now, now, *silent])


def watched(before: Cpu | None, share: float | None, begin: datetime, end: datetime) -> Cpu:
    """A CPU's work after a window from `begin` to `end` in which it used `share` of one."""
    before = before or Cpu()
    if share is None:
        return replace(before, share=None)
    if share < IDLE_CPU_SHARE:
        return Cpu(share, worked=before.worked)
    return Cpu(share, worked=end, working_since=before.working_since or begin)


def brake(culls: Sized, running: int, *, share: float, least: int) -> bool:
    """Whether so many stops at once look like a fault of ours rather than of so many people."""
    return len(culls) >= least and len(culls) > share * running


def _busy_kernels(activity: ServerActivity | NoActivity) -> list[KernelActivity]:
    if isinstance(activity, NoActivity):
        return []
    return [kernel for kernel in activity.kernels if kernel.state == BUSY]


def _busy(facts: IdleFacts) -> Verdict:
    """A busy kernel, silent or not, is no idle one, until the ceiling."""
    if facts.busy_since is None:
        return Keep()
    return _judge(facts.busy_since, facts.busy_ceiling_seconds, StopReason.BUSY_CEILING, facts)


def _idle(facts: IdleFacts) -> Verdict:
    activity = facts.activity
    signs = [facts.last_use, facts.started, facts.mem_moved]
    if isinstance(activity, ServerActivity):
        if any(kernel.state == UNKNOWN for kernel in activity.kernels):
            return Keep()
        said = [*(kernel.last_activity for kernel in activity.kernels), *activity.terminals]
        # Nothing was used in the future: who says so is not believed, at this round nor for ever after.
        signs += [min(moment, facts.now) for moment in said]
    elif activity is NoActivity.UNKNOWN or facts.cpu is None:
        return Keep()
    if facts.cpu is not None:
        if facts.cpu.share is None:
            return Keep()
        if facts.cpu.share >= IDLE_CPU_SHARE:
            return _working(facts, facts.cpu, signs)
        # A job that rests for a moment is not idle at once.
        signs.append(facts.cpu.worked)
    return _judge(_latest(signs), facts.idle_seconds, StopReason.IDLE, facts)


def _unused(facts: IdleFacts) -> Verdict:
    """Whatever a container does, says or keeps to itself, without a person it ends at the ceiling."""
    since = _latest((facts.last_use, facts.started))
    silent = facts.activity is NoActivity.UNKNOWN
    reason = StopReason.NO_ANSWER if silent else StopReason.BUSY_CEILING
    # Who may rest for longer than others may compute is not stopped for less.
    seconds = max(facts.busy_ceiling_seconds, facts.idle_seconds)
    return _judge(since, seconds, reason, facts)


def _working(facts: IdleFacts, cpu: Cpu, signs: Iterable[datetime | None]) -> Verdict:
    """No kernel is busy, but something is: a job in a terminal. It has the same ceiling."""
    # Our memory of the CPU is lost with the service; what was last heard of a person is not.
    since = min(_latest(signs), cpu.working_since or facts.now)
    return _judge(since, facts.busy_ceiling_seconds, StopReason.BUSY_CEILING, facts)


def _gpu_idle(facts: IdleFacts) -> Verdict:
    """A GPU that is held and unused goes back, whatever the CPU does meanwhile."""
    gpu = facts.gpu
    if gpu is None or gpu.share is None or gpu.share >= IDLE_GPU_SHARE or gpu.watched_since is None:
        return Keep()
    # What was not watched may have been work.
    since = _latest((gpu.worked, gpu.watched_since, facts.started))
    return _judge(since, facts.gpu_idle_seconds, StopReason.GPU_IDLE, facts)


def _first(*verdicts: Verdict) -> Verdict:
    """What comes first: a stop before a warning, the nearer warning before the later one."""
    for verdict in verdicts:
        if isinstance(verdict, Cull):
            return verdict
    warnings = [verdict for verdict in verdicts if isinstance(verdict, Warn)]
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
