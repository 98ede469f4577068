"""What a hardened container may not ask of the kernel, and what it may not use up.

Each line of HARDENING takes one thing away from the body: the probe that it protects must then turn.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.expression.docker import OPEN_FILES
from hub_ext.settings import MIB
from tests.attacks.cell import (
    GID,
    INSIDE,
    MEM_BYTES,
    PIDS,
    READ_GID,
    UID,
    Body,
    Ground,
    Seen,
    begin,
    end,
    hardened,
    run,
    weakened,
)

CALLS = tuple(re.findall(r"def call_(\w+)", INSIDE))
NO_CAPABILITIES = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16)


def put(key: str, value: object) -> Callable[[Body], None]:
    """Sets a key of HostConfig."""
    return lambda body: body["HostConfig"].__setitem__(key, value)


def drop(key: str) -> Callable[[Body], None]:
    """Takes a key of HostConfig away."""
    return lambda body: body["HostConfig"].pop(key)


def both(*changes: Callable[[Body], None]) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        for one in changes:
            one(body)

    return change


def as_root(body: Body) -> None:
    body["User"] = "0:0"


def tmpfs(old: str, new: str) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        held = body["HostConfig"]["Tmpfs"]
        assert old in held["/tmp"]
        held["/tmp"] = held["/tmp"].replace(old, new)

    return change


def host(kind: str) -> str:
    """The host's own namespace of a kind."""
    return os.readlink(f"/proc/self/ns/{kind}")


@dataclass(frozen=True)
class Key:
    """A hardening key: what takes it away, the probe that notices, and what it returns where it is there."""

    weaken: Callable[[Body], None]
    probe: list[Any]
    holds: Callable[[Any], bool]


