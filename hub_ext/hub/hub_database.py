"""The Hub's own database in SQLite: commits that wait for no disk.

A start writes into it half a dozen times on the Hub's one event loop, and in SQLite's default mode each time
everybody waits for the disk. With a write-ahead log and `synchronous = NORMAL` the database stays whole
whatever happens; a machine that loses its power may lose the last moments of it, and its servers with them.
Our store, which holds the record, keeps waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


def commit_without_waiting(path: Path) -> Callable[..., None]:
    """Holds for every connection that this process makes to that file from now on, and for no other.

    The listener, for whoever wants to take it back.
    """

    def on_connect(connection: Any, record: object) -> None:
        if not type(connection).__module__.startswith("sqlite3"):
            return
        files = [row[2] for row in connection.execute("PRAGMA database_list")]
        if str(path) in files:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")

    event.listen(Engine, "connect", on_connect)
    return on_connect
