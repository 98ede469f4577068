"""`hub-ext hours`."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from hub_ext.adapters.store import Store
from tests.adapters.store import samples
from tests.cli.conftest import Terminal


@pytest.fixture
def held(typed: Terminal) -> Terminal:
    """Anne held a server in May 2026, and holds it no more."""
    typed.done("person", "list")  # makes the store
    store = Store.open(f"sqlite:///{typed.folder / 'state' / 'store.sqlite'}")
    with store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if value is samples.LAUNCH:
                value = replace(value, ended=samples.NOW.replace(hour=13))
            if value is not samples.NODE:
                module.add(tx, value)
    store.close()
    return typed


def test_hours_are_shown_added_up_and_written(held: Terminal) -> None:
    words = ("hours", "--month", "2026-05")
    (row,) = held.read(*words)
    assert (row["month"], row["project"], row["username"]) == ("2026-05", "onco", "anne")
    assert row["cpu_hours"] == pytest.approx(4.5)
    shown = held.done(*words, "--by", "project")
    assert "onco" in shown
    assert "anne" not in shown
    assert held.read(*words, "--person", "anne") == [row]
    assert held.read(*words, "--person", "chief") == []
    (line,) = csv.DictReader(io.StringIO(held.done(*words, "--csv")))
    assert line["project"] == "onco"
    assert "Nothing was held" in held.done("hours", "--month", "2026-04")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--month", "May"), 1, "no month"),
        (("--months", "99"), 1, "1 to 36"),
        (("--person", "nobody"), 1, "no person"),
        (("--by", "colour"), 2, "--by"),
    ],
)
def test_what_cannot_be_read_is_said(held: Terminal, words: tuple[str, ...], status: int, said: str) -> None:
    answer = held("hours", *words)
    assert answer.status == status
    assert said in answer.err
