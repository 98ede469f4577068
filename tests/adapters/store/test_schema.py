"""Migrations and tables say the same; what is not ours or too new is refused."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from hub_ext.adapters.store import Store, schema
from hub_ext.adapters.store.table_parts import metadata
from hub_ext.errors import StoreError


def test_migrations_make_the_tables(store: Store) -> None:
    with store.reading() as tx:
        context = MigrationContext.configure(tx.connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_very_same_statements(sqlite_store: Store, tmp_path: Path) -> None:
    """The comparison above does not see the condition of a partial index, nor the names of constraints."""
    plain = create_engine(f"sqlite:///{tmp_path / 'plain.sqlite'}")
    metadata.create_all(plain)
    query = text("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL")
    with plain.connect() as connection, sqlite_store.reading() as tx:
        wanted = {name: _words(sql) for name, sql in connection.execute(query)}
        found = {name: _words(sql) for name, sql in tx.connection.execute(query)}
    plain.dispose()
    del found[schema.VERSION_TABLE]
    assert found == wanted


def _words(sql: str) -> list[str]:
    """The statement without regard to the order and the lines of its columns and constraints.

    SQLite writes a column that was added later on the last line, before the bracket.
    """
    parts = (re.sub(r"\s+", " ", part).strip(" )") for part in re.split(r"[,\n]", sql.replace('"', "")))
    return sorted(part for part in parts if part)


def test_head_is_the_newest_migration(store: Store) -> None:
    with store.reading() as tx:
        script = ScriptDirectory.from_config(schema.alembic_config(tx.connection))
        assert script.get_heads() == [schema.HEAD]
        assert schema.revision(tx.connection) == schema.HEAD


def test_a_newer_store_is_refused_untouched(store: Store, store_url: str) -> None:
    with store.transaction() as tx:
        tx.connection.execute(text("UPDATE hub_ext_schema SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"schema 9999, which this hub-ext does not know.*install") as raised:
        Store.open(store_url)
    assert raised.value.advice
    with store.reading() as tx:
        assert schema.revision(tx.connection) == "9999"


@pytest.mark.parametrize("before", ["0001", "0002"])
def test_a_store_in_between_is_upgraded_and_keeps_its_rows(
    url: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "HEAD", before)
        store = Store.open(url)
    with store.transaction() as tx:
        assert schema.revision(tx.connection) == before
        tx.connection.execute(
            text("INSERT INTO nodes (id, engine_url, created) VALUES ('n', 'u', '2026-01-01 00:00:00')")
        )
    store.close()
    upgraded = Store.open(url)
    with upgraded.reading() as tx:
        assert schema.revision(tx.connection) == schema.HEAD
        assert tx.connection.execute(text("SELECT count(*) FROM nodes")).scalar() == 1
    upgraded.close()


def test_somebody_elses_database_is_refused(url: str) -> None:
    theirs = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with theirs.begin() as connection:
        connection.execute(text("CREATE TABLE spawners (id INTEGER)"))
    theirs.dispose()
    with pytest.raises(StoreError, match=r"'spawners'.*of its own"):
        Store.open(url)


def test_a_failed_migration_leaves_nothing(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import command

    upgrade = command.upgrade

    def broken(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(command, "upgrade", broken)
    with pytest.raises(RuntimeError):
        Store.open(sqlite_url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
    monkeypatch.undo()
    Store.open(sqlite_url).close()


def test_a_new_store_waits_for_whoever_writes_to_it(tmp_path: Path) -> None:
    """Before the write-ahead log is on, SQLite refuses at once where somebody is about to write."""
    path = tmp_path / "store.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Store.open, f"sqlite:///{path}")
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.5)
        other.execute("COMMIT")
        opening.result(timeout=30).close()
    other.close()


def test_a_new_store_that_stays_locked_is_refused_in_bounded_time(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="held by another process"):
        Store.open(f"sqlite:///{path}", wait_seconds=0.3)
    other.close()


def test_several_may_open_a_new_store_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(Store.open, [url] * 4))
    for store in stores:
        with store.reading() as tx:
            assert schema.revision(tx.connection) == schema.HEAD
        store.close()
