"""The chain's state outlives the console; what is remembered hides no fault for longer than a day."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import delete, text, update

from hub_ext.adapters.store import audit, remembered
from hub_ext.adapters.store.tables import audit as table
from hub_ext.flows import chain
from hub_ext.flows.chain import KEY, ChainState, ChainWatch
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Verb
from tests.flows.conftest import Clock

Write = Callable[[int], None]


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three events, so that a few make several."""
    monkeypatch.setattr(chain, "PART", 3)


@pytest.fixture
def write(site: Site, actor: Actor) -> Write:
    """So many events; the guards that keep an honest program from editing them are gone."""
    with site.store.transaction() as tx:
        for row in tx.connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            tx.connection.exec_driver_sql(f"DROP TRIGGER {row.name}")

    def write(count: int) -> None:
        for number in range(count):
            with site.store.transaction() as tx:
                site.record(tx, actor, Verb.PERSON_CHANGED, f"per-{number}", {"number": number})

    return write


def edit(site: Site, sequence: int) -> None:
    with site.store.transaction() as tx:
        tx.connection.execute(update(table).where(table.c.sequence == sequence).values(subject="edited"))


async def looked(site: Site, watch: ChainWatch | None = None) -> ChainState:
    """After one look, of a console that has just started unless one is given."""
    watch = watch or ChainWatch()
    await watch.look(site)
    return watch.state(site)


async def test_a_console_that_starts_anew_shows_it_at_once_and_goes_on(
    site: Site, write: Write, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ChainWatch().state(site).found is None
    write(7)
    first = await looked(site)
    assert first.found
    assert (first.found.ok, first.found.events, first.whole) == (True, 7, clock())
    write(4)
    clock.forward(hours=2)
    anew = ChainWatch()
    assert anew.state(site) == ChainState(11, None, first.found, first.at, first.whole)
    walked_from = []
    part = chain._part
    monkeypatch.setattr(chain, "_part", lambda *held: walked_from.append(held[1][0]) or part(*held))
    then = await looked(site, anew)
    assert walked_from[0] == 7
    assert then.found
    assert (then.found.ok, then.found.events, then.at, then.whole) == (True, 11, clock(), first.at)
    with site.store.reading() as tx:
        assert then.found.head == audit.head(tx)


async def test_what_was_verified_is_verified_again_within_a_day(
    site: Site, write: Write, clock: Clock
) -> None:
    write(7)
    await looked(site)
    edit(site, 2)
    clock.forward(hours=23)
    before = await looked(site)
    assert before.found
    assert before.found.ok  # what was remembered is believed, and for how long is said
    clock.forward(hours=1)
    after = await looked(site)
    assert after.found
    assert (after.found.ok, after.found.first_bad) == (False, 2)
    # A console that starts shows the fault at once, and looks again at all of it.
    assert ChainWatch().state(site).found == after.found
    again = await looked(site)
    assert again.found == after.found


async def test_a_fault_in_what_came_since_is_found_by_the_next_look(site: Site, write: Write) -> None:
    write(7)
    await looked(site)
    write(5)
    edit(site, 10)
    found = (await looked(site)).found
    assert found
    assert (found.ok, found.first_bad) == (False, 10)


@pytest.mark.parametrize("gone", [1, 5])
async def test_a_tail_that_was_cut_off_is_found_and_stays_found(site: Site, write: Write, gone: int) -> None:
    write(9)
    await looked(site)
    with site.store.transaction() as tx:
        tx.connection.execute(delete(table).where(table.c.sequence > 9 - gone))
    for _ in range(2):
        found = (await looked(site)).found
        assert found
        assert (found.ok, found.first_bad) == (False, 10 - gone)
        assert "cut off" in str(found.why)


async def test_a_chain_that_was_written_anew_is_found(site: Site, actor: Actor, write: Write) -> None:
    write(5)
    await looked(site)
    with site.store.transaction() as tx:
        tx.connection.execute(delete(table))
        for number in range(8):
            site.record(tx, actor, Verb.PERSON_CHANGED, "per-other", {"number": number})
    found = (await looked(site)).found
    assert found
    assert not found.ok
    assert "written anew" in str(found.why)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"ok": True, "events": "many", "first_bad": None, "why": "", "head": [9, "x"], "kept": [0, ""]},
        {"at": "2026-05-04T08:00:00", "whole": "2026-05-04T08:00:00"},
        {"at": 7, "whole": None},
        {"head": 5},
        {"whole": "2999-01-01T00:00:00+00:00"},
    ],
    ids=lambda value: json.dumps(value)[:40],
)
async def test_what_is_remembered_may_be_anything(
    site: Site, write: Write, clock: Clock, value: dict[str, object]
) -> None:
    write(4)
    await looked(site)
    with site.store.transaction() as tx:
        held = remembered.find(tx, KEY)
        assert held
        remembered.put(tx, {KEY: {**held.value, **value} if value else {}}, clock())
    edit(site, 2)
    found = (await looked(site)).found
    assert found
    assert (found.ok, found.first_bad) == (False, 2)


async def test_the_button_walks_all_of_it_whatever_is_remembered(site: Site, write: Write) -> None:
    write(4)
    await looked(site)
    edit(site, 1)
    watch = ChainWatch()
    watch.begin(site)
    assert watch.state(site).walked is not None
    await watch.look(site)  # waits for the walk under way
    found = watch.state(site).found
    assert found
    assert found.first_bad == 1
