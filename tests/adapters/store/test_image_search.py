"""The catalogue searched: what is found, pages, and the plans of the queries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text

from hub_ext.adapters.store import Store, Tx, image_search, images, schema
from hub_ext.model import ImageEntry, ImageState, Localised
from tests.adapters.store.samples import NOW

PLAIN = ImageEntry("python", Localised("Python", "Python"), Localised("", ""), "main", "x/y", "1", NOW)
ENTRIES = (
    replace(PLAIN, slug="a", title=Localised("Epidemiology 100%", "ÉPIDÉMIOLOGIE"), projects=("onco",)),
    replace(PLAIN, slug="b", path="hub-ext/under_score", state=ImageState.RETIRED),
    replace(PLAIN, slug="c", description=Localised("Straße", "rue"), projects=("cardio", "onco-2")),
    replace(PLAIN, slug="d", title=Localised("Genomics", "Génomique"), state=ImageState.PUBLISHED),
)


def add_all(tx: Tx) -> None:
    for entry in ENTRIES:
        images.add(tx, entry)


def found(tx: Tx, **wanted: Any) -> str:
    more: dict[str, Any] = {"after": "", "limit": 9} | wanted
    return "".join(entry.slug for entry in images.found(tx, **more))


@pytest.mark.parametrize(
    ("wanted", "slugs"),
    [
        ({}, "abcd"),
        ({"text": "épidémiologie"}, "a"),
        ({"text": "  EPIDEMIO "}, "a"),
        ({"text": "strasse"}, "c"),
        ({"text": "100%"}, "a"),
        ({"text": "%"}, "a"),
        ({"text": "r_s"}, "b"),
        ({"text": "_"}, "b"),
        ({"text": "hub-ext/"}, "b"),
        ({"text": "genomique"}, "d"),
        ({"text": "python"}, "bc"),
        ({"text": "\x00"}, ""),
        ({"text": "'; DROP TABLE images"}, ""),
        ({"state": ImageState.DRAFT}, "ac"),
        ({"state": ImageState.PUBLISHED, "text": "gen"}, "d"),
        ({"project": "onco"}, "abd"),
        ({"project": "onco-2"}, "bcd"),
        ({"project": "on%"}, "bd"),
        ({"project": "onco", "state": ImageState.DRAFT, "text": "epi"}, "a"),
        ({"after": "b"}, "cd"),
        ({"after": "a", "limit": 2}, "bc"),
        ({"after": "\x00"}, ""),
    ],
)
def test_what_is_found(store: Store, wanted: dict[str, Any], slugs: str) -> None:
    with store.transaction() as tx:
        add_all(tx)
        assert found(tx, **wanted) == slugs


def test_an_edit_is_found_at_once_and_what_was_is_not(store: Store) -> None:
    with store.transaction() as tx:
        add_all(tx)
        other = replace(ENTRIES[3], title=Localised("Imaging", "Imagerie"), state=ImageState.DEPRECATED)
        images.replace(tx, other, expected_version=1)
        assert found(tx, text="imagerie", state=ImageState.DEPRECATED) == "d"
        assert found(tx, text="genomi") == found(tx, state=ImageState.PUBLISHED) == ""


def test_entries_from_before_are_found_after_the_upgrade(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(url)
    rows = text("SELECT * FROM image_search ORDER BY slug")
    with store.transaction() as tx:
        add_all(tx)
        before = tx.connection.execute(rows).all()
        tx.connection.execute(text("DROP TABLE image_search"))
        tx.connection.execute(text("UPDATE hub_ext_schema SET version_num = '0010'"))
        with monkeypatch.context() as older:
            older.setattr(schema, "HEAD", "0011")
            schema.upgrade(tx.connection)
        assert tx.connection.execute(rows).all() == before
        assert len(before) == len(ENTRIES)
    store.close()


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"after": "b"},
        {"text": "python", "after": "b"},
        {"project": "onco", "text": "python"},
        {"state": ImageState.DRAFT, "after": "b"},
        {"state": ImageState.RETIRED, "text": "python", "project": "onco"},
    ],
)
def test_a_page_walks_one_index_in_its_order(sqlite_store: Store, wanted: dict[str, Any]) -> None:
    plans: list[str] = []

    def explain(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked = conn.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in asked)

    with sqlite_store.transaction() as tx:
        add_all(tx)
        event.listen(tx.connection, "before_cursor_execute", explain)
        found(tx, **wanted)
    key = "ix_image_search_state_slug (state=? AND slug>?)" if "state" in wanted else "PRIMARY KEY (slug>?)"
    assert len(plans) == 2
    assert plans[0].startswith("SEARCH image_search USING")
    assert plans[0].endswith(key), plans[0]
    assert plans[1].startswith("SEARCH images USING INDEX sqlite_autoindex_images_1 (slug=?)")


def test_folding_is_that_of_the_rows_in_stores() -> None:
    """A change of it needs a migration that makes all rows anew."""
    assert image_search.words_of(ENTRIES[2]) == "c\npython\npython\nstrasse\nrue\nx/y"
