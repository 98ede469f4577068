"""Sessions under way, with what each uses; one stopped with a reason that its owner reads.

Nothing here asks the engine or a server: rights and times are the store's, where the gate writes down who
uses a server and the culler which one computes; CPU and memory are the host's counters, and what GPUs do is
their driver's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_ext.adapters.container_cpu import ContainerCpu, CpuReading
from hub_ext.adapters.gpu_inventory import GpuUse
from hub_ext.adapters.store import (
    busy_since,
    gpus,
    idle_warnings,
    launches,
    leases,
    persons,
    server_uses,
    stop_notes,
    versions,
)
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.launch.end import announce
from hub_ext.flows.revocation import end_ahead, ends_ahead
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Gpu, Launch, Lease, Person, StopReason
from hub_ext.model.idleness import IdleWarning
from hub_ext.model.launches import StopNote
from hub_ext.model.session_facts import EndAhead
from hub_ext.phrase import Phrase


@dataclass(frozen=True, slots=True)
class Use:
    """What a container uses. `cores` None: seen once only; `mem_bytes` None: not known on this host."""

    cores: float | None
    mem_bytes: int | None


@dataclass(frozen=True, slots=True)
class HeldGpu:
    """A GPU that a session holds a share of. `use` is the whole device's, of all that share it."""

    gpu: Gpu
    lease: Lease
    use: GpuUse


@dataclass(frozen=True, slots=True)
class Session:
    """A launch that holds resources, whose it is, what it mounted; None is what is not known.

    `busy` says whether a kernel computed at the culler's last round; `idle` is the time since a person last
    used it, or since its start. Its owner was warned of idleness by `warning`, of the end of a right `ahead`.
    """

    launch: Launch
    person: Person
    datasets: tuple[str, ...]
    idle: timedelta
    busy: bool
    use: Use
    gpus: tuple[HeldGpu, ...]
    warning: IdleWarning | None
    ahead: EndAhead | None = None


class UseWatch:
    """CPU between one look and the next, and memory. It forgets with the process; for one thread."""

    def __init__(self, counters: ContainerCpu | None = None) -> None:
        self._counters = counters or ContainerCpu()
        self._before: dict[str, CpuReading] = {}

    def look(self, container_ids: set[str]) -> dict[str, Use]:
        """By container id; those whose counters cannot be read are left out."""
        read = self._counters.read(container_ids)
        held = self._counters.memory(read.keys())
        found = {}
        for container_id, reading in read.items():
            before = self._before.get(container_id)
            cores = None
            if before is not None and reading.at > before.at and reading.used >= before.used:
                cores = (reading.used - before.used) / (reading.at - before.at)
            found[container_id] = Use(cores, held.get(container_id))
        self._before = read
        return found


def sessions(site: Site, watch: UseWatch, gpu_use: Mapping[str, GpuUse]) -> tuple[Session, ...]:
    """All launches that hold resources, the oldest first. `gpu_use` is by the GPU's id."""
    with site.store.reading() as tx:
        running = launches.listing(tx, active=True)[::-1]
        people = {person.id: person for person in persons.listing(tx, ids={one.person_id for one in running})}
        mounted = versions.listing(tx, ids={version for one in running for version in one.version_ids})
        warned = {known.launch_id: known for known in idle_warnings.listing(tx)}
        devices = {gpu.id: gpu for gpu in gpus.listing(tx)}
        held = [
            HeldGpu(devices[lease.gpu_id], lease, gpu_use.get(lease.gpu_id, GpuUse()))
            for lease in leases.active(tx)
        ]
        ahead = ends_ahead(tx, running, site.now())
        last_uses, busy = server_uses.last(tx), busy_since.starts(tx)
    slugs = {version.id: version.dataset for version in mounted}
    uses = watch.look({launch.container_id for launch in running if launch.container_id})
    now = site.now()
    return tuple(
        Session(
            launch,
            people[launch.person_id],
            tuple(slugs[version] for version in launch.version_ids),
            _idle(launch, last_uses.get(launch.id), now),
            launch.id in busy,
            uses.get(launch.container_id, Use(None, None)),
            tuple(one for one in held if one.lease.launch_id == launch.id),
            warned.get(launch.id),
            ahead.get(launch.id),
        )
        for launch in running
    )


def _idle(launch: Launch, last_use: datetime | None, now: datetime) -> timedelta:
    started = launch.started or launch.admitted
    return max(now - max(last_use or started, started), timedelta())


def of_person(site: Site, person_id: str) -> tuple[tuple[Launch, EndAhead | None], ...]:
    """A person's own launches that hold resources, the newest first, each with its end where it is near."""
    with site.store.reading() as tx:
        active = launches.listing(tx, person_id=person_id, active=True)
        return tuple((launch, end_ahead(tx, launch, site.now())) for launch in active)


def order_stop(site: Site, actor: Actor, launch_id: str, why: str) -> Launch:
    """Writes down why a session is about to be stopped; the Hub is to be told then.

    Raises NotFound, and InputError where the reason is empty or the session is at its end already.
    """
    why = checks.line(why, Phrase("reason"), most=2000, required=True)
    with site.store.transaction() as tx:
        launch = launches.get(tx, launch_id)
        if not launch.state.active or launch.stop_reason:
            raise InputError("This session has ended, or is being stopped.", advice="Look again.")
        stop_notes.add(tx, StopNote(launch_id, why, site.now(), actor.id))
        return announce(tx, site, launch, StopReason.OPERATOR, actor, why=why)
