"""The smallest of the ceilings of site, project and image, and what lies above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub_ext.model import Ceilings, Reason, ReasonCode, Size

# Where no ceiling names an idle time, nobody meant "for ever".
DEFAULT_IDLE_SECONDS = 2 * 3600


@dataclass(frozen=True, slots=True)
class SetBy:
    """The ceilings that one of "site", "project" or "image" sets."""

    by: str
    ceilings: Ceilings


@dataclass(frozen=True, slots=True)
class Limit:
    """The smallest ceiling of one kind, and who set it."""

    value: float
    by: str


def smallest(limits: Iterable[SetBy], kind: str) -> Limit | None:
    """The smallest ceiling of one field of `Ceilings`; None where nobody sets one. The first of equals."""
    found = None
    for limit in limits:
        value = getattr(limit.ceilings, kind)
        if value is not None and (found is None or value < found.value):
            found = Limit(value, limit.by)
    return found


def size_reasons(size: Size, limits: tuple[SetBy, ...]) -> tuple[Reason, ...]:
    """Which ceilings this size exceeds."""
    asked = (
        (ReasonCode.CPUS_ABOVE_CEILING, size.cpus, smallest(limits, "cpus")),
        (ReasonCode.MEM_ABOVE_CEILING, size.mem_bytes, smallest(limits, "mem_bytes")),
    )
    return tuple(
        Reason(code, size.slug, (("asked", value), ("ceiling", limit.value), ("set_by", limit.by)))
        for code, value, limit in asked
        if limit is not None and value > limit.value
    )


def gpu_reasons(gpus: int, limits: tuple[SetBy, ...]) -> tuple[Reason, ...]:
    """Whether this number of GPUs exceeds a ceiling."""
    limit = smallest(limits, "gpus")
    if limit is None or gpus <= limit.value:
        return ()
    shown = (("asked", gpus), ("ceiling", int(limit.value)), ("set_by", limit.by))
    return (Reason(ReasonCode.GPUS_ABOVE_CEILING, "", shown),)


def idle_seconds(limits: tuple[SetBy, ...]) -> int:
    """How long a server may be idle, seconds."""
    limit = smallest(limits, "idle_seconds")
    return DEFAULT_IDLE_SECONDS if limit is None else int(limit.value)
