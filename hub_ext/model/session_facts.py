"""What a running server is, and what is ahead of it, for the person whose server it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub_ext.model.blocks import BlockNotice
from hub_ext.model.idleness import StopAhead
from hub_ext.model.machines import VolumeKind
from hub_ext.model.reasons import Reason
from hub_ext.model.text import Localised


@dataclass(frozen=True, slots=True)
class SessionDataset:
    """A dataset version in the container, read-only in `folder`."""

    slug: str
    title: Localised
    version: int
    folder: str


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """A folder of the container, the content of which outlives the server.

    `used_bytes` is the last measurement; None before the first.
    """

    kind: VolumeKind
    folder: str
    allowed_bytes: int
    used_bytes: int | None


@dataclass(frozen=True, slots=True)
class EndAhead:
    """When the rights of a session end, and the reasons that will hold then."""

    at: datetime
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A running launch in words that its person knows: no host path, and nobody else.

    `digest` is the image's. `end` is the earliest end of a right that the launch rests on; None: none ends.
    It may end before: after `idle_seconds` without use, and after `busy_ceiling_seconds` of work that nobody
    looks at.
    """

    launch_id: str
    server_name: str
    project: str
    project_title: Localised
    environment: str
    environment_title: Localised
    revision: int
    digest: str
    datasets: tuple[SessionDataset, ...]
    size: str
    size_title: Localised
    cpus: float
    mem_bytes: int
    gpus: int
    started: datetime
    end: EndAhead | None
    idle_seconds: int
    busy_ceiling_seconds: int
    kept: tuple[KeptFolder, ...]


@dataclass(frozen=True, slots=True)
class SessionWarnings:
    """What its person has to be told now.

    `stop` is a stop for idleness and the time that may be asked for. `end` is an end of its rights that is
    near. `gpu_lost` is when the first of its GPUs was seen to be gone. `blocks` are what operators have
    stopped or bring to an end.
    """

    stop: StopAhead
    end: EndAhead | None
    gpu_lost: datetime | None
    blocks: tuple[BlockNotice, ...]
