"""What a notebook server says of its kernels and terminals. It is the word of whoever owns the container."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class NoActivity(Enum):
    """Why nothing is said of a server's kernels. Stored nowhere."""

    UNKNOWN = "unknown"  # no answer, or none that can be believed
    NO_KERNELS = "no-kernels"  # not asked: the interface of its image has none


@dataclass(frozen=True, slots=True)
class KernelActivity:
    """A kernel: `state` is Jupyter's execution_state, such as "busy" or "idle"."""

    state: str
    last_activity: datetime


@dataclass(frozen=True, slots=True)
class ServerActivity:
    """All kernels of a server, and the last activity of each of its terminals."""

    kernels: tuple[KernelActivity, ...] = ()
    terminals: tuple[datetime, ...] = ()
