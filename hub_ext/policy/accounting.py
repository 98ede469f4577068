"""Accounts of what was held: by month, project and person.

Held is what counts, used or not: nobody else could have it. A time that reaches over the end of a month is
split there, in the site's time zone, so that months add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from hub_ext.model.accounting import Account, HeldGpu, HeldServer, Month
from hub_ext.model.duties import Deed
from hub_ext.policy.duties import Duties, may

_GIB = 1024**3
_Key = tuple[Month, str, str]


def accounts(
    servers: Iterable[HeldServer],
    gpus: Iterable[HeldGpu],
    *,
    first: Month,
    last: Month,
    now: datetime,
    zone: tzinfo,
) -> tuple[Account, ...]:
    """Every account of the months from `first` to `last`, by month, project and person.

    What is still held counts up to `now`.
    """
    held: dict[_Key, Account] = {}

    def account(month: Month, project: str, person_id: str) -> Account:
        return held.get((month, project, person_id), Account(month, project, person_id))

    for server in servers:
        for month, hours, begun in _parts(server.since, server.until, first, last, now, zone):
            known = account(month, server.project, server.person_id)
            held[month, server.project, server.person_id] = replace(
                known,
                starts=known.starts + begun,
                cpu_hours=known.cpu_hours + hours * server.cpus,
                mem_gib_hours=known.mem_gib_hours + hours * server.mem_bytes / _GIB,
            )
    for gpu in gpus:
        for month, hours, _ in _parts(gpu.since, gpu.until, first, last, now, zone):
            known = account(month, gpu.project, gpu.person_id)
            held[month, gpu.project, gpu.person_id] = replace(
                known,
                gpu_hours=known.gpu_hours + hours * gpu.part,
                gpu_idle_hours=known.gpu_idle_hours + hours * gpu.part * (gpu.idle_share or 0.0),
            )
    return tuple(held[key] for key in sorted(held))


def totals(
    found: Iterable[Account], *, by_project: bool = False, by_person: bool = False
) -> tuple[Account, ...]:
    """The accounts of each month added up: over people, over projects, or over both, which become ""."""
    held: dict[_Key, Account] = {}
    for one in found:
        key = (one.month, one.project if by_project else "", one.person_id if by_person else "")
        known = held.get(key, Account(*key))
        held[key] = replace(
            known,
            starts=known.starts + one.starts,
            cpu_hours=known.cpu_hours + one.cpu_hours,
            mem_gib_hours=known.mem_gib_hours + one.mem_gib_hours,
            gpu_hours=known.gpu_hours + one.gpu_hours,
            gpu_idle_hours=known.gpu_idle_hours + one.gpu_idle_hours,
        )
    return tuple(held[key] for key in sorted(held))


def shown(found: Iterable[Account], duties: Duties) -> tuple[Account, ...]:
    """Those that this person may see: all, or their own and those of projects which they lead."""
    return tuple(
        one
        for one in found
        if one.person_id == duties.person_id or may(duties, Deed.READ_ACCOUNTS, project=one.project) is None
    )


def month_of(moment: datetime, zone: tzinfo) -> Month:
    """The month in which an instant lies there."""
    local = moment.astimezone(zone)
    return Month(local.year, local.month)


def begin_of(month: Month, zone: tzinfo) -> datetime:
    """The first instant of a month there, in UTC."""
    return datetime(month.year, month.number, 1, tzinfo=zone).astimezone(UTC)


def _parts(
    since: datetime, until: datetime | None, first: Month, last: Month, now: datetime, zone: tzinfo
) -> Iterator[tuple[Month, float, int]]:
    """Month, hours in it, and 1 for the month in which it began."""
    until = min(until or now, now)
    month = max(month_of(since, zone), first)
    while month <= last:
        begin, end = begin_of(month, zone), begin_of(month.plus(1), zone)
        begun = begin <= since < end
        if not begun and begin >= until:
            return
        yield month, max((min(until, end) - max(since, begin)).total_seconds(), 0.0) / 3600, int(begun)
        month = month.plus(1)
