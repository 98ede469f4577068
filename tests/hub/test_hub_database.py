"""The Hub's own database, and no other, commits without waiting for the disk."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine

from hub_ext.hub import hub_database

NORMAL, FULL = 1, 2


def pragmas(path: Path) -> tuple[str, int]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        mode, synchronous = (
            connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        )
    engine.dispose()
    return str(mode), int(synchronous)


def test_only_the_file_that_is_named(tmp_path: Path) -> None:
    assert pragmas(tmp_path / "hub.sqlite") == ("delete", FULL)
    listens = hub_database.commit_without_waiting(tmp_path / "hub.sqlite")
    try:
        assert pragmas(tmp_path / "hub.sqlite") == ("wal", NORMAL)
        assert pragmas(tmp_path / "store.sqlite") == ("delete", FULL)
    finally:
        event.remove(Engine, "connect", listens)
