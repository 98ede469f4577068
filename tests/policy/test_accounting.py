"""Accounts of what was held: months add up to the whole, whatever the zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import MemberRole, SiteRole
from hub_ext.model.accounting import Account, HeldGpu, HeldServer, Month
from hub_ext.policy.accounting import accounts, begin_of, month_of, shown, totals
from hub_ext.policy.duties import Duties

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GIB = 1024**3
FIRST, LAST = Month(2026, 8), Month(2026, 11)

instants = st.datetimes(datetime(2026, 8, 2), datetime(2026, 11, 20)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)
spans = st.tuples(instants, instants | st.none()).map(
    lambda pair: (pair[0], None) if pair[1] is None else (min(pair), max(pair))  # type: ignore[type-var]
)
zones = st.sampled_from([UTC, PARIS, ZoneInfo("America/Montreal"), ZoneInfo("Asia/Kathmandu")])
names = st.sampled_from(["ada", "bob"])
projects = st.sampled_from(["onco", "cardio"])


def server(since: datetime, until: datetime | None, **other: Any) -> HeldServer:
    return HeldServer(
        **{
            "person_id": "ada",
            "project": "onco",
            "since": since,
            "until": until,
            "cpus": 2.0,
            "mem_bytes": 4 * GIB,
        }
        | other
    )


def made(servers: Any = (), gpus: Any = (), **other: Any) -> tuple[Account, ...]:
    return accounts(servers, gpus, **{"first": FIRST, "last": LAST, "now": NOW, "zone": UTC} | other)


@given(st.lists(st.tuples(spans, names, projects)), zones)
def test_months_add_up_to_the_whole(held: list[Any], zone: Any) -> None:
    servers = [server(*span, person_id=name, project=project) for span, name, project in held]
    found = made(servers, zone=zone)
    whole = sum(((span[1] or NOW) - span[0]).total_seconds() / 3600 for span, _, _ in held)
    assert sum(one.cpu_hours for one in found) == pytest.approx(2 * whole)
    assert sum(one.mem_gib_hours for one in found) == pytest.approx(4 * whole)
    assert sum(one.starts for one in found) == len(held)
    assert len({(one.month, one.project, one.person_id) for one in found}) == len(found)


@given(st.lists(st.tuples(spans, names, projects, st.floats(0, 1))), st.randoms())
def test_the_order_changes_nothing_and_idle_hours_are_a_part(held: list[Any], random: Any) -> None:
    gpus = [HeldGpu(name, project, *span, part=0.5, idle_share=idle) for span, name, project, idle in held]
    found = made((), gpus)
    assert all(one.gpu_idle_hours <= one.gpu_hours + 1e-9 for one in found)
    mixed = random.sample(gpus, len(gpus))
    for one, other in zip(found, made((), mixed), strict=True):
        assert one.gpu_hours == pytest.approx(other.gpu_hours)


def test_a_time_over_midnight_of_the_site_is_split_there() -> None:
    # 23:00 in Paris on 31 August until 01:00.
    since = datetime(2026, 8, 31, 21, tzinfo=UTC)
    found = made([server(since, since + timedelta(hours=2))], zone=PARIS)
    assert [(str(one.month), one.cpu_hours, one.starts) for one in found] == [
        ("2026-08", 2.0, 1),
        ("2026-09", 2.0, 0),
    ]


def test_a_month_with_the_clock_put_back_has_an_hour_more() -> None:
    since, until = begin_of(Month(2026, 10), PARIS), begin_of(Month(2026, 11), PARIS)
    (october,) = made([server(since, until, cpus=1.0)], zone=PARIS)
    assert october.cpu_hours == 31 * 24 + 1
    assert month_of(since, PARIS) == Month(2026, 10)


def test_shares_count_as_parts_and_only_asked_months_count() -> None:
    begin = datetime(2026, 7, 30, tzinfo=UTC)
    (august,) = made((), [HeldGpu("ada", "onco", begin, datetime(2026, 8, 3, tzinfo=UTC), 0.25, 0.5)])
    assert (str(august.month), august.gpu_hours, august.gpu_idle_hours) == ("2026-08", 12.0, 6.0)


def test_totals_and_who_may_see_what() -> None:
    held = [
        Account(LAST, "onco", "ada", 1, 1.0),
        Account(LAST, "onco", "bob", 2, 2.0),
        Account(LAST, "cardio", "bob", 4, 4.0),
    ]
    assert [(one.project, one.starts) for one in totals(held, by_project=True)] == [
        ("cardio", 4),
        ("onco", 3),
    ]
    assert [one.starts for one in totals(held)] == [7]
    assert shown(held, Duties("ada")) == (held[0],)
    lead = Duties("eve", places=frozenset({("onco", MemberRole.LEAD)}))
    assert shown(held, lead) == (held[0], held[1])
    assert shown(held, Duties("eve", places=frozenset({("onco", MemberRole.MEMBER)}))) == ()
    assert shown(held, Duties("eve", frozenset({SiteRole.AUDITOR}))) == tuple(held)
    assert shown(held, Duties("eve", frozenset({SiteRole.CURATOR}))) == ()


@pytest.mark.parametrize("wrong", [(2026, 0), (2026, 13), (1, 1), (10000, 1)])
def test_no_month(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no month"):
        Month(*wrong)


def test_months_are_counted_over_years() -> None:
    assert [str(Month(2026, 11).plus(by)) for by in (-11, -10, 0, 2)] == [
        *("2025-12", "2026-01", "2026-11", "2027-01")
    ]
