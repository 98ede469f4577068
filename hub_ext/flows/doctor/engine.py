"""The engine, its closed network seen from outside and from inside, and its disk."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub_ext.adapters.engine import check_firewall, gateway
from hub_ext.adapters.host import kernel_has_apparmor
from hub_ext.flows import disk
from hub_ext.flows.doctor.finding import Finding, fail, ok, warn
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase
from hub_ext.settings import GIB

OLDEST_ENGINE = 26
PROBE_PYTHON = "/opt/hub-ext/venv/bin/python"
PROBE_UID = 65534
# TEST-NET-1 (RFC 5737) belongs to nobody: a container without a way out has no route to it.
NOWHERE = "192.0.2.1:443"
_AGAIN = "Start hub-ext again: it makes the network and puts the rules back."


async def check(site: Site) -> tuple[Finding, ...]:
    """The engine answers, is new enough, and can do what a launch needs of it."""
    version, info = await asyncio.gather(site.engine.version(), site.engine.info())
    return (_version(version), _seccomp(info), _live_restore(info))


def _version(version: dict[str, Any]) -> Finding:
    text = str(version.get("Version", ""))
    if text.split(".")[0].isdigit() and int(text.split(".")[0]) >= OLDEST_ENGINE:
        return ok("engine", "Docker {version}", version=text)
    return fail(
        "engine",
        "Docker {version} lacks recursive read-only mounts",
        "Install Docker {oldest} or newer.",
        version=text or "?",
        oldest=OLDEST_ENGINE,
    )


def _seccomp(info: dict[str, Any]) -> Finding:
    options = tuple(str(option) for option in info.get("SecurityOptions") or ())
    if "name=seccomp,profile=builtin" in options:
        return ok("seccomp", "{options}", options=options)
    return fail(
        "seccomp",
        "{options}",
        "Start the engine with its built-in seccomp profile.",
        options=options or Phrase("off"),
    )


def _live_restore(info: dict[str, Any]) -> Finding:
    if info.get("LiveRestoreEnabled"):
        return ok("live-restore", "sessions outlive a restart of the engine")
    return warn("live-restore", "a restart of the engine ends every session", 'Set "live-restore": true.')


async def check_network(site: Site) -> tuple[Finding, ...]:
    """The closed network is as it must be, and the firewall rules on its bridge are all there."""
    network, rules = await asyncio.gather(
        site.engine.check_network(), asyncio.to_thread(check_firewall, site.settings)
    )
    return (
        fail("network", "{problems}", _AGAIN, problems=network)
        if network
        else ok("network", "{name} is closed", name=site.settings.network_name),
        fail("firewall", "{problems}", _AGAIN, problems=rules)
        if rules
        else ok("firewall", "nothing of this host is open to notebooks"),
    )


async def check_isolation(site: Site) -> tuple[Finding, ...]:
    """What a container on the closed network reaches, tried from inside one."""
    settings = site.settings
    if not settings.seed_image:
        return (warn("isolation", "cannot be verified: no seed image", "Run `make images`."),)
    inside = gateway(settings)
    with _listener() as port:
        closed = [
            f"{inside}:{settings.hub_port}",
            f"{inside}:{port}",
            NOWHERE,
            *(known.address for known in settings.registries),
        ]
        probe = await site.engine.run_probe(
            settings.seed_image,
            [PROBE_PYTHON, "-c", _script(), inside, *closed],
            uid=PROBE_UID,
            gid=PROBE_UID,
            network=settings.network_name,
        )
    try:
        seen = json.loads(probe.output)
    except ValueError:
        return (
            warn("isolation", "cannot be verified: {said!r}", "Run `make images`.", said=probe.output[-200:]),
        )
    return (_reached(seen, len(closed)), _apparmor(seen["apparmor"], kernel_has_apparmor()))


def _reached(seen: dict[str, Any], targets: int) -> Finding:
    reached = [target for target, how in seen["closed"].items() if how in ("open", "refused")]
    if reached or seen["ipv6"]:
        return fail(
            "isolation",
            "a notebook reaches {targets}",
            "Stop all sessions, then start hub-ext again: it puts the firewall rules back.",
            targets=(*reached, *map(str, seen["ipv6"])),
        )
    if not seen["address"]:
        # From a container without a network all is closed, and nothing is proven.
        return fail("isolation", "the probe was not on the closed network", "Start hub-ext again.")
    return ok("isolation", "from inside: {count} targets tried, nothing is reached", count=targets)


def _apparmor(profile: str, in_kernel: bool) -> Finding:
    """Seen from inside: an engine that cannot load its profile says that it has AppArmor all the same."""
    if not in_kernel:
        return ok("apparmor", "this kernel has none")
    if profile in ("", "unconfined"):
        return warn(
            "apparmor",
            "the kernel has it, but containers run without a profile",
            "Install the package apparmor, then restart the engine.",
        )
    return ok("apparmor", "{profile}", profile=profile)


def _script() -> str:
    return Path(__file__).with_name("isolation.py").read_text()


@contextmanager
def _listener() -> Iterator[int]:
    """A port on every address of this host that would answer, were it let through."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        yield server.getsockname()[1]


_ROOM = "{free} GiB free, {reserve} GiB kept in reserve"
_FULL = "No server starts until there is room: remove images or old volumes."
_STATE_FULL = "No server starts until there is room in {state}; without any, nothing is recorded."


async def check_disk(site: Site) -> tuple[Finding, ...]:
    """There is room for homes and images beyond the reserve."""
    engine, state = await disk.free_bytes(site)
    reserve = site.settings.disk_reserve_bytes
    if engine is None or state is None:
        return (warn("disk", "free room cannot be measured", "See that the engine runs on this machine."),)
    free = min(engine, state)
    room = {"free": round(free / GIB, 1), "reserve": round(reserve / GIB, 1)}
    if state < min(engine, reserve):
        return (fail("disk", _ROOM, _STATE_FULL, state=str(site.settings.state_dir), **room),)
    if free < reserve:
        return (fail("disk", _ROOM, _FULL, **room),)
    if free < 2 * reserve:
        return (warn("disk", _ROOM, "Make room soon: below the reserve no server starts.", **room),)
    return (ok("disk", _ROOM, **room),)
