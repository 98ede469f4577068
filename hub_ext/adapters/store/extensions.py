"""Time that people asked for after a warning."""

from __future__ import annotations

from datetime import datetime

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_idle import extensions
from hub_ext.model.idleness import TimeExtension
from hub_ext.phrase import Phrase

_rows = Rows(extensions, TimeExtension, Phrase("extension"))


def find(tx: Tx, launch_id: str, number: int) -> TimeExtension | None:
    """The extension of that number, or None."""
    return _rows.find(tx, launch_id, number)


def get(tx: Tx, launch_id: str, number: int) -> TimeExtension:
    """The extension of that number. Raises NotFound."""
    return _rows.get(tx, launch_id, number)


def listing(tx: Tx, launch_id: str) -> tuple[TimeExtension, ...]:
    """All of a launch, the first one first."""
    query = _rows.select().where(extensions.c.launch_id == launch_id)
    return _rows.all(tx, query.order_by(extensions.c.number))


def ends(tx: Tx, now: datetime) -> dict[str, datetime]:
    """The latest end of each launch that has one still ahead."""
    ahead = _rows.all(tx, _rows.select().where(extensions.c.until > now).order_by(extensions.c.until))
    return {one.launch_id: one.until for one in ahead}


def add(tx: Tx, extension: TimeExtension) -> None:
    """Raises Conflict for a number that is taken, NotFound for an unknown launch."""
    _rows.add(tx, extension)
