"""Keep, warn or cull: the unknown and the busy are never idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import StopReason
from hub_ext.policy.idle import (
    IDLE_CPU_SHARE,
    Cpu,
    Cull,
    GpuWork,
    IdleFacts,
    Keep,
    Kernel,
    Warn,
    brake,
    decide,
    watched,
)

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR = 3600


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


QUIET = IdleFacts(
    now=NOW,
    started=ago(10 * HOUR),
    last_activity=ago(3 * HOUR),
    kernels=(Kernel("idle", last_activity=ago(3 * HOUR)),),
    cpu=Cpu(0.0),
    idle_seconds=2 * HOUR,
    busy_ceiling_seconds=48 * HOUR,
)
BUSY = replace(QUIET, kernels=(Kernel("busy", busy_since=ago(5 * HOUR)),))

moments = st.integers(-10 * HOUR, 100 * HOUR).map(ago)
kernels = st.builds(
    Kernel,
    state=st.sampled_from(["busy", "idle", "starting", "unknown"]),
    busy_since=st.none() | moments,
    last_activity=st.none() | moments,
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
    started=st.none() | moments,
    last_activity=st.none() | moments,
    kernels=st.none() | st.lists(kernels, max_size=3).map(tuple),
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
    assert decide(replace(QUIET, kernels=())) == Cull(StopReason.IDLE)


def test_before_the_limit_comes_a_warning_that_says_when():
    facts = replace(QUIET, last_activity=ago(1.9 * HOUR), kernels=())
    assert decide(facts) == Warn(StopReason.IDLE, ago(1.9 * HOUR) + timedelta(hours=2))
    assert decide(replace(facts, last_activity=ago(HOUR))) == Keep()


def test_a_busy_kernel_is_not_idle_however_silent():
    assert decide(BUSY) == Keep()


def test_one_busy_kernel_keeps_the_idle_ones():
    assert decide(replace(BUSY, kernels=(*BUSY.kernels, *QUIET.kernels))) == Keep()


def test_busy_beyond_the_ceiling_is_stopped():
    facts = replace(BUSY, kernels=(Kernel("busy", busy_since=ago(48 * HOUR)),))
    assert decide(facts) == Cull(StopReason.BUSY_CEILING)
    assert decide(replace(facts, busy_ceiling_seconds=49 * HOUR)) == Warn(StopReason.BUSY_CEILING, ago(-HOUR))


@pytest.mark.parametrize(
    "unknown",
    [
        {"kernels": None},
        {"last_activity": None},
        {"cpu": Cpu(IDLE_CPU_SHARE, worked=NOW, working_since=ago(HOUR))},
        {"cpu": Cpu()},
        {"last_activity": ago(-HOUR)},
        {"started": ago(-HOUR)},
        {"kernels": (Kernel("idle", last_activity=ago(-HOUR)),)},
        {"kernels": (Kernel("busy"),)},
        {"kernels": (*QUIET.kernels, Kernel("unknown", last_activity=ago(9 * HOUR)))},
    ],
    ids=[
        "no report",
        "no activity",
        "uses the CPU",
        "CPU not yet known",
        "activity ahead",
        "start ahead",
        "kernel ahead",
        "since?",
        "state?",
    ],
)
def test_what_is_unknown_or_impossible_is_never_idle(unknown: dict):
    assert decide(replace(QUIET, **unknown)) == Keep()


def test_where_the_cpu_cannot_be_read_the_kernels_decide_alone():
    assert decide(replace(QUIET, cpu=None)) == Cull(StopReason.IDLE)
    assert decide(replace(QUIET, cpu=None, kernels=None)) == Keep()


def test_a_quiet_cpu_is_no_witness_that_a_server_is_idle():
    assert decide(replace(QUIET, kernels=None)) == Keep()
    assert decide(BUSY) == Keep()


def test_a_job_that_rests_is_idle_when_it_has_rested_as_long_as_anybody_may():
    rests = Cpu(0.0, worked=ago(HOUR))
    assert decide(replace(QUIET, cpu=rests)) == Keep()
    assert decide(replace(QUIET, cpu=replace(rests, worked=ago(2 * HOUR)))) == Cull(StopReason.IDLE)


@pytest.mark.parametrize(
    ("heard", "working"),
    [(1, 48), (48, 48), (48, 1)],
    ids=["though somebody was there", "alone", "though we began to look an hour ago"],
)
def test_a_job_of_the_terminal_ends_at_the_ceiling_too(heard: int, working: int):
    cpu = Cpu(1.0, worked=NOW, working_since=ago(working * HOUR))
    facts = replace(QUIET, cpu=cpu, kernels=(), last_activity=ago(heard * HOUR), started=ago(50 * HOUR))
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
    signs = [facts.last_activity, facts.started, *(kernel.last_activity for kernel in facts.kernels or ())]
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
    warned = replace(QUIET, last_activity=ago(1.9 * HOUR), kernels=())
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
