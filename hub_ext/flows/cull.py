"""Judges every running server at once, and writes down why some are to be stopped before they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub_ext.adapters.container_cpu import ContainerCpu, CpuReading
from hub_ext.adapters.hub_api import HubServer
from hub_ext.adapters.store import Tx, audit, extensions, launches
from hub_ext.flows import gpu_watch
from hub_ext.flows.launch.end import announce
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Launch, LaunchState, Verb
from hub_ext.policy import idle
from hub_ext.policy.idle import Cpu, Cull, GpuWork, IdleFacts, Kernel

CULLER = Actor(ActorKind.SERVICE, "culler")
# Servers report once a minute: after this long, what they said is no longer known.
REPORT_HOLDS = timedelta(minutes=5)
# A server that nobody uses holds its memory.
MOVED_BYTES = 64 * 1024**2
# Who is away stays away: after this long the stops are no fault of ours, and hold up others' GPUs.
BRAKE_HOLDS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A running launch and what is to become of its server."""

    launch: Launch
    verdict: idle.Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """What a server said of itself. `last_activity` None: its image does not tell."""

    kernels: tuple[Kernel, ...]
    last_activity: datetime | None


class CpuWatch:
    """CPU and memory of running launches between one sweep and the next. It forgets with the process."""

    def __init__(self, counters: ContainerCpu | None = None) -> None:
        self._counters = counters or ContainerCpu()
        self._seen: dict[str, tuple[CpuReading, Cpu]] = {}
        self._mem: dict[str, tuple[int, datetime | None]] = {}

    def moved(self, running: Iterable[Launch], now: datetime) -> dict[str, datetime]:
        """When the memory of each last grew or shrank by much, where that was seen."""
        containers = {launch.container_id: launch.id for launch in running if launch.container_id}
        seen: dict[str, tuple[int, datetime | None]] = {}
        for container_id, held in self._counters.memory(containers.keys()).items():
            before, when = self._mem.get(containers[container_id], (held, None))
            # Measured from where it last moved: what creeps moves in the end.
            moved = abs(held - before) >= MOVED_BYTES
            seen[containers[container_id]] = (held, now) if moved else (before, when)
        self._mem = seen
        return {launch_id: when for launch_id, (_, when) in seen.items() if when is not None}

    def look(self, running: Iterable[Launch], now: datetime) -> dict[str, Cpu]:
        """By launch id, since the last look. A launch whose counter cannot be read is left out."""
        containers = {launch.container_id: launch.id for launch in running if launch.container_id}
        seen = {}
        for container_id, reading in self._counters.read(containers.keys()).items():
            launch_id = containers[container_id]
            last, known = self._seen.get(launch_id, (None, None))
            share, window = None, timedelta()
            if last is not None and reading.at > last.at and reading.used >= last.used:
                share = (reading.used - last.used) / (reading.at - last.at)
                window = timedelta(seconds=reading.at - last.at)
            seen[launch_id] = (reading, idle.watched(known, share, now - window, now))
        self._seen = seen
        return {launch_id: cpu for launch_id, (_, cpu) in seen.items()}


@dataclass(frozen=True, slots=True)
class _Watched:
    """What is known beside the reports, each by launch id."""

    cpus: Mapping[str, Cpu]
    moved: Mapping[str, datetime]
    gpus: Mapping[str, GpuWork]
    extended: Mapping[str, datetime]


