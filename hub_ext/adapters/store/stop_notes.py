"""What operators said to the owners of servers that they stopped."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_stops import stop_notes
from hub_ext.model.launches import StopNote
from hub_ext.phrase import Phrase

_rows = Rows(stop_notes, StopNote, Phrase("note"))


def find(tx: Tx, launch_id: str) -> StopNote | None:
    """What was said of that launch, or None."""
    return _rows.find(tx, launch_id)


def get(tx: Tx, launch_id: str) -> StopNote:
    """The same. Raises NotFound."""
    return _rows.get(tx, launch_id)


def add(tx: Tx, note: StopNote) -> None:
    """Raises Conflict where something was said already, NotFound for an unknown launch."""
    _rows.add(tx, note)
