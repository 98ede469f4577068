"""The record searched: what an event is about, pages, and the plans of the queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from hub_ext.adapters.store import Store, Tx, audit_search, schema
from hub_ext.errors import NotFound
from hub_ext.model import Actor, ActorKind, Verb
from tests.adapters.store.samples import NOW, add_all, write

HUB = Actor(ActorKind.SERVICE, "hub")
ANNE = Actor(ActorKind.PERSON, "per-2")


def found(tx: Tx, kind: str, key: str, **more: Any) -> list[int]:
    """The sequences of what is about it, the newest first."""
    held = audit_search.page(tx, about=[(kind, key)], limit=100, **more)
    return [one.sequence for one in held]


@pytest.mark.parametrize(
    ("verb", "subject", "facts", "about"),
    [
        # The row that the event is about says to what it belongs.
        (Verb.LAUNCH_STOPPED, "lau-1", {}, {"person per-2", "project onco", "image python", "dataset mri"}),
        (Verb.RECONCILE_MENDED, "lau-1", {}, {"person per-2", "project onco", "image python", "dataset mri"}),
        (Verb.MEMBERSHIP_ENDED, "mem-1", {}, {"person per-2", "project onco"}),
        (Verb.APPROVAL_ENDED, "apr-1", {}, {"project onco"}),
        (Verb.GRANT_REVOKED, "gra-1", {}, {"project onco", "dataset mri"}),
        (Verb.VERSION_WITHDRAWN, "ver-1", {}, {"dataset mri"}),
        (Verb.VOLUME_QUARANTINED, "vol-1", {}, {"person per-2", "project onco"}),
        (Verb.DATASET_CHANGED, "mri", {"changed": {"stewards": [["per-1"], ["per-3"]]}}, {
            "dataset mri", "person per-1", "person per-3"}),
        (Verb.TERMS_ADDED, "mri", {}, {"dataset mri"}),
        (Verb.PERSON_ENDED, "per-2", {"why": "onco"}, {"person per-2"}),
        (Verb.LAUNCH_REFUSED, "lau-0", {"asked": {"project": "p", "image": "r", "datasets": ["a", "b"]}}, {
            "project p", "image r", "dataset a", "dataset b"}),
        (Verb.LAUNCH_STARTED, "lau-0", {"mounted": {"ct": "ver-9"}}, {"dataset ct"}),
        # Titles and what somebody typed are not names of things.
        (Verb.IMAGE_ADDED, "python", {"entry": {"slug": "python", "title": {"en": "mri"}, "path": "x"}}, {
            "image python"}),
        (Verb.LAUNCH_REFUSED, "lau-0", {"asked": {"project": "<b>" * 9, "datasets": ["x" * 200]}}, set()),
    ],
)  # fmt: skip
def test_what_an_event_is_about(
    sqlite_store: Store, verb: Verb, subject: str, facts: dict[str, Any], about: set[str]
) -> None:
    with sqlite_store.transaction() as tx:
        add_all(tx)
        write(tx, 1, actor=HUB, verb=verb, subject=subject, facts=facts)
        query = text("SELECT kind || ' ' || key FROM audit_subjects WHERE kind <> 'verb'")
        assert set(tx.connection.execute(query).scalars()) == about


def test_pages_in_both_directions(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(1, 8):
            # One is written while the clock stood an hour back.
            when = NOW + timedelta(minutes=number) - timedelta(hours=number == 4)
            write(tx, number, time=when, actor=ANNE if number % 2 else HUB, verb=Verb.LAUNCH_REFUSED)
        by_time = [7, 6, 5, 3, 2, 1, 4]
        everything = [one.sequence for one in audit_search.page(tx, limit=100)]
        assert everything == found(tx, "verb", "launch") == by_time
        for about in ((), [("verb", "launch.refused")]):
            seen: list[int] = []
            while page := audit_search.page(tx, about=about, beyond=seen[-1] if seen else None, limit=2):
                seen += [one.sequence for one in page]
            assert seen == by_time
            back = audit_search.page(tx, about=about, beyond=2, limit=9, oldest_first=True)
            assert [one.sequence for one in back] == [3, 5, 6, 7]
        assert found(tx, "person", "per-2") == [7, 5, 3, 1]
        with pytest.raises(NotFound):
            audit_search.page(tx, beyond=99, limit=1)


def test_all_conditions_hold_at_once(store: Store) -> None:
    with store.transaction() as tx:
        add_all(tx)
        for number, (actor, verb) in enumerate(
            [(HUB, Verb.LAUNCH_STOPPED), (ANNE, Verb.LAUNCH_ADMITTED), (ANNE, Verb.GRANT_ADDED)], 1
        ):
            when = NOW + timedelta(hours=number)
            write(tx, number, time=when, actor=actor, verb=verb, subject="lau-1", facts={})
        verbs = tuple(verb for verb in Verb if verb.value.startswith("launch."))
        assert found(tx, "person", "per-2", verbs=verbs) == [2, 1]
        assert found(tx, "person", "per-2", verbs=(Verb.GRANT_ADDED, Verb.LAUNCH_ADMITTED)) == [3, 2]
        assert found(tx, "dataset", "mri", since=NOW + timedelta(hours=2)) == [3, 2]
        assert found(tx, "dataset", "mri", until=NOW + timedelta(hours=2)) == [1]
        assert found(tx, "dataset", "mri", verbs=(Verb.LAUNCH_STOPPED,)) == [1]
        both = audit_search.page(tx, about=[("dataset", "mri"), ("image", "other")], limit=9)
        assert both == ()


def test_events_from_before_are_found_after_the_upgrade(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(url)
    with store.transaction() as tx:
        add_all(tx)
        write(tx, 1, actor=HUB, verb=Verb.LAUNCH_STOPPED, subject="lau-1", facts={})
        before = tx.connection.execute(text("SELECT * FROM audit_subjects")).all()
        assert before
        tx.connection.execute(text("DROP TABLE audit_subjects"))
        tx.connection.execute(text("UPDATE hub_ext_schema SET version_num = '0004'"))
        with monkeypatch.context() as older:
            older.setattr(schema, "HEAD", "0005")
            schema.upgrade(tx.connection)
        assert sorted(tx.connection.execute(text("SELECT * FROM audit_subjects")).all()) == sorted(before)
    store.close()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"since": NOW, "until": NOW + timedelta(days=1)},
        {"about": [("person", "per-2")]},
        {"about": [("person", "per-2"), ("dataset", "mri")], "verbs": (Verb.LAUNCH_STOPPED,), "since": NOW},
        {"about": [("project", "onco")], "beyond": 1, "until": NOW},
        {"about": [("project", "onco")], "beyond": 1, "oldest_first": True},
        {"verbs": tuple(verb for verb in Verb if verb.value.startswith("launch."))},
        {"beyond": 1},
    ],
)
def test_a_search_walks_one_index_and_sorts_nothing(sqlite_store: Store, asked: dict[str, Any]) -> None:
    with sqlite_store.transaction() as tx:
        add_all(tx)
        write(tx, 1, actor=ANNE, verb=Verb.LAUNCH_STOPPED, subject="lau-1", facts={})
        plans: list[str] = []

        def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("SELECT"):
                held = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in held.fetchall())

        event.listen(tx.connection, "before_cursor_execute", explain)
        audit_search.page(tx, limit=50, **asked)
        assert plans
        for step in plans:
            assert "TEMP B-TREE" not in step, plans
            assert not step.startswith("SCAN audit_subjects"), plans
            assert not step.startswith("SCAN audit") or "USING INDEX ix_audit_time" in step, plans
