"""The connection to SQLite or PostgreSQL: one writer at a time, readers on a consistent snapshot."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from hub_ext.adapters.store import schema
from hub_ext.adapters.store.rows import Tx
from hub_ext.errors import StoreError

WAIT_SECONDS = 10.0  # for the one writer before us; twice that is the longest a transaction waits
STATEMENT_SECONDS = 60
# Any number of ours: PostgreSQL's advisory locks are shared by all programs on one database.
ADVISORY_LOCK = 0x6875622D657874  # "hub-ext"
_LOOK_SECONDS = 0.01


class Store:
    """The site's records. Synchronous and safe to use from several threads and processes at once.

    `wait_seconds` bounds the wait for another writer; past it, StoreError. Nothing is retried: the next
    transaction works as soon as the database does.
    """

    def __init__(self, engine: Engine, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._engine = engine
        self._wait_seconds = wait_seconds
        # Threads of one process queue here: SQLite's own wait is a poll that may starve one of them.
        self._writer = threading.Lock()
        self._thread = threading.local()

    @classmethod
    def open(cls, url: str, *, wait_seconds: float = WAIT_SECONDS) -> Store:
        """The store at a SQLAlchemy URL, created or brought to the newest schema.

        Raises StoreError, also for a database that a newer hub-ext wrote or that is somebody else's.
        """
        store = cls(_engine(url, wait_seconds), wait_seconds=wait_seconds)
        try:
            with store.reading() as tx:
                current = schema.revision(tx.connection)
            if current != schema.HEAD:
                with store.transaction() as tx:
                    schema.upgrade(tx.connection)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Give the connections back. The store is not used afterwards."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """The only way to write: one transaction at a time, over all processes.

        Commits at the end of the block, rolls back when it raises. What is read inside cannot change
        before the commit.
        """
        if getattr(self._thread, "writing", False):
            raise RuntimeError("transaction() inside transaction() would wait for itself")
        if not self._writer.acquire(timeout=self._wait_seconds):
            raise _busy()
        self._thread.writing = True
        try:
            with _translated(), self._connection(write=True) as connection, connection.begin():
                if connection.dialect.name == "postgresql":
                    _lock_postgresql(connection, self._wait_seconds)
                yield Tx(connection, writable=True)
        finally:
            self._thread.writing = False
            self._writer.release()

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """One consistent snapshot, which neither waits for the writer nor holds it up."""
        with _translated(), self._connection(write=False) as connection, connection.begin():
            yield Tx(connection, writable=False)

    def forget(self) -> None:
        """What was overwritten leaves SQLite's log too; where a reader holds it, with the next checkpoint.

        PostgreSQL keeps it until its own VACUUM.
        """
        if self._engine.dialect.name == "sqlite":
            with _translated(), self._engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    @contextmanager
    def _connection(self, *, write: bool) -> Iterator[Connection]:
        options: dict[str, Any] = {"hub_ext_write": write}
        if self._engine.dialect.name == "postgresql" and not write:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._engine.connect() as connection:
            yield connection.execution_options(**options)


def _engine(url: str, wait_seconds: float) -> Engine:
    parsed = _parsed(url)
    options: dict[str, Any] = {
        "json_serializer": lambda value: json.dumps(value, ensure_ascii=False),
        "pool_timeout": wait_seconds,
        # Parameters are people's names; they have no place in a log or an error.
        "hide_parameters": True,
    }
    if parsed.get_backend_name() == "sqlite":
        _make_private_file(parsed)
        engine = create_engine(
            parsed, connect_args={"timeout": wait_seconds, "check_same_thread": False}, **options
        )
        event.listen(engine, "connect", partial(_set_up_sqlite, wait_seconds=wait_seconds))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    settings = f"-c statement_timeout={STATEMENT_SECONDS * 1000} -c timezone=UTC"
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": int(wait_seconds) or 1, "options": settings},
            pool_pre_ping=True,
            **options,
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "The store's URL names PostgreSQL, and its driver psycopg is not installed.",
            advice="Install hub-ext[postgresql].",
        ) from error


_URL = "Set c.HubExt.store_url to sqlite:////FOLDER/store.sqlite or postgresql://…, or leave it empty."


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("c.HubExt.store_url is not a database URL.", advice=_URL) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            "The store cannot be kept in {kind!r}.",
            advice=_URL,
            kind=parsed.get_backend_name(),
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("The store cannot be kept in memory only.", advice=_URL)
    return parsed


def _make_private_file(url: URL) -> None:
    """Make the file with mode 600 before SQLite does; its journals take the mode over."""
    path = Path(str(url.database))
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077 and path.stat().st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            "The store {path} cannot be opened: {why}.",
            advice="Check that its folder exists and is writable for the user that runs hub-ext.",
            path=str(path),
            why=error.strerror,
        ) from error


def _set_up_sqlite(connection: Any, _record: ConnectionPoolEntry, *, wait_seconds: float) -> None:
    # The driver would begin transactions by itself, and too late; `_begin_sqlite` does it.
    connection.isolation_level = None
    _use_wal(connection, wait_seconds)
    # What is overwritten, such as an erased name, does not stay in free pages of the file.
    for pragma in ("foreign_keys = ON", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: Any, wait_seconds: float) -> None:
    """Turns the write-ahead log on. The mode is kept in the file: only a new one has it to be changed."""
    end = time.monotonic() + wait_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite's own wait does not hold here: two that change the mode would wait for each other.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_LOOK_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("hub_ext_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _lock_postgresql(connection: Connection, wait_seconds: float) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {max(1, int(wait_seconds * 1000))}"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        original = getattr(error, "orig", None) or error
        said = str(original).strip().splitlines()[0] if str(original).strip() else type(error).__name__
        if "database is locked" in said or "lock timeout" in said:
            raise _busy() from error
        raise StoreError(
            "The store failed: {said}.",
            advice="Check the room on its disk and its owner, or that the database server answers; "
            "the next try needs no restart.",
            said=said,
        ) from error


def _busy() -> StoreError:
    return StoreError(
        "The store is held by another process for too long.",
        advice="Try again; if it lasts, look for a backup or a shell that keeps a transaction open.",
    )
