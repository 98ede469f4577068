"""Which devices may be given, and to whom: never two owners of one share, never two shares of one device
for one launch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from hub_ext.model import Gpu, GpuHealth, Lease, Reason, ReasonCode


def choose(gpus: Iterable[Gpu], leases: Iterable[Lease], wanted: int) -> tuple[tuple[Gpu, int], ...] | None:
    """That many free shares on as many devices, the least shared ones first; None where they are not free.

    A lease holds its share until it is ended, also past its `until`: the container may still run.
    """
    if wanted < 0:
        return None
    found = free(gpus, leases)
    return found[:wanted] if len(found) >= wanted else None


def free(gpus: Iterable[Gpu], leases: Iterable[Lease]) -> tuple[tuple[Gpu, int], ...]:
    """One free share of each device that has one, the least shared devices first."""
    gpus = tuple(gpus)
    return tuple((gpu, share) for _, gpu, share in _free(gpus, _held(gpus, leases)))


def reasons(gpus: Iterable[Gpu], leases: Iterable[Lease], wanted: int) -> tuple[Reason, ...]:
    """Why that many GPUs cannot be had now, with the time at which the first lease must end, if known."""
    gpus = tuple(gpus)
    held = _held(gpus, leases)
    there = _free(gpus, held)
    if 0 <= wanted <= len(there):
        return ()
    working = [gpu for gpu in gpus if works(gpu)]
    shown: list[tuple[str, str | int | float | datetime]] = [
        ("asked", wanted),
        ("free", len(there)),
        ("working", len(working)),
    ]
    ends = [lease.until for gpu in working for lease in held.get(gpu.device, ()) if lease.until is not None]
    if ends:
        shown.append(("lease_end", min(ends)))
    return (Reason(ReasonCode.GPUS_NONE_FREE, "", tuple(shown)),)


def works(gpu: Gpu) -> bool:
    """Whether a device may be given to anybody."""
    return gpu.ended is None and gpu.out_since is None and gpu.health is GpuHealth.OK


def seen(now: Gpu, known: Gpu | None, holders: Iterable[str] | None, tenants: Collection[str]) -> Gpu:
    """What to keep of a device: as it is seen now, with what operators chose for it.

    `holders` are the containers whose processes compute on it, "" for a process in none; None where nobody
    tells, which changes nothing. `tenants` are the containers of launches that lease it: no others' processes
    may be there.
    """
    was_held = known is not None and known.health is GpuHealth.HELD_OUTSIDE
    held = was_held if holders is None else bool(strangers(holders, tenants))
    health = GpuHealth.HELD_OUTSIDE if held and now.health is GpuHealth.OK else now.health
    if known is None:
        return replace(now, health=health)
    return replace(
        now,
        health=health,
        shares=known.own_shares or now.shares,
        created=known.created,
        own_shares=known.own_shares,
        out_since=known.out_since,
        out_why=known.out_why,
    )


def strangers(holders: Iterable[str], tenants: Collection[str]) -> frozenset[str]:
    """Who computes on a device without a lease of it."""
    return frozenset(holders) - (frozenset(tenants) - {""})


def _held(gpus: tuple[Gpu, ...], leases: Iterable[Lease]) -> dict[str, list[Lease]]:
    """By device: one that is known by two ids, of two sources, still has its owners."""
    devices = {gpu.id: gpu.device for gpu in gpus}
    held: dict[str, list[Lease]] = {}
    for lease in leases:
        if lease.ended is None and lease.gpu_id in devices:
            held.setdefault(devices[lease.gpu_id], []).append(lease)
    return held


def _free(gpus: tuple[Gpu, ...], held: dict[str, list[Lease]]) -> list[tuple[int, Gpu, int]]:
    """(leases on it, device, its lowest free share) of every device with room, best first."""
    found: dict[str, tuple[int, Gpu, int]] = {}
    for gpu in sorted(gpus, key=lambda gpu: gpu.id):
        on_it = held.get(gpu.device, ())
        # A device whose shares were reduced while leased counts every lease, whatever its number.
        if works(gpu) and len(on_it) < gpu.shares:
            taken = {lease.share for lease in on_it}
            share = next(number for number in range(gpu.shares) if number not in taken)
            found.setdefault(gpu.device, (len(on_it), gpu, share))
    return sorted(found.values(), key=lambda candidate: (candidate[0], candidate[1].id))
