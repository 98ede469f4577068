"""What was found out elsewhere or takes long, kept with its age. All of it can be found out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from hub_ext.adapters.store.rows import Tx, writing
from hub_ext.adapters.store.tables_images import remembered

MOST_ROWS = 5000  # some 20 KB each at most; the oldest go


@dataclass(frozen=True, slots=True)
class Remembered:
    """A value, and when it was last seen."""

    value: Mapping[str, Any]
    seen: datetime


def find(tx: Tx, key: str) -> Remembered | None:
    """What is remembered under that key, or None."""
    return find_all(tx, [key]).get(key)


def find_all(tx: Tx, keys: Iterable[str]) -> dict[str, Remembered]:
    """What is remembered under these keys (some hundreds at most); unknown ones are left out."""
    query = select(remembered).where(remembered.c.key.in_(list(keys)))
    return {row.key: Remembered(row.value, row.seen) for row in tx.connection.execute(query)}


def put(tx: Tx, values: Mapping[str, Mapping[str, Any]], seen: datetime) -> None:
    """Remember these values by key, instead of what was there; beyond MOST_ROWS the oldest are forgotten."""
    writing(tx)
    if not values:
        return
    tx.connection.execute(delete(remembered).where(remembered.c.key.in_(list(values))))
    rows = [{"key": key, "value": value, "seen": seen} for key, value in values.items()]
    tx.connection.execute(remembered.insert(), rows)
    old = select(remembered.c.key).order_by(remembered.c.seen.desc(), remembered.c.key).offset(MOST_ROWS)
    tx.connection.execute(delete(remembered).where(remembered.c.key.in_(old)))
