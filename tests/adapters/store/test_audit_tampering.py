"""Whatever is done to stored events by somebody who owns the file, verification finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub_ext.adapters.store import Store, Tx, audit
from hub_ext.adapters.store.tables import audit as table
from tests.adapters.store.samples import write

EVENTS = 7
COLUMNS = tuple(column.name for column in table.columns)
NUMBERS = ("sequence", "segment")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A chain in a table without any guard: no trigger, no key, no type."""
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('tampered') / 'store.sqlite'}")
    with store.transaction() as tx:
        for number in range(1, EVENTS + 1):
            write(tx, number, facts={"number": number, "datasets": ["mri"]})
        for statement in ("CREATE TABLE bare AS SELECT * FROM audit", "DROP TABLE audit"):
            tx.connection.exec_driver_sql(statement)
        tx.connection.exec_driver_sql("ALTER TABLE bare RENAME TO audit")
    yield store
    store.close()


places = st.integers(0, EVENTS - 1)
values = st.one_of(st.text(max_size=80), st.integers(-(2**40), 2**40), st.binary(max_size=8), st.none())


@st.composite
def flips(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """One field of one event changed: another value, or one letter of it."""
    place, column = draw(places), draw(st.sampled_from(COLUMNS))
    old = rows[place][column]
    if isinstance(old, str) and draw(st.booleans()):
        at = draw(st.integers(0, len(old)))
        width = draw(st.integers(0, 1))
        new: Any = old[:at] + draw(st.text('0aé,:" {}\0', max_size=1)) + old[at + width :]
    else:
        new = draw(values)
    changed = [dict(row) for row in rows]
    changed[place][column] = new
    return changed


@st.composite
def swaps(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """Some fields of two events exchanged."""
    one, other = draw(places), draw(places)
    columns = draw(st.sets(st.sampled_from(COLUMNS), min_size=1))
    changed = [dict(row) for row in rows]
    for column in columns:
        changed[one][column], changed[other][column] = rows[other][column], rows[one][column]
    return changed


@st.composite
def deletions(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """Some events removed, the last one perhaps too; the rest renumbered or not."""
    gone = draw(st.sets(places, min_size=1))
    changed = [dict(row) for place, row in enumerate(rows) if place not in gone]
    if draw(st.booleans()):
        for number, row in enumerate(changed, 1):
            row["sequence"] = number
    return changed


@st.composite
def insertions(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """A forged event somewhere, the rest renumbered or not."""
    place, model = draw(places), draw(places)
    changed = [dict(row) for row in rows]
    changed.insert(place, dict(rows[model], subject=draw(st.text(max_size=8))))
    if draw(st.booleans()):
        for number, row in enumerate(changed, 1):
            row["sequence"] = number
    return changed


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, EVENTS - 1), hashed=st.integers(0, EVENTS), actor=st.text(max_size=5))
def test_a_forger_who_hashes_anew_must_do_so_to_the_end(
    written: Store, first: int, hashed: int, actor: str
) -> None:
    """And even then a head that was kept elsewhere gives the forgery away."""
    with written.transaction() as tx:
        rows = [dict(row._mapping) for row in tx.connection.execute(text("SELECT * FROM audit"))]
        head = audit.head(tx)
        rows[first]["actor_id"] = actor
        for place in range(first, min(first + hashed, EVENTS)):
            if place > first:
                rows[place]["previous_hash"] = rows[place - 1]["hash"]
            rows[place]["hash"] = audit._hash(rows[place])
        attempt = tx.connection.begin_nested()
        try:
            _rewrite(tx, rows)
            assert audit.verify(tx).ok == (first + hashed >= EVENTS)
            assert not audit.verify(tx, anchor=head).ok
        finally:
            attempt.rollback()


def _rewrite(tx: Tx, rows: list[Row]) -> None:
    tx.connection.execute(text("DELETE FROM audit"))
    for row in rows:
        tx.connection.exec_driver_sql(
            f"INSERT INTO audit ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608
            tuple(row[name] for name in COLUMNS),
        )


@pytest.mark.parametrize("number", [0, -1])
def test_a_row_below_the_first_event_is_found(written: Store, number: int) -> None:
    with written.transaction() as tx:
        query = text("SELECT * FROM audit ORDER BY sequence")
        rows = [dict(row._mapping) for row in tx.connection.execute(query)]
        rows[-1]["sequence"] = number
        attempt = tx.connection.begin_nested()
        try:
            _rewrite(tx, rows)
            assert not audit.verify(tx).ok
        finally:
            attempt.rollback()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("tampering", [flips, swaps, deletions, insertions])
def test_any_tampering_is_found(written: Store, tampering: Any, data: st.DataObject) -> None:
    with written.transaction() as tx:
        query = text("SELECT * FROM audit ORDER BY sequence")
        rows = [dict(row._mapping) for row in tx.connection.execute(query)]
        head = audit.head(tx)
        assert audit.verify(tx, anchor=head).ok
        changed = data.draw(tampering(rows))
        assume(sorted(map(repr, changed)) != sorted(map(repr, rows)))
        attempt = tx.connection.begin_nested()
        try:
            _rewrite(tx, changed)
            found = audit.verify(tx, anchor=head)
            assert not found.ok
            assert found.first_bad is not None
            assert found.why
            # Without the anchor, only a cut at the very end may pass.
            assert not audit.verify(tx).ok or changed == rows[: len(changed)]
        finally:
            attempt.rollback()
