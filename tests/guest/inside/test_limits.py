"""A container's limits as the kernel has them, on cgroup v2 below systemd, and the events they bring."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.adapters.engine import ContainerEvent, Engine
from hub_ext.flows.launch.end import exit_of
from hub_ext.settings import MIB
from tests.attacks.cell import MEM_BYTES, PIDS, Body, weakened
from tests.guest.inside.conftest import Containers
from tests.support.patience import patient
from tests.support.until import until

REST = "import time\nprint('ready', flush=True)\ntime.sleep(3600)"
WORK = "print('ready', flush=True)\nwhile True: pass"
# The child is a kernel to the server that this process is: it takes more than there is, and is killed.
CHILD_TAKES_ALL = f"""
import os, sys, time
print("ready", flush=True)
time.sleep(1)
child = os.fork()
if not child:
    held = [b"x" * 2**20 for _ in range({2 * MEM_BYTES // MIB})]
    os._exit(0)
print("child ended by signal", os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)
for _ in range(3000):
    time.sleep(0.1)
    if os.path.exists("/tmp/end"):
        sys.exit(0)
"""
FORKS = f"""
import os, time
print("ready", flush=True)
made = 0
try:
    while made < {3 * PIDS}:
        if not os.fork():
            time.sleep(3600)
        made += 1
except BlockingIOError:
    print("refused after", made, flush=True)
time.sleep(3600)
"""


def counted(group: Path, file: str) -> dict[str, int]:
    """The counters of a control group's file of events."""
    lines = (line.split() for line in (group / file).read_text().splitlines())
    return {name: int(count) for name, count in lines}


def unlimited(body: Body) -> None:
    for key in ("Memory", "MemorySwap", "PidsLimit", "NanoCpus"):
        body["HostConfig"][key] = 0


def limits(group: Path) -> dict[str, str]:
    names = ("memory.max", "memory.swap.max", "pids.max", "cpu.max")
    return {name: (group / name).read_text().strip() for name in names}


async def test_the_kernel_has_our_limits_and_no_swap(containers: Containers, body: Body) -> None:
    _, group = await containers.begin(body, REST)
    assert limits(group) == {
        "memory.max": str(MEM_BYTES),
        "memory.swap.max": "0",
        "pids.max": str(PIDS),
        "cpu.max": "100000 100000",
    }


async def test_control_a_container_without_limits(containers: Containers, body: Body) -> None:
    _, group = await containers.begin(weakened(body, unlimited), REST)
    assert limits(group)["memory.max"] == limits(group)["memory.swap.max"] == "max"
    assert limits(group)["cpu.max"].startswith("max")


@pytest.mark.parametrize("swap", [False, True], ids=["ours", "control"])
async def test_memory_does_not_go_to_swap(containers: Containers, body: Body, swap: bool) -> None:
    def with_swap(weak: Body) -> None:
        weak["HostConfig"]["MemorySwap"] = 3 * MEM_BYTES

    take = (
        f"held = [b'x' * 2**20 for _ in range({3 * MEM_BYTES // 2 // MIB})]; print('all taken', flush=True)"
    )
    asked = weakened(body, with_swap) if swap else body
    name = await containers.create(asked, take)
    await containers.engine.start(name)
    ended = await containers.end(name)
    assert ("all taken" in await containers.engine.logs_tail(name)) is swap
    assert ended["State"]["OOMKilled"] is not swap


async def test_a_kernel_that_dies_by_memory_is_told_and_its_server_lives(
    engine: Engine, containers: Containers, body: Body
) -> None:
    heard: list[ContainerEvent] = []

    async def listen() -> None:
        async for event in engine.events({"io.hub-ext.launch": body["Labels"]["io.hub-ext.launch"]}):
            heard.append(event)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(1)
    name, group = await containers.begin(body, CHILD_TAKES_ALL)
    await containers.printed(name, "child ended by signal 9")
    assert counted(group, "memory.events")["oom_kill"] == 1
    await until(lambda: [event.action for event in heard] == ["start", "oom"])
    state = (await containers.record(name))["State"]
    assert (state["Running"], state["OOMKilled"]) == (True, True)
    # The server ends later, of its own accord: that was not for want of memory.
    await engine.stop(name, round(patient(5)))
    listening.cancel()
    ended = exit_of(await containers.record(name))
    assert not ended.out_of_memory, ended


async def test_a_fork_too_many_is_refused_and_counted(containers: Containers, body: Body) -> None:
    name, group = await containers.begin(body, FORKS)
    await containers.printed(name, "refused after")
    assert counted(group, "pids.events")["max"] >= 1
    assert int((group / "pids.current").read_text()) <= PIDS
    assert (await containers.record(name))["State"]["Running"]


async def test_cpu_is_a_witness_without_a_walk_of_the_tree(
    containers: Containers, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(*_: object) -> None:
        raise AssertionError("the tree was walked")

    monkeypatch.setattr(ContainerCpu, "_walk", walk)
    other = {**body, "Labels": {**body["Labels"], "io.hub-ext.launch": "lau-rests"}}
    groups = [(await containers.begin(asked, code))[1] for asked, code in ((body, WORK), (other, REST))]
    works, rests = (group.name.removeprefix("docker-").removesuffix(".scope") for group in groups)
    counters = ContainerCpu()
    before = counters.read([works, rests])
    began = datetime.now(UTC)
    await asyncio.sleep(4)
    after = counters.read([works, rests])
    used = {known: after[known].used - before[known].used for known in (works, rests)}
    assert used[works] > 0.2 * (datetime.now(UTC) - began).total_seconds()
    assert used[rests] < used[works] / 5
    held = counters.memory([works, rests])
    assert all(0 < held[known] < MEM_BYTES for known in (works, rests))
