"""Engines, GPUs, volumes, and what holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Node:
    """An engine."""

    id: str
    engine_url: str
    created: datetime
    ended: datetime | None = None


class GpuHealth(StrEnum):
    """Whether a device can be given to anybody. Stored."""

    OK = "ok"
    HELD_OUTSIDE = "held-outside"  # somebody's process, not of a launch that leases it, computes on it
    FAULTY = "faulty"  # its driver says that it must be mended
    UNATTACHABLE = "unattachable"  # it is there, and no CDI spec attaches it
    LOST = "lost"  # it is not there any more


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that launches may hold. `device` is its qualified CDI name, such as "nvidia.com/gpu=1".

    `shares` is in force; `own_shares` is an operator's choice for this device, None the site's. `out_since`
    and `out_why` are set while an operator keeps it out of service.
    """

    id: str
    node: str
    device: str
    model: str
    mem_bytes: int
    created: datetime
    shares: int = 1
    health: GpuHealth = GpuHealth.OK
    own_shares: int | None = None
    out_since: datetime | None = None
    out_why: str = ""
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """One share of a GPU held by a launch. Active while `ended` is None.

    `lost` is when its GPU was seen to be gone: what computed on it is lost, also where it comes back.
    """

    id: str
    gpu_id: str
    share: int
    launch_id: str
    since: datetime
    until: datetime | None = None
    lost: datetime | None = None
    ended: datetime | None = None


class VolumeKind(StrEnum):
    """Stored."""

    HOME = "home"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Volume:
    """A home (person × project) or a project's shared folder, as a volume of a node's engine.

    `used_bytes` is the last measurement; None before the first.
    """

    id: str
    name: str
    kind: VolumeKind
    node: str
    project: str
    created: datetime
    person_id: str | None = None
    allowed_bytes: int = 0
    used_bytes: int | None = None
    measured: datetime | None = None
    seeded: datetime | None = None
    quarantined_why: str = ""
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quarantine:
    """No launch mounts the volume until the stewards of the dataset, copies of which it may hold, release it.

    `why` may name people and is for stewards; `told` is for whoever wants to mount it, with whom to ask.
    """

    id: str
    volume_id: str
    dataset: str
    why: str
    told: str
    contact: str
    since: datetime
    added_by: str
    released: datetime | None = None
    released_by: str = ""
    released_why: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """A dataset version that was once mounted beside a volume: where copies may be."""

    volume_id: str
    version_id: str
    dataset: str
    first: datetime
    launch_id: str
