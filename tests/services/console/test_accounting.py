"""Hours held: the page, the file and the call show each visitor what is theirs to see."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from hub_ext.adapters.store import launches
from hub_ext.flows.accounting import this_month
from hub_ext.model import Launch, LaunchState
from tests.adapters.store import samples
from tests.services.console.conftest import TOKEN, Running
from tests.services.console.test_waiting import asked


@pytest.fixture(scope="module")
def held(console: Running) -> Running:
    """Three hours of Ada's in onco, begun this month or at the end of the last."""
    with console.site.store.transaction() as tx:
        if launches.find(tx, "lau-900") is None:
            launches.add(tx, _launch(console))
    return console


def _launch(console: Running) -> Launch:
    ended = console.site.now()
    return replace(
        samples.launch(900),
        person_id=console.known["people"],
        username="ada",
        image="answer",
        version_ids=(),
        volume_ids=(),
        state=LaunchState.ENDED,
        admitted=ended - timedelta(hours=3),
        started=ended - timedelta(hours=3),
        ended=ended,
        cpus=2.0,
    )


def test_all_is_shown_to_who_may_see_all(held: Running) -> None:
    page = asked(held, "accounting?kind=cpu").text
    assert re.search(r"<th scope=\"row\">onco</th>", page)
    bars = re.findall(r'<rect class="hx-bar-ink" x=\S+ y=\S+ width=\S+ height="([\d.]+)"', page)
    assert len(bars) == 12
    assert float(bars[-1]) + float(bars[-2]) > 0
    assert "<bdi>ada</bdi>" in asked(held, "accounting?by=person", "of-an-auditor").text
    rows = asked(held, "api/v1/accounting?months=2").json()["items"]
    assert sum(row["cpu_hours"] for row in rows) == pytest.approx(6.0)
    assert {row["username"] for row in rows} == {"ada"}


def test_a_stranger_to_it_sees_none_of_it(held: Running) -> None:
    assert asked(held, "api/v1/accounting?months=2", "of-a-researcher").json()["items"] == []
    page = asked(held, "accounting", "of-a-researcher")
    assert page.status_code == 200
    assert "onco" not in page.text
    assert asked(held, "accounting.csv", "of-a-researcher").text.count("\n") == 1


def test_the_file(held: Running) -> None:
    answer = asked(held, "accounting.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert str(this_month(held.site)) in answer.headers["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert sum(float(line["cpu_hours"]) for line in lines) == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize("month", ["2026-13", "x", "%E2%80%AE2026-01", "<script>"])
def test_a_month_that_cannot_be_read_is_said_on_the_page(held: Running, month: str) -> None:
    answer = asked(held, f"accounting?month={month}", TOKEN, "fr")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert "Heures détenues" in answer.text
