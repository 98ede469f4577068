"""What the engine alone bears: starts a second, what a container costs, ports of one bridge.

The containers are stubs with the closed network and the limits of a notebook server, without volumes; the
Hub has no part in it. The bridge is one of a network namespace that is gone afterwards.
"""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker

from bench import figures
from bench.processes import MIB, available_bytes, busy_seconds, cpu_seconds, named, pss_bytes_of
from bench.run import Run

AT_ONCE = (1, 2, 4, 8)
_PORTS_TRIED = 1100
_STEP = 100


async def measure(run: Run) -> None:
    """scale.engine, scale.bridge."""
    each, most = (8, 24) if run.quick else (32, 200)
    scale = run.figures.setdefault("scale", {})
    scale["engine"] = await asyncio.to_thread(_engine, run, each, most)
    run.say("Ports of a bridge")
    bridge = await asyncio.to_thread(_bridge)
    if bridge:
        scale["bridge"] = bridge
    else:
        run.missing["scale.bridge"] = "this user may make no network namespace (unshare --net)"


def _engine(run: Run, each: int, most: int) -> dict[str, Any]:
    client: Any = docker.APIClient(base_url=run.house.docker.url, version="auto", num_pools=max(AT_ONCE))
    host = {
        "Init": True,
        "CapDrop": ["ALL"],
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": "rw,size=16m", "/run": "rw,size=16m"},  # noqa: S108
        "Memory": 256 * MIB,
        "PidsLimit": 1024,
        "NetworkMode": f"{run.house.chosen.instance}-net",
    }
    body = {
        "Image": run.house.stub("answer"),
        "Cmd": ["/opt/hub-ext/start", "jupyter-lab"],
        "User": "40000:40000",
        # Without the instance's label: the reconciler would remove what belongs to no launch.
        "HostConfig": host,
    }
    made: list[str] = []

    def start(_: int) -> float:
        began = time.monotonic()
        name = f"{run.house.chosen.instance}-rate-{secrets.token_hex(6)}"
        client.create_container_from_config(body, name)
        made.append(name)
        client.start(name)
        return time.monotonic() - began

    def remove(name: str) -> None:
        client.remove_container(name, force=True)

    def together(number: int, threads: int) -> tuple[list[float], float]:
        began = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            took = list(pool.map(start, range(number)))
        return took, time.monotonic() - began

    def remove_all() -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(max(AT_ONCE)) as pool:
            list(pool.map(remove, made))
        count = len(made)
        made.clear()
        return round(count / (time.monotonic() - began), 2)

    found: dict[str, Any] = {}
    try:
        for threads in AT_ONCE:
            run.say(f"The engine alone, {threads} at once")
            took, whole = together(each, threads)
            found[f"at_once_{threads}"] = {
                "starts_per_second": round(each / whole, 2),
                **figures.spread("one", took),
                "removals_per_second": remove_all(),
            }
        run.say(f"The engine alone, {most} containers")
        found[f"grown_{most}"] = _grown(together, most)
        found[f"grown_{most}"]["removals_per_second"] = remove_all()
    finally:
        remove_all()
        client.close()
    return found


def _grown(together: Any, most: int) -> dict[str, Any]:
    """Two at a time up to so many: the first starts beside the last, and what each container takes."""
    part = max(8, most // 10)
    shims, free = set(named("containerd-shim-runc-v2")), available_bytes()
    engine = {name: pid for name in ("dockerd", "containerd") for pid in named(name)}
    used = {name: cpu_seconds(pid) for name, pid in engine.items()}
    busy = busy_seconds()
    first, _ = together(part, 2)
    together(most - 2 * part, 2)
    last, _ = together(part, 2)
    new = set(named("containerd-shim-runc-v2")) - shims
    told: dict[str, Any] = {
        "containers": most,
        **figures.spread("first", first),
        **figures.spread("last", last),
        "machine_cpu_s_each": round((busy_seconds() - busy) / most, 3),
        "machine_mib_each": round((free - available_bytes()) / most / MIB, 2),
    }
    # Some may be of other containers of this engine, and gone again.
    if held := pss_bytes_of(new):
        told["shim_pss_mib_each"] = round(figures.median(held) / MIB, 2)
    for name, pid in engine.items():
        told[f"{name}_cpu_s_each"] = round((cpu_seconds(pid) - used[name]) / most, 4)
    return told


def _bridge() -> dict[str, Any]:
    """How many ports one takes, and milliseconds to join it when it has few and when it has many.

    {} where no namespace may be made.
    """
    script = "; ".join(
        ["set -e", "ip link add br0 type bridge", "ip link set br0 up"]
        + [
            f"for i in $(seq {low} {low + _STEP - 1}); do echo link add a$i type veth peer name b$i; done"
            " | ip -batch -; s=$(date +%s%N); "
            f"for i in $(seq {low} {low + _STEP - 1}); do echo link set a$i up master br0; done"
            " | ip -force -batch - || true; echo $(( $(date +%s%N) - s ))"
            for low in range(0, _PORTS_TRIED, _STEP)
        ]
        + ["ip -o link show master br0 | wc -l"]
    )
    done = subprocess.run(["unshare", "--net", "bash", "-c", script], capture_output=True, text=True)
    if done.returncode:
        return {}
    *nanoseconds, ports = map(int, done.stdout.split())
    whole = [taken / _STEP / 1e6 for taken in nanoseconds]
    return {
        "ports": ports,
        "first_join_ms": round(whole[0], 3),
        "last_join_ms": round(whole[ports // _STEP - 1], 3),
        "refusal": next((line for line in done.stderr.splitlines() if "RTNETLINK" in line), ""),
    }
