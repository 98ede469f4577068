"""Judges every running server at once, and writes down why some are to be stopped before they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_ext.adapters.container_cpu import ContainerCpu, CpuReading
from hub_ext.adapters.hub_api import HubServer
from hub_ext.adapters.store import Tx, audit, extensions, launches, server_uses
from hub_ext.flows import gpu_watch, kernel_round
from hub_ext.flows.kernel_round import Activity
from hub_ext.flows.launch.end import announce
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Launch, LaunchState, Verb
from hub_ext.policy import idle
from hub_ext.policy.idle import Cpu, Cull, GpuWork, IdleFacts

CULLER = Actor(ActorKind.SERVICE, "culler")
# A server that nobody uses holds its memory.
MOVED_BYTES = 64 * 1024**2
# Who is away stays away: after this long the stops are no fault of ours, and hold up others' GPUs.
BRAKE_HOLDS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A running launch and what is to become of its server."""

    launch: Launch
    verdict: idle.Verdict


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
class _Signs:
    """The signs of life of all running launches, each by launch id."""

    last_uses: Mapping[str, datetime]
    activities: Mapping[str, Activity]
    busy_since: Mapping[str, datetime]
    cpus: Mapping[str, Cpu]
    moved: Mapping[str, datetime]
    gpus: Mapping[str, GpuWork]
    extended: Mapping[str, datetime]


async def judge(site: Site, servers: tuple[HubServer, ...], watch: CpuWatch) -> tuple[Judged, ...]:
    """A verdict for each ready server that belongs to a running launch of this node.

    All of them are asked what their kernels do (`kernel_round`).
    """
    running = await asyncio.to_thread(_running, site, servers)
    activities = await kernel_round.ask(site, running)

    def verdicts() -> tuple[Judged, ...]:
        now = site.now()
        gpus = gpu_watch.look(site, gpu_watch.shares(site))
        busy = kernel_round.busy_starts(site, running, activities, now)
        with site.store.reading() as tx:
            last_uses, extended = server_uses.last(tx), extensions.ends(tx, now)
        cpus, moved = watch.look(running, now), watch.moved(running, now)
        signs = _Signs(last_uses, activities, busy, cpus, moved, gpus, extended)
        return tuple(Judged(launch, idle.decide(_facts(site, launch, signs, now))) for launch in running)

    return await asyncio.to_thread(verdicts)


def _running(site: Site, servers: tuple[HubServer, ...]) -> tuple[Launch, ...]:
    ready = {server.launch_id for server in servers if server.ready and not server.pending}
    with site.store.reading() as tx:
        active = launches.listing(tx, node=site.settings.node, active=True)
    return tuple(
        launch for launch in active if launch.id in ready and launch.state is not LaunchState.ADMITTED
    )


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


def _facts(site: Site, launch: Launch, signs: _Signs, now: datetime) -> IdleFacts:
    return IdleFacts(
        now=now,
        started=launch.started or launch.admitted,
        last_use=signs.last_uses.get(launch.id),
        activity=signs.activities[launch.id],
        busy_since=signs.busy_since.get(launch.id),
        cpu=signs.cpus.get(launch.id),
        idle_seconds=launch.idle_seconds,
        busy_ceiling_seconds=site.settings.busy_ceiling_seconds,
        gpu_idle_seconds=site.settings.gpu_idle_seconds,
        mem_moved=signs.moved.get(launch.id),
        gpu=signs.gpus.get(launch.id),
        extended_until=signs.extended.get(launch.id),
    )
