"""Since when kernels have been busy, so that a culler that starts again does not begin anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables_doors import busy_since
from hub_ext.model.doors import BusySince
from hub_ext.phrase import Phrase

_rows = Rows(busy_since, BusySince, Phrase("busy time"))


def find(tx: Tx, launch_id: str) -> BusySince | None:
    """Since when a kernel of that launch has been busy, or None."""
    return _rows.find(tx, launch_id)


def get(tx: Tx, launch_id: str) -> BusySince:
    """Since when a kernel of that launch has been busy. Raises NotFound."""
    return _rows.get(tx, launch_id)


def starts(tx: Tx) -> dict[str, datetime]:
    """The beginning of every launch's busy time, by launch id."""
    return {busy.launch_id: busy.since for busy in _rows.all(tx, _rows.select())}


def add(tx: Tx, busy: BusySince) -> None:
    """Raises Conflict for a launch that has one, NotFound for an unknown launch."""
    _rows.add(tx, busy)


def replace_all(tx: Tx, starts: Mapping[str, datetime]) -> None:
    """Keep these and no others. Raises NotFound for an unknown launch."""
    writing(tx)
    tx.connection.execute(busy_since.delete())
    for launch_id, since in starts.items():
        _rows.add(tx, BusySince(launch_id, since))
