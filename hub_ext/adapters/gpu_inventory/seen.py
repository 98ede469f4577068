"""What an inventory says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub_ext.model import Gpu


@dataclass(frozen=True, slots=True)
class SeenGpu:
    """A device, with the containers whose processes compute on it: "" for a process in none of them.

    `holders` None: nobody tells who computes on it.
    """

    gpu: Gpu
    holders: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The devices of a node. `whole` False: some did not answer; one that is missing may still be there."""

    seen: tuple[SeenGpu, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class GpuUse:
    """A reading: how much of the last moments the device computed, and its memory in use. None: not known."""

    percent: int | None = None
    mem_used_bytes: int | None = None


class SpecProblem(StrEnum):
    """How CDI specs and devices do not match."""

    UNREADABLE = "unreadable"  # a file that is no spec
    TWICE = "twice"  # two specs of one folder define a device: the engine attaches neither
    OVERRIDDEN = "overridden"  # a later folder says something else of a device
    NO_NODE = "no-node"  # a device node that is not there
    NO_SPEC = "no-spec"  # a device that no spec names
    NO_DEVICE = "no-device"  # a name for a device that is not there


@dataclass(frozen=True, slots=True)
class SpecFault:
    """One mismatch: the file or device that it is about, and a path where one is meant."""

    problem: SpecProblem
    subject: str
    detail: str = ""
