"""The chain: what is written, how it is hashed, what may not be done to it, what is found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text

from hub_ext.adapters.store import Store, Tx, audit
from hub_ext.adapters.store.audit import GENESIS, Verification
from hub_ext.adapters.store.facts import canonical
from hub_ext.errors import StoreError
from hub_ext.model import Verb
from tests.adapters.store.samples import NOW, ROOT, write


def test_events_come_back_as_they_were_written(store: Store) -> None:
    with store.transaction() as tx:
        written = tuple(write(tx, number) for number in range(1, 4))
    with store.reading() as tx:
        assert audit.listing(tx) == written
        assert audit.head(tx) == (3, written[-1].hash)
        assert audit.verify(tx) == Verification(True, 3, head=(3, written[-1].hash))
    assert [event.sequence for event in written] == [1, 2, 3]
    assert [event.previous_hash for event in written] == [GENESIS, written[0].hash, written[1].hash]


def test_an_empty_chain_holds(store: Store) -> None:
    with store.reading() as tx:
        assert audit.verify(tx) == Verification(True, 0, head=(0, GENESIS))
        assert audit.listing(tx) == ()


def test_the_hashed_bytes_never_change(store: Store) -> None:
    """If this fails, every stored chain stops verifying: make a new "v" instead."""
    with store.transaction() as tx:
        event = write(tx, 1, actor=ROOT)
    assert canonical(audit.content(event)) == (
        '{"actor_id":"root","actor_kind":"host-user","actor_on_behalf":"per-bob",'
        '"facts":{"cpus":1.5,"datasets":["mri"],"project":"onco","title":"Cœur"},'
        f'"previous_hash":"{"0" * 64}","segment":0,"sequence":1,"subject":"lau-1",'
        '"time":"2026-05-03T10:21:30.123456Z","v":1,"verb":"launch.admitted"}'
    )
    assert event.hash == "87880b29dafdb74ef076a08f622cb78bd362c8ba36a48df5faaacb5ad29a5c99"
    assert event.hash == sha256(canonical(audit.content(event)).encode()).hexdigest()


def test_a_failed_transaction_leaves_no_event_and_no_gap(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            write(tx, 2)
            raise KeyError

    with store.transaction() as tx:
        write(tx, 1)
    with pytest.raises(KeyError):
        fail()
    with store.transaction() as tx:
        assert write(tx, 3).sequence == 2
        assert audit.verify(tx).ok


def test_a_reading_transaction_appends_nothing(store: Store) -> None:
    with store.reading() as tx, pytest.raises(StoreError, match="reading"):
        write(tx, 1)


def test_listing_filters(store: Store) -> None:
    with store.transaction() as tx:
        write(tx, 1)
        write(tx, 2, actor=ROOT, verb=Verb.GRANT_ADDED, subject="gra-1")
        write(tx, 3, actor=ROOT, verb=Verb.MEMBERSHIP_ADDED, facts={"person": "per-carol"})
        write(tx, 4, actor=ROOT, verb=Verb.PERSON_ENDED, subject="per-carol")
        write(tx, 5, verb=Verb.GRANT_REVOKED, facts={"why": "per-carol said 100% so_"})

        def found(**filters: Any) -> list[int]:
            return [event.sequence for event in audit.listing(tx, **filters)]

        assert found() == [1, 2, 3, 4, 5]
        assert found(person="per-alice") == [1, 5]
        assert found(person="per-bob") == [2, 3, 4]
        assert found(person="per-carol") == [3, 4]
        assert found(person="per%") == found(person="per_alice") == []
        assert found(subject="gra-1") == [2]
        assert found(verb=Verb.GRANT_ADDED) == [2]
        assert found(verb=[Verb.GRANT_ADDED, Verb.GRANT_REVOKED]) == [2, 5]
        assert found(since=NOW + timedelta(minutes=3)) == [3, 4, 5]
        assert found(until=NOW + timedelta(minutes=3)) == [1, 2]
        assert found(after_sequence=3) == [4, 5]
        assert found(after_sequence=1, limit=2) == [2, 3]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET subject = 'x' WHERE sequence = 2",
        "UPDATE audit SET facts = facts",
        "DELETE FROM audit WHERE sequence = 3",
        "DELETE FROM audit",
        "INSERT INTO audit SELECT 5, segment, time, actor_kind, actor_id, actor_on_behalf, verb, subject, "
        "facts, hash, 'h' FROM audit WHERE sequence = 3",
        "INSERT INTO audit SELECT 4, segment, time, actor_kind, actor_id, actor_on_behalf, verb, subject, "
        "facts, 'elsewhere', 'h' FROM audit WHERE sequence = 3",
        "INSERT INTO audit SELECT -1, segment, time, actor_kind, actor_id, actor_on_behalf, verb, subject, "
        "facts, hash, 'h' FROM audit WHERE sequence = 3",
    ],
)
def test_the_database_itself_refuses_changes(store: Store, statement: str) -> None:
    with store.transaction() as tx:
        for number in (1, 2, 3):
            write(tx, number)
    with pytest.raises(StoreError, match=r"append-only|only at its end"), store.transaction() as tx:
        tx.connection.execute(text(statement))
    with store.reading() as tx:
        assert audit.verify(tx).events == 3


def test_sqlite_refuses_replacement(sqlite_store: Store) -> None:
    """INSERT OR REPLACE deletes the old row without asking the trigger on deletion."""
    with sqlite_store.transaction() as tx:
        for number in (1, 2, 3):
            write(tx, number)
    with pytest.raises(StoreError, match="only at its end"), sqlite_store.transaction() as tx:
        tx.connection.execute(
            text("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 2"),
        )


def test_postgresql_refuses_truncation(postgresql_store_url: str) -> None:
    store = Store.open(postgresql_store_url)
    with pytest.raises(StoreError, match="append-only"), store.transaction() as tx:
        tx.connection.execute(text("TRUNCATE audit"))
    store.close()


def test_pages_are_walked_to_the_end(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 4)
    for count in (3, 4, 5, 8, 9):
        with sqlite_store.transaction() as tx:
            while audit.head(tx)[0] < count:
                write(tx, count)
            assert audit.verify(tx).events == count


@pytest.mark.parametrize(
    ("statement", "first_bad", "why"),
    [
        ("UPDATE audit SET subject = 'x' WHERE sequence = 2", 2, "not what was written"),
        ("UPDATE audit SET facts = replace(facts, ',', ', ') WHERE sequence = 2", 2, "not what was written"),
        ("UPDATE audit SET facts = '{' WHERE sequence = 2", 2, "not what was written"),
        ("UPDATE audit SET facts = x'00ff' WHERE sequence = 2", 2, "not what was written"),
        ("UPDATE audit SET segment = 1 WHERE sequence = 2", 2, "not what was written"),
        ("UPDATE audit SET hash = previous_hash WHERE sequence = 2", 2, "not what was written"),
        ("DELETE FROM audit WHERE sequence = 1", 1, "missing; the next one is 2"),
        ("DELETE FROM audit WHERE sequence BETWEEN 2 AND 3", 2, "missing; the next one is 4"),
        ("UPDATE audit SET sequence = sequence + 1 WHERE sequence = 5", 5, "missing; the next one is 6"),
        ("UPDATE audit SET sequence = 7 - sequence WHERE sequence > 100 OR sequence = -1", None, ""),
    ],
)
def test_what_was_changed_is_found(
    sqlite_store: Store, statement: str, first_bad: int | None, why: str
) -> None:
    with sqlite_store.transaction() as tx:
        for number in range(1, 6):
            write(tx, number)
        without_guard(tx)
        tx.connection.execute(text(statement))
        found = audit.verify(tx)
    assert (found.ok, found.first_bad) == (first_bad is None, first_bad)
    assert why in str(found.why)
    if first_bad:
        assert found.events == found.head[0] == first_bad - 1


def without_guard(tx: Tx) -> None:
    """As somebody who owns the file would: take the triggers away."""
    for trigger in ("audit_appended", "audit_not_updated", "audit_not_deleted"):
        tx.connection.exec_driver_sql(f"DROP TRIGGER {trigger}")


def test_a_cut_tail_is_found_with_an_anchor_only(sqlite_store: Store) -> None:
    with sqlite_store.transaction() as tx:
        for number in range(1, 6):
            write(tx, number)
        anchor = audit.head(tx)
        without_guard(tx)
        tx.connection.execute(text("DELETE FROM audit WHERE sequence > 3"))
        assert audit.verify(tx).ok
        found = audit.verify(tx, anchor=anchor)
    assert (found.ok, found.first_bad) == (False, 4)
    assert "cut off" in str(found.why)


def test_a_chain_written_anew_is_found_with_an_anchor_only(sqlite_store: Store) -> None:
    with sqlite_store.transaction() as tx:
        for number in range(1, 6):
            write(tx, number)
        anchor = (3, audit.listing(tx)[2].hash)
        assert audit.verify(tx, anchor=anchor).ok  # the chain may have grown since
        kept = audit.listing(tx)
        without_guard(tx)
        tx.connection.execute(text("DELETE FROM audit"))
        for event in kept:
            changed = replace(event, subject="innocent") if event.sequence == 2 else event
            audit.append(
                tx,
                time=changed.time,
                actor=changed.actor,
                verb=changed.verb,
                subject=changed.subject,
                facts=changed.facts,
            )
        assert audit.verify(tx).ok
        found = audit.verify(tx, anchor=anchor)
    assert (found.ok, found.first_bad) == (False, 3)
    assert "anew" in str(found.why)


def test_an_unreadable_event_is_named(sqlite_store: Store) -> None:
    with sqlite_store.transaction() as tx:
        write(tx, 1)
        without_guard(tx)
        tx.connection.execute(text("UPDATE audit SET verb = 'was.deleted'"))
        with pytest.raises(StoreError, match=r"event 1 cannot be read.*audit verify"):
            audit.listing(tx)


def test_stored_facts_are_canonical(store: Store) -> None:
    with store.transaction() as tx:
        write(tx, 1, facts={"b": 1, "a": {"d": [None, True], "c": "é"}})
        stored = tx.connection.execute(text("SELECT facts FROM audit")).scalar_one()
    assert stored == '{"a":{"c":"é","d":[null,true]},"b":1}'
    assert json.loads(stored) == {"b": 1, "a": {"d": [None, True], "c": "é"}}
