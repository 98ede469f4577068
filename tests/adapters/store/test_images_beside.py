"""What registries said, and launches by image."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub_ext.adapters.store import Store, launches, remembered
from hub_ext.model import LaunchState
from tests.adapters.store import samples
from tests.adapters.store.samples import NOW, filled


def test_launches_of_an_image(store: Store) -> None:
    with filled(store).transaction() as tx:
        launches.add(tx, samples.launch(2, state=LaunchState.RUNNING))
        assert [known.id for known in launches.listing(tx, image="python")] == ["lau-2", "lau-1"]
        assert launches.listing(tx, image="r") == ()
        assert launches.counted(tx, image="python") == {1: 2}
        assert launches.counted(tx, image="r") == {}


def test_launches_of_an_image_are_found_by_index(sqlite_store: Store) -> None:
    with filled(sqlite_store).reading() as tx:
        for query in (
            "SELECT * FROM launches WHERE image = 'x' ORDER BY admitted DESC, id DESC LIMIT 1",
            "SELECT revision, count(*) FROM launches WHERE image = 'x' GROUP BY revision",
        ):
            plan = [row.detail for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
            assert any("ix_launches_image_admitted" in step for step in plan), plan


def test_what_is_remembered_is_replaced(store: Store) -> None:
    with store.transaction() as tx:
        remembered.put(tx, {"a": {"x": [1, "é"]}, "b": {}}, NOW)
        remembered.put(tx, {"a": {"y": 2}}, NOW + timedelta(minutes=1))
        found = remembered.find_all(tx, ["a", "b", "c"])
        assert {key: (dict(known.value), known.seen) for key, known in found.items()} == {
            "a": ({"y": 2}, NOW + timedelta(minutes=1)),
            "b": ({}, NOW),
        }
        assert remembered.find(tx, "c") is None


def test_the_oldest_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_ROWS", 2)
    with store.transaction() as tx:
        for number in (3, 1, 2):
            remembered.put(tx, {str(number): {}}, NOW + timedelta(minutes=number))
        assert set(remembered.find_all(tx, "123")) == {"2", "3"}
