"""GPU-hours, CPU-hours and memory-hours by person, project and month, from the launches themselves."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO
from zoneinfo import ZoneInfo

from hub_ext.adapters.store import held_time, persons
from hub_ext.errors import InputError
from hub_ext.expression.spreadsheet import cell
from hub_ext.flows.site import Site
from hub_ext.model import Person
from hub_ext.model.accounting import Account, Month
from hub_ext.policy import accounting as policy

MOST_MONTHS = 36
CSV_COLUMNS = (
    *("month", "project", "person_id", "username", "starts"),
    *("cpu_hours", "mem_gib_hours", "gpu_hours", "gpu_idle_hours"),
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts by month, project and person, and the people in them by id."""

    months: tuple[Month, ...]
    rows: tuple[Account, ...]
    people: Mapping[str, Person]


def this_month(site: Site) -> Month:
    """The month that it is here."""
    return policy.month_of(site.now(), _zone(site))


def month_named(text: str) -> Month:
    """The month typed as "2026-11". Raises InputError."""
    year, _, number = text.partition("-")
    try:
        if len(text) != 7 or not (year + number).isascii() or not (year + number).isdigit():
            raise ValueError
        return Month(int(year), int(number))
    except ValueError as error:
        raise InputError("{text!r} is no month.", text=text[:40], advice='Write it as "2026-11".') from error


def accounts(site: Site, last: Month, *, months: int = 1, project: str | None = None) -> Accounts:
    """Accounts of that many months up to `last`, of that project or of all. Raises InputError."""
    if not 1 <= months <= MOST_MONTHS:
        raise InputError(
            "{months} months cannot be shown at once.",
            advice="Ask for 1 to {most}.",
            months=months,
            most=MOST_MONTHS,
        )
    zone = _zone(site)
    asked = tuple(last.plus(-back) for back in reversed(range(months)))
    since, until = policy.begin_of(asked[0], zone), policy.begin_of(last.plus(1), zone)
    with site.store.reading() as tx:
        rows = policy.accounts(
            held_time.servers(tx, since, until, project=project),
            held_time.gpu_leases(tx, since, until, project=project),
            first=asked[0],
            last=last,
            now=site.now(),
            zone=zone,
        )
        people = persons.listing(tx, ids={row.person_id for row in rows})
    return Accounts(asked, rows, {person.id: person for person in people})


def asked(site: Site, month: str, months: int, *, project: str = "") -> Accounts:
    """The same for a month as it was typed; "" is this month, and every project. Raises InputError."""
    last = month_named(month) if month else this_month(site)
    return accounts(site, last, months=months, project=project or None)


def write_csv(found: Accounts, out: TextIO) -> None:
    """One line for each account; hours with three decimals and a point."""
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_lines(found.rows, found.people))


def _lines(rows: Iterable[Account], people: Mapping[str, Person]) -> Iterable[tuple[object, ...]]:
    for row in rows:
        hours = (row.cpu_hours, row.mem_gib_hours, row.gpu_hours, row.gpu_idle_hours)
        names = (str(row.month), row.project, row.person_id, people[row.person_id].username)
        yield (*(cell(name) for name in names), row.starts, *(f"{one:.3f}" for one in hours))


def _zone(site: Site) -> ZoneInfo:
    return ZoneInfo(site.settings.time_zone)
