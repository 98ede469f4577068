"""Limits of leases: how many GPUs, for how long at a time, and how many hours a month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime, timedelta

from hub_ext.model import Reason, ReasonCode
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind

# What is left of a month must be worth the start of a server.
LEAST_HOURS = 0.25
_HOLDERS = {LimitKind.PERSON: "you", LimitKind.PROJECT: "project"}


def effective(own: GpuLimits | None, site: GpuLimits) -> GpuLimits:
    """A holder's own limits, each in place of the site's."""
    if own is None:
        return site
    names = (field.name for field in fields(GpuLimits))
    return GpuLimits(
        **{name: getattr(site, name) if getattr(own, name) is None else getattr(own, name) for name in names}
    )


def reasons(standings: Iterable[GpuStanding], wanted: int) -> tuple[Reason, ...]:
    """Whose limits that many more GPUs would exceed. Who asks for none exceeds none."""
    if wanted <= 0:
        return ()
    found = []
    for standing in standings:
        limits, holder = standing.limits, _HOLDERS[standing.kind]
        if limits.held is not None and standing.held + wanted > limits.held:
            shown = (("asked", wanted), ("held", standing.held), ("ceiling", limits.held))
            found.append(Reason(ReasonCode.GPUS_HELD, "", (("holder", holder), *shown)))
        if (left := _left(standing)) is not None and left < LEAST_HOURS * wanted:
            used = round(standing.month_hours, 1)
            month = (("used", used), ("ceiling", limits.month_hours or 0.0))
            found.append(Reason(ReasonCode.GPU_HOURS_USED, "", (("holder", holder), *month)))
    return tuple(found)


def lease_end(standings: Iterable[GpuStanding], wanted: int, now: datetime) -> datetime | None:
    """When leases that begin now must end by these limits; None where no limit says so.

    What is left of the month is shared by all that are asked for. A lease that reaches into the next month
    is not lengthened by it.
    """
    if wanted <= 0:
        return None
    hours = []
    for standing in standings:
        if standing.limits.lease_hours is not None:
            hours.append(standing.limits.lease_hours)
        if (left := _left(standing)) is not None:
            hours.append(max(left, 0.0) / wanted)
    return now + timedelta(hours=min(hours)) if hours else None


def _left(standing: GpuStanding) -> float | None:
    if standing.limits.month_hours is None:
        return None
    return standing.limits.month_hours - standing.month_hours
