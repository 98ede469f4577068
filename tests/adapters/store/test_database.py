"""One writer, consistent readers, bounded waits, and sentences where the database fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from hub_ext.adapters.store import Store, nodes, persons
from hub_ext.errors import StoreError
from tests.adapters.store.samples import NODE, SPONSOR


def test_files_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
        with store.transaction() as tx:
            nodes.add(tx, NODE)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"), 0o600)


def test_a_file_left_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.touch()
    path.chmod(0o644)
    Store.open(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sqlite_is_set_up_on_every_connection(sqlite_store: Store) -> None:
    with sqlite_store.reading() as first, sqlite_store.reading() as second:
        for tx in (first, second):
            for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)):
                assert tx.connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_failed_block_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            nodes.add(tx, NODE)
            raise KeyError("caller's")

    with pytest.raises(KeyError):
        fail()
    with store.reading() as tx:
        assert nodes.listing(tx) == ()


def test_readers_see_one_snapshot_while_a_writer_commits(store: Store) -> None:
    with store.reading() as tx:
        assert nodes.listing(tx) == ()
        with store.transaction() as writing:
            nodes.add(writing, NODE)
        assert nodes.listing(tx) == ()
    with store.reading() as tx:
        assert nodes.listing(tx) == (NODE,)


def test_a_transaction_inside_a_transaction_is_a_mistake(store: Store) -> None:
    with store.transaction(), pytest.raises(RuntimeError, match="wait for itself"), store.transaction():
        pass
    with store.transaction():
        pass


def test_threads_take_turns(store: Store) -> None:
    def add(number: int) -> None:
        with store.transaction() as tx:
            uid = persons.next_uid(tx)
            persons.add(tx, replace(SPONSOR, id=f"per-{number}", subject=str(number), uid=uid))
        with store.reading() as tx:
            persons.get(tx, f"per-{number}")

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(add, range(60)))
    with store.reading() as tx:
        assert sorted(person.uid for person in persons.listing(tx)) == list(range(20000, 20060))


def test_another_process_that_holds_the_writer_is_not_waited_for_forever(store_url: str) -> None:
    holder, waiting = Store.open(store_url), Store.open(store_url, wait_seconds=0.3)
    with holder.transaction() as tx:
        nodes.add(tx, NODE)
        began = time.monotonic()
        with pytest.raises(StoreError, match="held by another process") as raised, waiting.transaction():
            pass
        assert time.monotonic() - began < 3
        assert raised.value.advice
        with waiting.reading() as reading:  # readers go on
            assert nodes.listing(reading) == ()
    with waiting.transaction() as tx:  # and it recovers by itself
        assert nodes.listing(tx) == (NODE,)
    holder.close()
    waiting.close()


def test_another_thread_that_holds_the_writer_is_not_waited_for_forever(store_url: str) -> None:
    store = Store.open(store_url, wait_seconds=0.3)
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store.transaction():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with pytest.raises(StoreError, match="held by another"), store.transaction():
        pass
    done.set()
    thread.join()
    with store.transaction():
        pass
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "not a database URL"),
        ("store.sqlite", "not a database URL"),
        ("mysql://host/db", "'mysql'"),
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("sqlite:////nowhere/at/all/store.sqlite", "No such file"),
        ("postgresql://someone:s3cret@127.0.0.1:9/db", "refused"),
    ],
)
def test_bad_urls(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as raised:
        Store.open(url, wait_seconds=2)
    assert raised.value.advice
    assert "s3cret" not in str(raised.value)


def test_postgresql_without_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"hub-ext\[postgresql\]"):
        Store.open("postgresql://localhost/db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("dear diary\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")


def test_a_full_disk_refuses_and_recovers(sqlite_store: Store) -> None:
    """SQLite's own limit on pages stands for the disk: the error is the same, "database or disk is full"."""
    with sqlite_store.transaction() as tx:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    large = replace(NODE, engine_url="u" * 10_000_000)
    with pytest.raises(StoreError, match=r"full.*room"), sqlite_store.transaction() as tx:
        nodes.add(tx, large)
    with sqlite_store.transaction() as tx:
        assert nodes.listing(tx) == ()
        tx.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        nodes.add(tx, NODE)


def test_postgresql_stopped_and_started_again(
    postgresql: Callable[[str], str], postgresql_store_url: str
) -> None:
    """Every connection of the pool is cut; the next transaction works without a restart."""
    store = Store.open(postgresql_store_url)
    with store.transaction() as tx:
        nodes.add(tx, NODE)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'hubext'"

    def read() -> None:
        with store.reading() as tx:
            nodes.listing(tx)
            postgresql(cut)
            nodes.listing(tx)

    with pytest.raises(StoreError, match="terminat") as raised:
        read()
    assert raised.value.advice
    postgresql(cut)
    with store.transaction() as tx:
        assert nodes.listing(tx) == (NODE,)
    store.close()


def test_errors_name_no_values(sqlite_store: Store) -> None:
    """The driver's errors go to logs; people's names do not."""
    with pytest.raises(StoreError) as raised, sqlite_store.transaction() as tx:
        tx.connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "Anne Noël"})
    assert "Anne" not in str(raised.value)
    assert "Anne" not in str(raised.value.__cause__)


def test_backups_are_refused_nothing(sqlite_store: Store, sqlite_store_url: str, tmp_path: Path) -> None:
    """SQLite's online backup works beside a running writer."""
    with sqlite_store.transaction() as tx:
        nodes.add(tx, NODE)
    with sqlite_store.transaction():
        source = sqlite3.connect(sqlite_store_url.removeprefix("sqlite:///"))
        target = sqlite3.connect(tmp_path / "copy.sqlite")
        source.backup(target)
        source.close()
        target.close()
    copy = Store.open(f"sqlite:///{tmp_path / 'copy.sqlite'}")
    with copy.reading() as tx:
        assert nodes.listing(tx) == (NODE,)
    copy.close()
