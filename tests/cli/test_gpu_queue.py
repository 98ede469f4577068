"""`hub-ext gpu queue` and `cancel` as an operator types them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hub_ext.adapters.store import persons, projects
from hub_ext.adapters.store import queue as rows
from hub_ext.config import load_settings
from hub_ext.flows.site import open_site
from hub_ext.model import AuditEvent, Localised, Person, Project
from hub_ext.model.queue import Waiting, WaitingState
from tests.cli.conftest import Terminal

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
ROW = Waiting(
    *("que-1", "per-1", "ada", "", "onco", "local", "python", (), "s", 1, WaitingState.WAITING, NOW)
)


def test_listed_and_cancelled_with_a_reason(typed: Terminal, events: Callable[[], list[AuditEvent]]) -> None:
    assert "Nobody waits" in typed.done("gpu", "queue")
    site = open_site(load_settings(str(typed.folder / "config.py")))
    with site.store.transaction() as tx:
        persons.add(tx, Person("per-1", "demo", "ada", "ada", "Ada", 20001, NOW))
        projects.add(tx, Project("onco", Localised("Onco", "Onco"), 60001, NOW))
        rows.add(tx, ROW)
    site.close()
    (row,) = typed.read("gpu", "queue")
    # There is no GPU here: it is on hold, and holds up nobody.
    assert (row["place"], row["id"], row["username"], row["state"]) == (1, "que-1", "ada", "on-hold")
    assert "is empty" in typed.refused("gpu", "cancel", "que-1", "--why", " ")
    assert "waits no more" in typed.done("gpu", "cancel", "que-1", "--why", "the cards are moved")
    assert (events()[-1].verb.value, events()[-1].facts["why"]) == (
        "queue.cancelled",
        "the cards are moved",
    )
    assert "does not wait" in typed.refused("gpu", "cancel", "que-1", "--why", "again")
    assert "no request in line" in typed.refused("gpu", "cancel", "que-2", "--why", "x")