async def judge(
    site: Site,
    servers: tuple[HubServer, ...],
    reports: Mapping[str, Any],
    watch: CpuWatch,
) -> tuple[Judged, ...]:
    """A verdict for each ready server that belongs to a running launch of this node.

    `reports` are what servers said of their kernels, by launch id (`services.activity`). All launches are
    read in one snapshot of the store.
    """

    def read() -> tuple[Judged, ...]:
        gpu_work = gpu_watch.look(site, gpu_watch.shares(site))
        by_launch = {server.launch_id: server for server in servers if server.ready and not server.pending}
        with site.store.reading() as tx:
            running = [
                launch
                for launch in launches.listing(tx, node=site.settings.node, active=True)
                if launch.id in by_launch and launch.state is not LaunchState.ADMITTED
            ]
            now = site.now()
            watched = _Watched(
                cpus=watch.look(running, now),
                moved=watch.moved(running, now),
                gpus=gpu_work,
                extended=extensions.ends(tx, now),
            )
            return tuple(
                Judged(launch, idle.decide(_facts(site, launch, by_launch[launch.id], reports, watched)))
                for launch in running
            )

    return await asyncio.to_thread(read)


async def announce_culls(site: Site, judged: tuple[Judged, ...]) -> frozenset[str]:
    """Ids of launches to be stopped now, each with its reason written down.

    Where a sweep would stop too many servers at once, none is stopped for an hour, and that is on the record:
    a clock that jumped looks the same.
    """
    culls = {known.launch.id: known.verdict.reason for known in judged if isinstance(known.verdict, Cull)}
    if not culls:
        return frozenset()
    settings = site.settings
    too_many = idle.brake(
        culls, len(judged), share=settings.cull_brake_share, least=settings.cull_brake_least
    )

    def write() -> frozenset[str]:
        with site.store.transaction() as tx:
            if too_many and _braked(tx, site, len(culls), len(judged)):
                return frozenset()
            found = [launches.find(tx, launch_id) for launch_id in sorted(culls)]
            living = [launch for launch in found if launch is not None and launch.state.active]
            for launch in living:
                announce(tx, site, launch, culls[launch.id], CULLER)
            return frozenset(launch.id for launch in living)

    return await asyncio.to_thread(write)


def _braked(tx: Tx, site: Site, would_stop: int, running: int) -> bool:
    """Whether the brake holds now; its beginning is written down, and it holds for BRAKE_HOLDS."""
    now, node = site.now(), site.settings.node
    begun = audit.listing(tx, subject=node, verb=Verb.CULL_BRAKED, since=now - 2 * BRAKE_HOLDS)
    if begun:
        return max(event.time for event in begun) > now - BRAKE_HOLDS
    facts = {"would_stop": would_stop, "running": running}
    audit.append(tx, time=now, actor=CULLER, verb=Verb.CULL_BRAKED, subject=node, facts=facts)
    return True


def _facts(
    site: Site,
    launch: Launch,
    server: HubServer,
    reports: Mapping[str, Any],
    watched: _Watched,
) -> IdleFacts:
    now = site.now()
    said = report_of(reports.get(launch.id), now)
    return IdleFacts(
        now=now,
        started=launch.started,
        # The Hub counts what passes the proxy, and a tab that nobody looks at asks for kernels all day.
        last_activity=said.last_activity if said and said.last_activity else server.last_activity,
        kernels=said.kernels if said else None,
        cpu=watched.cpus.get(launch.id),
        idle_seconds=launch.idle_seconds,
        busy_ceiling_seconds=site.settings.busy_ceiling_seconds,
        gpu_idle_seconds=site.settings.gpu_idle_seconds,
        mem_moved=watched.moved.get(launch.id),
        gpu=watched.gpus.get(launch.id),
        extended_until=watched.extended.get(launch.id),
    )


def report_of(said: Mapping[str, Any] | None, now: datetime) -> Report | None:
    """A server's report; None where there is none, or one too old or too odd to be believed."""
    if said is None:
        return None
    try:
        if now - datetime.fromisoformat(said["reported"]) > REPORT_HOLDS:
            return None
        kernels = tuple(
            Kernel(
                known["state"],
                busy_since=_instant(known["busy_since"]),
                last_activity=_instant(known["last_activity"]),
            )
            for known in said["kernels"]
        )
        return Report(kernels, _instant(said.get("last_activity")))
    except (KeyError, TypeError, ValueError):
        return None  # what one server says must not end the sweep for all


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time without its zone")
    return when