HARDENING = {
    "CapDrop": Key(drop("CapDrop"), ["status"], lambda seen: seen.items() >= NO_CAPABILITIES.items()),
    "CapAdd": Key(
        put("CapAdd", ["NET_RAW"]), ["status"], lambda seen: seen.items() >= NO_CAPABILITIES.items()
    ),
    "no-new-privileges": Key(drop("SecurityOpt"), ["status"], lambda seen: seen["NoNewPrivs"] == "1"),
    "no-new-privileges, setuid": Key(
        drop("SecurityOpt"),
        ["setuid_helper", "/home/jovyan/setuid-id"],
        lambda seen: seen == str(UID),
    ),
    "seccomp": Key(
        put("SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]),
        ["call", "unshare_user"],
        lambda seen: seen == "EPERM",
    ),
    "User": Key(as_root, ["identity"], lambda seen: seen == [[UID] * 3, [GID] * 3, sorted([GID, READ_GID])]),
    "GroupAdd": Key(put("GroupAdd", ["0"]), ["identity"], lambda seen: 0 not in seen[2]),
    "ReadonlyRootfs": Key(
        put("ReadonlyRootfs", False), ["create", "/var/tmp/x"], lambda seen: seen == "EROFS"
    ),
    "IpcMode": Key(put("IpcMode", "host"), ["namespaces"], lambda seen: seen["ipc"] != host("ipc")),
    "UTSMode": Key(
        both(put("UTSMode", "host"), lambda body: body.pop("Hostname")),
        ["namespaces"],
        lambda seen: seen["uts"] != host("uts"),
    ),
    "CgroupnsMode": Key(
        put("CgroupnsMode", "host"), ["namespaces"], lambda seen: seen["cgroup"] != host("cgroup")
    ),
    "PidMode": Key(put("PidMode", "host"), ["namespaces"], lambda seen: seen["pid"] != host("pid")),
    "NetworkMode": Key(
        both(put("NetworkMode", "host"), lambda body: body.pop("NetworkingConfig")),
        ["namespaces"],
        lambda seen: seen["net"] != host("net"),
    ),
    "Init": Key(put("Init", False), ["first_process"], lambda seen: seen == "docker-init"),
    "Ulimits core": Key(drop("Ulimits"), ["limits"], lambda seen: seen["core"] == 0),
    "Ulimits nofile": Key(drop("Ulimits"), ["limits"], lambda seen: seen["nofile"] == OPEN_FILES),
    "PidsLimit": Key(drop("PidsLimit"), ["forks", 3 * PIDS], lambda seen: seen < PIDS),
    "ShmSize": Key(put("ShmSize", 64 * MIB), ["fill", "/dev/shm/x", 16 * MIB], lambda seen: seen == "ENOSPC"),
    "Tmpfs size": Key(
        tmpfs(f"size={16 * MIB}", f"size={64 * MIB}"),
        ["fill", "/tmp/x", 32 * MIB],
        lambda seen: seen == "ENOSPC",
    ),
    "Tmpfs nosuid": Key(tmpfs("nosuid", "suid"), ["mounts"], lambda seen: "nosuid" in seen["/tmp"]),
    "Tmpfs nodev": Key(tmpfs("nodev", "dev"), ["mounts"], lambda seen: "nodev" in seen["/tmp"]),
    "Devices": Key(
        put(
            "Devices",
            [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/extra", "CgroupPermissions": "rw"}],
        ),
        ["devices"],
        lambda seen: set(seen) <= USUAL_DEVICES,
    ),
    "Privileged": Key(put("Privileged", True), ["devices"], lambda seen: set(seen) <= USUAL_DEVICES),
}
USUAL_DEVICES = {
    *("core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm"),
    *("stderr", "stdin", "stdout", "tty", "urandom", "zero"),
}


@pytest.fixture(scope="module")
def ours() -> dict[str, Seen]:
    """What all probes return in the hardened container: one run serves them all."""
    return {}


@pytest.mark.parametrize("name", HARDENING)
async def test_each_key_holds_and_is_missed(
    engine: Engine, ground: Ground, ours: dict[str, Seen], name: str
) -> None:
    if not ours:
        probes = {name: key.probe for name, key in HARDENING.items()}
        ours["seen"] = await run(engine, hardened(ground), probes)
    key = HARDENING[name]
    held = ours["seen"][name]
    assert key.holds(held), held
    weak = await run(engine, weakened(hardened(ground), key.weaken), {"probe": key.probe})
    assert not key.holds(weak["probe"]), f"the probe does not notice that {name} is gone: {weak['probe']}"


def powerful(body: Body) -> None:
    """Root with every capability and no filter."""
    body["User"] = "0:0"
    body["HostConfig"]["Privileged"] = True
    body["HostConfig"]["SecurityOpt"] = ["seccomp=unconfined", "apparmor=unconfined"]


async def test_the_kernel_refuses_what_would_undo_the_walls(engine: Engine, ground: Ground) -> None:
    probes: dict[str, list[Any]] = {call: ["call", call] for call in CALLS}
    seen = await run(engine, hardened(ground), probes)
    refused = {**dict.fromkeys(CALLS, "EPERM"), "renice": "EACCES"}
    assert {call: seen[call] for call in CALLS} == refused
    weak = await run(engine, weakened(hardened(ground), powerful), probes)
    assert {call: weak[call] for call in CALLS} == dict.fromkeys(CALLS, "done")


@pytest.mark.parametrize("limit", [MEM_BYTES, 0], ids=["ours", "control"])
async def test_memory_ends_the_server_and_its_end_says_so(engine: Engine, ground: Ground, limit: int) -> None:
    change = both(put("Memory", limit), put("MemorySwap", limit))
    body = weakened(hardened(ground), change)
    seen = await run(engine, body, {"allocate": ["allocate", 2 * MEM_BYTES]})
    if limit:
        assert (seen.record["OOMKilled"], seen.record["ExitCode"], dict(seen.told)) == (True, 137, {})
    else:
        assert (seen.record["OOMKilled"], seen["allocate"]) == (False, 2 * MEM_BYTES)


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "control"])
async def test_a_flood_of_words_does_not_fill_the_disk(engine: Engine, ground: Ground, ours: bool) -> None:
    change = (lambda body: None) if ours else put("LogConfig", {"Type": "json-file", "Config": {}})
    body = weakened(hardened(ground), change)
    name = await _flooded(engine, body)
    try:
        record = await engine.inspect(name)
        assert record is not None
        kept = sum(path.stat().st_size for path in _logs(record["LogPath"]))
    finally:
        await engine.remove(name)
    assert (kept <= 1.1 * MIB) is ours, kept


async def _flooded(engine: Engine, body: Body) -> str:
    name = await begin(engine, body, {"flood": ["flood", 8 * MIB]})
    await end(engine, name)
    return name


def _logs(path: str) -> list[Path]:
    return list(Path(path).parent.glob(f"{Path(path).name}*"))
