"""Accounts from launches and leases as the store has them; as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub_ext.errors import InputError
from hub_ext.flows import accounting
from hub_ext.flows.site import Site
from hub_ext.model import Lease
from hub_ext.model.accounting import Month
from tests.adapters.store import samples
from tests.flows.conftest import Clock

HOUR = timedelta(hours=1)
BEGUN = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def held(site: Site, clock: Clock) -> Site:
    """Two launches of Anne in May, both with a GPU; the second still runs. One that never started."""
    clock.moment = BEGUN + 10 * HOUR
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if value is not samples.NODE:  # the site has its own
                module.add(tx, value)
        ended = replace(samples.launch(11), started=BEGUN, ended=BEGUN + 2 * HOUR)
        runs = replace(samples.launch(12), started=BEGUN + 4 * HOUR, ended=None)
        for launch in (ended, runs, replace(samples.launch(13), started=None)):
            samples.store.launches.add(tx, launch)
        for lease in (
            Lease("lea-2", "gpu-1", 0, ended.id, BEGUN, ended=BEGUN + 3 * HOUR),
            Lease("lea-3", "gpu-1", 1, runs.id, BEGUN + 4 * HOUR),
        ):
            samples.store.leases.add(tx, lease)
    return site


def test_what_was_held_is_counted_up_to_now(held: Site) -> None:
    found = accounting.accounts(held, Month(2026, 5))
    (row,) = [one for one in found.rows if str(one.month) == "2026-05"]
    # The sample launch of the store has run since 10:20 and its end lies ahead.
    sample = (held.now() - samples.NOW) / HOUR
    assert row.starts == 3
    assert row.cpu_hours == pytest.approx(1.5 * (2 + 6 + sample))
    assert row.mem_gib_hours == pytest.approx(4 * (2 + 6 + sample))
    # Two shares of the device: each lease counts half.
    assert row.gpu_hours == pytest.approx((3 + 6 + sample) / 2)
    assert found.people[row.person_id].username == "anne"


def test_other_months_and_projects_have_none(held: Site) -> None:
    assert accounting.accounts(held, Month(2026, 4)).rows == ()
    assert accounting.asked(held, "", 1, project="other").rows == ()
    assert [str(month) for month in accounting.asked(held, "2026-02", 3).months] == [
        *("2025-12", "2026-01", "2026-02")
    ]


def test_a_file_for_spreadsheets(held: Site) -> None:
    with held.store.transaction() as tx:
        person = samples.store.persons.get(tx, "per-2")
        samples.store.persons.replace(tx, replace(person, username="=cmd"))
    out = io.StringIO()
    accounting.write_csv(accounting.asked(held, "2026-05", 1), out)
    (line,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert line["username"] == "'=cmd"
    assert (line["month"], line["project"], line["starts"]) == ("2026-05", "onco", "3")
    assert float(line["gpu_hours"]) > 4


@pytest.mark.parametrize(
    "wrong", ["2026", "2026-13", "26-11-01", "٢٠٢٦-11", "2026/11", "x" * 1000, "1999-01"]
)
def test_what_is_no_month_is_said(held: Site, wrong: str) -> None:
    with pytest.raises(InputError, match="no month"):
        accounting.month_named(wrong)


@pytest.mark.parametrize("months", [0, -1, 37, 10**9])
def test_too_many_months_are_refused(held: Site, months: int) -> None:
    with pytest.raises(InputError, match="cannot be shown"):
        accounting.asked(held, "", months)
