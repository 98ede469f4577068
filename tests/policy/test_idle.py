"""Keep, warn or cull: the unknown and the busy are never idle, and nothing that nobody uses is immortal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import StopReason
from hub_ext.model.server_activity import KernelActivity, NoActivity, ServerActivity
from hub_ext.policy.idle import (
    IDLE_CPU_SHARE,
    Cpu,
    Cull,
    GpuWork,
    IdleFacts,
    Keep,
    Warn,
    brake,
    busy_start,
    decide,
    watched,
)

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR = 3600


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def kernel(state: str, hours: float = 3) -> KernelActivity:
    """One that was last active so many hours ago."""
    return KernelActivity(state, ago(hours * HOUR))


def says(*kernels: KernelActivity, terminals: tuple[datetime, ...] = ()) -> ServerActivity:
    return ServerActivity(kernels, terminals)


QUIET = IdleFacts(
    now=NOW,
    started=ago(10 * HOUR),
    last_use=ago(3 * HOUR),
    activity=says(kernel("idle")),
    busy_since=None,
    cpu=Cpu(0.0),
    idle_seconds=2 * HOUR,
    busy_ceiling_seconds=48 * HOUR,
)
BUSY = replace(QUIET, activity=says(kernel("busy")), busy_since=ago(5 * HOUR))

moments = st.integers(-10 * HOUR, 100 * HOUR).map(ago)
past = st.integers(0, 100 * HOUR).map(ago)
kernels = st.builds(
    KernelActivity,
    state=st.sampled_from(["busy", "idle", "starting", "unknown"]),
    last_activity=moments,
)
activities = st.sampled_from(NoActivity) | st.builds(
    ServerActivity,
    kernels=st.lists(kernels, max_size=3).map(tuple),
    terminals=st.lists(moments, max_size=3).map(tuple),
)
cpus = st.builds(
    Cpu, st.none() | st.floats(0, 4), worked=st.none() | moments, working_since=st.none() | moments
)
gpus = st.builds(
    GpuWork, st.none() | st.floats(0, 1), worked=st.none() | moments, watched_since=st.none() | moments
)
facts_of_any_server = st.builds(
    IdleFacts,
    now=st.just(NOW),
    started=moments,
    last_use=st.none() | moments,
    activity=activities,
    busy_since=st.none() | moments,
    cpu=st.none() | cpus,
    idle_seconds=st.integers(60, 24 * HOUR),
    busy_ceiling_seconds=st.integers(60, 100 * HOUR),
    gpu_idle_seconds=st.integers(60, 24 * HOUR),
    mem_moved=st.none() | moments,
    gpu=st.none() | gpus,
    extended_until=st.none() | moments,
)


def test_a_server_that_was_quiet_beyond_its_limit_is_stopped():
    assert decide(QUIET) == Cull(StopReason.IDLE)


def test_a_server_without_any_kernel_is_idle_too():
    assert decide(replace(QUIET, activity=says())) == Cull(StopReason.IDLE)


def test_before_the_limit_comes_a_warning_that_says_when():
    facts = replace(QUIET, last_use=ago(1.9 * HOUR))
    assert decide(facts) == Warn(StopReason.IDLE, ago(1.9 * HOUR) + timedelta(hours=2))
    assert decide(replace(facts, last_use=ago(HOUR))) == Keep()


@pytest.mark.parametrize(
    "sign",
    [
        {"last_use": ago(HOUR)},
        {"last_use": None, "started": ago(HOUR)},
        {"activity": says(kernel("idle", 1))},
        {"activity": says(terminals=(ago(9 * HOUR), ago(HOUR)))},
        {"cpu": Cpu(0.0, worked=ago(HOUR))},
        {"mem_moved": ago(HOUR)},
    ],
    ids=["person", "start", "kernel", "terminal", "CPU", "memory"],
)
def test_each_sign_of_life_keeps_a_server(sign: dict):
    assert decide(replace(QUIET, **sign)) == Keep()
    later = {"now": ago(-1.5 * HOUR)}
    assert decide(replace(QUIET, **sign | later)) == Cull(StopReason.IDLE)


def test_a_busy_kernel_is_not_idle_however_silent():
    assert decide(BUSY) == Keep()


def test_one_busy_kernel_keeps_the_idle_ones():
    assert decide(replace(BUSY, activity=says(kernel("idle"), kernel("busy")))) == Keep()


def test_busy_beyond_the_ceiling_is_stopped_though_a_person_uses_it():
    facts = replace(BUSY, busy_since=ago(48 * HOUR), started=ago(50 * HOUR), last_use=NOW)
    assert decide(facts) == Cull(StopReason.BUSY_CEILING)
    assert decide(replace(facts, busy_ceiling_seconds=49 * HOUR)) == Warn(StopReason.BUSY_CEILING, ago(-HOUR))


def test_a_busy_time_that_is_over_ends_nothing():
    facts = replace(QUIET, busy_since=ago(49 * HOUR), last_use=ago(HOUR))
    assert decide(facts) == Keep()


@pytest.mark.parametrize(
    "unknown",
    [
        {"activity": NoActivity.UNKNOWN},
        {"activity": NoActivity.NO_KERNELS, "cpu": None},
        {"cpu": Cpu(IDLE_CPU_SHARE, worked=NOW, working_since=ago(HOUR))},
        {"cpu": Cpu()},
        {"last_use": ago(-HOUR)},
        {"started": ago(-HOUR)},
        {"activity": says(kernel("busy")), "busy_since": None},
        {"activity": says(kernel("idle"), kernel("unknown", 9))},
    ],
    ids=[
        "no answer",
        "no witness",
        "uses the CPU",
        "CPU not yet known",
        "use ahead",
        "start ahead",
        "since?",
        "state?",
    ],
)
def test_what_is_unknown_or_impossible_is_never_idle(unknown: dict):
    assert decide(replace(QUIET, **unknown)) == Keep()


def test_where_the_cpu_cannot_be_read_the_kernels_decide_alone():
    assert decide(replace(QUIET, cpu=None)) == Cull(StopReason.IDLE)
    assert decide(replace(QUIET, cpu=None, activity=NoActivity.UNKNOWN)) == Keep()


def test_a_quiet_cpu_is_no_witness_that_a_server_is_idle():
    assert decide(replace(QUIET, activity=NoActivity.UNKNOWN)) == Keep()
    assert decide(BUSY) == Keep()


def test_without_kernels_by_nature_the_gate_and_the_cpu_decide():
    facts = replace(QUIET, activity=NoActivity.NO_KERNELS)
    assert decide(facts) == Cull(StopReason.IDLE)
    assert decide(replace(facts, last_use=ago(HOUR))) == Keep()
    assert decide(replace(facts, cpu=Cpu(1.0, worked=NOW, working_since=ago(HOUR)))) == Keep()


# --- what nobody uses ends ------------------------------------------------------------------------------

LEFT = replace(QUIET, started=ago(60 * HOUR), last_use=ago(48 * HOUR))
WORKS = Cpu(1.0, worked=NOW, working_since=ago(60))


@pytest.mark.parametrize(
    ("kept_alive", "reason"),
    [
        ({"activity": NoActivity.UNKNOWN}, StopReason.NO_ANSWER),
        ({"activity": NoActivity.UNKNOWN, "cpu": WORKS}, StopReason.NO_ANSWER),
        ({"activity": NoActivity.UNKNOWN, "cpu": None}, StopReason.NO_ANSWER),
        ({"activity": NoActivity.NO_KERNELS, "cpu": None}, StopReason.BUSY_CEILING),
        ({"activity": says(kernel("idle", 0))}, StopReason.BUSY_CEILING),
        ({"activity": says(kernel("idle", -9000))}, StopReason.BUSY_CEILING),
        ({"activity": says(terminals=(NOW,))}, StopReason.BUSY_CEILING),
        ({"activity": says(kernel("unknown"))}, StopReason.BUSY_CEILING),
        ({"activity": says(kernel("busy")), "busy_since": ago(60)}, StopReason.BUSY_CEILING),
        ({"activity": says(kernel("busy"))}, StopReason.BUSY_CEILING),
        ({"cpu": WORKS}, StopReason.BUSY_CEILING),
        ({"cpu": Cpu()}, StopReason.BUSY_CEILING),
        ({"mem_moved": NOW}, StopReason.BUSY_CEILING),
    ],
)
def test_whatever_a_container_does_without_a_person_it_ends_at_the_ceiling(
    kept_alive: dict, reason: StopReason
):
    facts = replace(LEFT, **kept_alive)
    assert decide(facts) == Cull(reason)
    assert decide(replace(facts, last_use=ago(47 * HOUR))) == Warn(reason, ago(-HOUR))
    assert decide(replace(facts, last_use=ago(HOUR))) == Keep()
    assert decide(replace(facts, last_use=None)) == Cull(reason)
    # Never, since its start.
    assert decide(replace(facts, last_use=None, started=ago(HOUR))) == Keep()


def test_a_ceiling_below_the_limit_of_idleness_ends_nobody_who_may_still_rest():
    facts = replace(QUIET, last_use=ago(1.5 * HOUR), busy_ceiling_seconds=HOUR)
    assert decide(facts) == Keep()
    assert decide(replace(facts, last_use=ago(2 * HOUR))) == Cull(StopReason.IDLE)


def claims(facts: IdleFacts, activity: ServerActivity | NoActivity) -> IdleFacts:
    """The same server, had it said this."""
    since = busy_start(activity, facts.busy_since, facts.started, facts.now)
    return replace(facts, activity=activity, busy_since=since)


@given(
    facts=facts_of_any_server,
    used=past,
    activity=activities,
    cpu=st.none() | cpus,
    moved=st.none() | moments,
)
def test_a_lie_gains_at_most_the_ceiling_after_the_last_use(
    facts: IdleFacts,
    used: datetime,
    activity: ServerActivity | NoActivity,
    cpu: Cpu | None,
    moved: datetime | None,
):
    facts = replace(facts, started=used, last_use=used, extended_until=None, cpu=cpu, mem_moved=moved)
    if (NOW - used).total_seconds() >= max(facts.busy_ceiling_seconds, facts.idle_seconds):
        assert isinstance(decide(claims(facts, activity)), Cull)


@given(facts=facts_of_any_server, kernel=kernels, ahead=st.integers(1, 10**9))
def test_a_time_to_come_gains_no_more_than_the_present_one(
    facts: IdleFacts, kernel: KernelActivity, ahead: int
):
    def said(when: datetime) -> ServerActivity:
        return says(replace(kernel, last_activity=when), terminals=(when,))

    assert decide(claims(facts, said(ago(-ahead)))) == decide(claims(facts, said(NOW)))


@given(facts=facts_of_any_server)
def test_nobody_who_does_not_answer_is_idle(facts: IdleFacts):
    assert decide(replace(facts, activity=NoActivity.UNKNOWN)) != Cull(StopReason.IDLE)


@given(facts=facts_of_any_server)
def test_no_kernels_by_nature_are_no_kernels_where_the_cpu_can_be_read(facts: IdleFacts):
    if facts.cpu is not None:
        assert decide(replace(facts, activity=NoActivity.NO_KERNELS)) == decide(
            replace(facts, activity=says())
        )


@given(facts=facts_of_any_server)
def test_within_the_ceiling_of_a_persons_use_only_work_meets_it(facts: IdleFacts):
    recent = facts.last_use is not None and facts.last_use > ago(facts.busy_ceiling_seconds)
    works = facts.cpu is not None and facts.cpu.share is not None and facts.cpu.share >= IDLE_CPU_SHARE
    if recent and facts.busy_since is None and not works:
        verdict = decide(facts)
        assert verdict not in (Cull(StopReason.BUSY_CEILING), Cull(StopReason.NO_ANSWER))


# --- since when it is busy ------------------------------------------------------------------------------


def test_a_kernel_is_busy_since_the_first_round_that_says_so_at_every_round():
    started, busy = ago(10 * HOUR), says(kernel("busy", 0))
    assert busy_start(busy, None, started, NOW) == NOW
    assert busy_start(busy, ago(HOUR), started, NOW) == ago(HOUR)
    assert busy_start(says(kernel("busy", 11)), ago(-HOUR), started, NOW) == NOW  # the clock was set back
    assert busy_start(says(kernel("idle")), ago(HOUR), started, NOW) is None
    assert busy_start(says(), ago(HOUR), started, NOW) is None
    for nothing in NoActivity:
        assert busy_start(nothing, ago(HOUR), started, NOW) is None


def test_a_kernel_that_fell_silent_is_busy_since_then_where_that_can_be():
    started = ago(10 * HOUR)
    assert busy_start(says(kernel("busy", 3)), None, started, NOW) == ago(3 * HOUR)
    assert busy_start(says(kernel("busy", 3)), ago(2 * HOUR), started, NOW) == ago(3 * HOUR)
    assert busy_start(says(kernel("busy", 3)), ago(4 * HOUR), started, NOW) == ago(4 * HOUR)
    assert busy_start(says(kernel("busy", 11)), None, started, NOW) == NOW
    assert busy_start(says(kernel("busy", -3)), None, started, NOW) == NOW
    assert busy_start(says(kernel("busy", 1), kernel("idle", 9)), None, started, NOW) == ago(HOUR)


@given(activity=activities, before=st.none() | past, started=past)
def test_no_claim_moves_the_beginning_of_a_busy_time_on(
    activity: ServerActivity, before: datetime | None, started: datetime
):
    since = busy_start(activity, before, started, NOW)
    if since is not None:
        assert since <= (before or NOW)
        assert since >= min(before or NOW, started)


# --- the CPU --------------------------------------------------------------------------------------------


def test_a_job_that_rests_is_idle_when_it_has_rested_as_long_as_anybody_may():
    rests = Cpu(0.0, worked=ago(HOUR))
    assert decide(replace(QUIET, cpu=rests)) == Keep()
    assert decide(replace(QUIET, cpu=replace(rests, worked=ago(2 * HOUR)))) == Cull(StopReason.IDLE)


@pytest.mark.parametrize(
    ("used", "working"),
    [(1, 48), (48, 48), (48, 1)],
    ids=["though somebody was there", "alone", "though we began to look an hour ago"],
)
def test_a_job_of_the_terminal_ends_at_the_ceiling_too(used: int, working: int):
    cpu = Cpu(1.0, worked=NOW, working_since=ago(working * HOUR))
    facts = replace(QUIET, cpu=cpu, activity=says(), last_use=ago(used * HOUR), started=ago(50 * HOUR))
    assert decide(facts) == Cull(StopReason.BUSY_CEILING)
    assert decide(replace(facts, busy_ceiling_seconds=70 * HOUR)) == Keep()


def test_work_is_remembered_while_it_goes_on_and_when_it_ended():
    first = watched(None, None, NOW, NOW)
    assert first == Cpu()
    works = watched(first, 0.5, ago(60), NOW)
    assert works == Cpu(0.5, worked=NOW, working_since=ago(60))
    later = watched(works, IDLE_CPU_SHARE, NOW, ago(-60))
    assert later == Cpu(IDLE_CPU_SHARE, worked=ago(-60), working_since=ago(60))
    assert watched(later, None, NOW, ago(-60)) == replace(later, share=None)
    rests = watched(later, 0.05, ago(-60), ago(-120))
    assert rests == Cpu(0.05, worked=ago(-60), working_since=None)


@given(facts=facts_of_any_server)
def test_nobody_is_culled_within_the_limit_of_any_sign_of_life(facts: IdleFacts):
    signs = [facts.last_use, facts.started, facts.mem_moved]
    if isinstance(facts.activity, ServerActivity):
        signs += [*(kernel.last_activity for kernel in facts.activity.kernels), *facts.activity.terminals]
    signs += [facts.cpu.worked] if facts.cpu else []
    recent = any(sign and sign > ago(facts.idle_seconds) for sign in signs)
    if recent:
        assert decide(facts) != Cull(StopReason.IDLE)


@given(facts=facts_of_any_server, more=st.integers(0, 1000))
def test_a_longer_limit_never_culls_more(facts: IdleFacts, more: int):
    longer = replace(
        facts,
        idle_seconds=facts.idle_seconds + more,
        busy_ceiling_seconds=facts.busy_ceiling_seconds + more,
    )
    if isinstance(decide(longer), Cull):
        assert isinstance(decide(facts), Cull)


def test_the_brake_takes_hold_of_a_large_share_but_not_of_few():
    assert brake(range(6), 10, share=0.5, least=4)
    assert not brake(range(5), 10, share=0.5, least=4)
    assert not brake(range(3), 3, share=0.5, least=4)


# --- memory, GPUs, extensions ---------------------------------------------------------------------------

UNUSED = GpuWork(0.0, worked=ago(0.9 * HOUR), watched_since=ago(9 * HOUR))
HOLDS = replace(BUSY, gpu=UNUSED, gpu_idle_seconds=HOUR)


def test_memory_that_moves_is_work():
    assert decide(replace(QUIET, mem_moved=ago(60))) == Keep()
    assert decide(replace(QUIET, mem_moved=ago(3 * HOUR))) == Cull(StopReason.IDLE)


def test_a_gpu_held_and_unused_is_warned_of_then_taken_back_also_from_a_busy_kernel():
    assert decide(HOLDS) == Warn(StopReason.GPU_IDLE, ago(-0.1 * HOUR))
    longer = replace(UNUSED, worked=ago(HOUR))
    assert decide(replace(HOLDS, gpu=longer)) == Cull(StopReason.GPU_IDLE)
    assert decide(replace(HOLDS, gpu=replace(longer, share=0.02))) == Keep()


@pytest.mark.parametrize(
    "gpu",
    [
        None,
        replace(UNUSED, worked=None, share=None),
        replace(UNUSED, worked=None, watched_since=None),
        replace(UNUSED, worked=None, watched_since=ago(600)),
    ],
    ids=["none", "unread", "never watched", "watched for a short while"],
)
def test_a_gpu_of_which_too_little_is_known_is_not_idle(gpu: GpuWork | None):
    assert decide(replace(HOLDS, gpu=gpu)) == Keep()


def test_more_time_is_more_time_and_ends():
    warned = replace(QUIET, last_use=ago(1.9 * HOUR))
    at = ago(1.9 * HOUR) + timedelta(hours=2)
    assert decide(warned) == Warn(StopReason.IDLE, at)
    asked = replace(warned, extended_until=ago(-2 * HOUR))
    assert decide(asked) == Keep()
    assert decide(replace(asked, now=ago(-1.7 * HOUR))) == Warn(StopReason.IDLE, ago(-2 * HOUR))
    assert decide(replace(asked, now=ago(-2 * HOUR))) == Cull(StopReason.IDLE)


@given(facts_of_any_server, moments)
def test_more_time_never_ends_a_server_sooner(facts: IdleFacts, until: datetime):
    before = decide(replace(facts, extended_until=None))
    after = decide(replace(facts, extended_until=until))
    if isinstance(after, Cull):
        assert isinstance(before, Cull)
    if isinstance(after, Warn) and isinstance(before, Warn):
        assert after.at >= before.at


@given(facts_of_any_server, st.none() | gpus)
def test_a_gpu_never_keeps_a_server_longer(facts: IdleFacts, gpu: GpuWork | None):
    without = decide(replace(facts, gpu=None))
    if isinstance(without, Cull):
        assert isinstance(decide(replace(facts, gpu=gpu)), Cull)


@given(facts_of_any_server)
def test_what_the_gpu_did_unseen_ends_nothing(facts: IdleFacts):
    unseen = replace(facts, gpu=GpuWork(None))
    assert decide(unseen) == decide(replace(facts, gpu=None))
