"""Starts of notebook servers, as they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.model.interfaces import JUPYTER, Interface


class LaunchState(StrEnum):
    """Stored. A launch holds its resources in every state but the last two."""

    ADMITTED = "admitted"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether the launch still holds what it was given."""
        return self not in (LaunchState.ENDED, LaunchState.FAILED)


class StopReason(StrEnum):
    """Why a server was stopped, or how it ended by itself. Stored as `Launch.stop_reason`."""

    PERSON = "stopped-by-person"
    OPERATOR = "stopped-by-operator"
    IDLE = "idle"
    BUSY_CEILING = "busy-ceiling"
    GPU_IDLE = "gpu-idle"
    RIGHT_ENDED = "right-ended"
    LEASE_ENDED = "lease-ended"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    IMAGE_UNSAFE = "image-unsafe"
    OUT_OF_MEMORY = "out-of-memory"
    ENDED_BY_ITSELF = "ended-by-itself"
    START_FAILED = "start-failed"
    CONTAINER_LOST = "container-lost"
    NO_ANSWER = "no-answer"
    HUB_LOST = "hub-lost"


@dataclass(frozen=True, slots=True)
class StopNote:
    """Why operators stopped a server, in their words; its owner reads it."""

    launch_id: str
    text: str
    written: datetime
    written_by: str


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of one notebook server, and what it held."""

    id: str
    kind: str
    person_id: str
    username: str
    server_name: str
    project: str
    node: str
    image: str
    revision: int
    digest: str
    version_ids: tuple[str, ...]
    volume_ids: tuple[str, ...]
    size: str
    gpus: int
    mem_bytes: int
    cpus: float
    idle_seconds: int
    state: LaunchState
    admitted: datetime
    expires_at: datetime | None = None
    container_id: str = ""
    started: datetime | None = None
    stop_reason: str = ""
    outcome: str = ""
    ended: datetime | None = None
    upstream: str = ""  # ADDRESS:PORT of its server, once that answers; until then its ADDRESS alone
    interface: Interface = JUPYTER
