"""Computing inside our hardened container against the bare host: the same program, libraries and files.

The container is a real launch of the Python image with a dataset. Inside, the program is a process of that
container, as a kernel is: its namespaces, control group, seccomp filter and dropped capabilities. On the host
it is the same program with the container's root as its root (chroot) and none of these. Both take turns.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

from bench import figures
from bench.machine import cores
from bench.ours import DATASET
from bench.run import Run

# Felter et al., An updated performance comparison of virtual machines and Linux containers (2015).
PUBLISHED = {
    "linpack, GFLOPS": {"native": 290.8, "docker": 290.9, "kvm_tuned": 284.0},
    "stream_triad, GB/s": {"native": 45.6, "docker": 45.6, "kvm": 45.0},
    "read_random, IOPS": {"native": 84044, "docker": 84092, "kvm": 46173},
}
UNITS = {
    "linpack": "GFLOP/s",
    "stream_triad": "GB/s",
    "random_access": "million a second",
    "read_sequential": "MB/s",
    "read_cached": "MB/s",
    "read_random": "IOPS",
}
_FILE_BYTES = 192 * 1024**2
_PYTHON = "/opt/python/bin/python"
_PROGRAM = Path(__file__).with_name("computing_program.py").read_text(encoding="utf-8")


async def measure(run: Run) -> None:
    """container_vs_host."""
    visitor = await run.ours.visitor("one")
    held = run.house.layout.state / "datasets" / DATASET / "1" / "measured.bin"
    await asyncio.to_thread(_fill, held)
    await run.ours.started(visitor, "python")
    try:
        found = await asyncio.to_thread(_take_turns, run, run.ours.container(visitor.name))
    finally:
        await visitor.stop()
        held.unlink()
    run.figures["container_vs_host"] = {
        name: round(figures.median(inside) / figures.median(outside), 4)
        for name, (inside, outside) in found.items()
    }
    run.figures["computing"] = {
        name: {
            "unit": UNITS[name],
            "container": round(figures.median(inside), 2),
            "host": round(figures.median(outside), 2),
            "container_range": [round(min(inside), 2), round(max(inside), 2)],
            "host_range": [round(min(outside), 2), round(max(outside), 2)],
            "rounds": len(inside),
        }
        for name, (inside, outside) in found.items()
    }
    run.figures["published"] = PUBLISHED


def _fill(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(_FILE_BYTES // 2**20):
            file.write(secrets.token_bytes(2**20))
    path.chmod(0o644)


def _take_turns(run: Run, container: str) -> dict[str, tuple[list[float], list[float]]]:
    host = ["docker", "-H", run.house.docker.url]
    told = subprocess.run([*host, "inspect", container], check=True, capture_output=True, text=True)
    inspected = json.loads(told.stdout)[0]
    uid, _, gid = str(inspected["Config"]["User"]).partition(":")
    groups = ",".join([gid, *(inspected["HostConfig"]["GroupAdd"] or ())])
    threads = f"--env=OPENBLAS_NUM_THREADS={cores()}"
    inside = [*host, "exec", "--interactive", threads, container, _PYTHON, "-", _file()]
    outside = [
        *("setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={groups}"),
        *(_PYTHON, "-", _file()),
    ]
    # As root first: who leaves root may not change the root any more.
    outside = ["chroot", f"/proc/{inspected['State']['Pid']}/root", *outside]
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in UNITS}
    rounds = 3 if run.quick else 9
    for number in range(rounds):
        run.say(f"Computing, round {number + 1} of {rounds}")
        turns = ((0, inside), (1, outside))
        for place, command in turns if number % 2 else reversed(turns):
            for name, value in _run(command).items():
                taken[name][place].append(value)
    return taken


def _file() -> str:
    return f"/data/{DATASET}/measured.bin"


def _run(command: list[str]) -> dict[str, float]:
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp"}  # noqa: S108
    environment |= {"OPENBLAS_NUM_THREADS": str(cores())}
    done = subprocess.run(command, input=_PROGRAM, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    held: dict[str, Any] = json.loads(done.stdout)
    return {name: float(value) for name, value in held.items()}
