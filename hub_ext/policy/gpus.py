"""Choose devices: never two owners of one share, never two shares of one device for one launch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from hub_ext.model import Gpu, GpuHealth, Lease, Reason, ReasonCode


def choose(gpus: Iterable[Gpu], leases: Iterable[Lease], wanted: int) -> tuple[tuple[Gpu, int], ...] | None:
    """That many free shares on as many devices, the least shared ones first; None where they are not free.

    A lease holds its share until it is ended, also past its `until`: the container may still run.
    """
    if wanted < 0:
        return None
    free = _free(gpus, _held(leases))
    return tuple((gpu, share) for _, gpu, share in free[:wanted]) if len(free) >= wanted else None


def reasons(gpus: Iterable[Gpu], leases: Iterable[Lease], wanted: int) -> tuple[Reason, ...]:
    """Why that many GPUs cannot be had now, with the time at which the first lease must end, if known."""
    gpus, held = tuple(gpus), _held(leases)
    free = _free(gpus, held)
    if 0 <= wanted <= len(free):
        return ()
    working = [gpu for gpu in gpus if works(gpu)]
    shown: list[tuple[str, str | int | float | datetime]] = [
        ("asked", wanted),
        ("free", len(free)),
        ("working", len(working)),
    ]
    ends = [lease.until for gpu in working for lease in held.get(gpu.id, ()) if lease.until is not None]
    if ends:
        shown.append(("lease_end", min(ends)))
    return (Reason(ReasonCode.GPUS_NONE_FREE, "", tuple(shown)),)


def works(gpu: Gpu) -> bool:
    """Whether a device may be given to anybody."""
    return gpu.ended is None and gpu.health is GpuHealth.OK


def _held(leases: Iterable[Lease]) -> dict[str, list[Lease]]:
    held: dict[str, list[Lease]] = {}
    for lease in leases:
        if lease.ended is None:
            held.setdefault(lease.gpu_id, []).append(lease)
    return held


def _free(gpus: Iterable[Gpu], held: dict[str, list[Lease]]) -> list[tuple[int, Gpu, int]]:
    """(leases on it, device, its lowest free share) of every device with room, best first."""
    found = []
    for gpu in gpus:
        taken = {lease.share for lease in held.get(gpu.id, ())}
        # A device whose shares were reduced while leased counts every lease, whatever its number.
        if works(gpu) and len(taken) < gpu.shares:
            share = next(number for number in range(gpu.shares) if number not in taken)
            found.append((len(taken), gpu, share))
    return sorted(found, key=lambda candidate: (candidate[0], candidate[1].id))
