"""Warnings to idle servers that stand."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables_idle import idle_warnings
from hub_ext.model.idleness import IdleWarning
from hub_ext.phrase import Phrase

_rows = Rows(idle_warnings, IdleWarning, Phrase("warning"))


def find(tx: Tx, launch_id: str) -> IdleWarning | None:
    """The warning that stands, or None."""
    return _rows.find(tx, launch_id)


def get(tx: Tx, launch_id: str) -> IdleWarning:
    """The same. Raises NotFound."""
    return _rows.get(tx, launch_id)


def listing(tx: Tx) -> tuple[IdleWarning, ...]:
    """All of them, the next end first."""
    return _rows.all(tx, _rows.select().order_by(idle_warnings.c.at, idle_warnings.c.launch_id))


def add(tx: Tx, warning: IdleWarning) -> None:
    """Raises Conflict where one stands, NotFound for an unknown launch."""
    _rows.add(tx, warning)


def replace(tx: Tx, warning: IdleWarning) -> None:
    """Another reason or time. Raises NotFound."""
    _rows.replace(tx, warning)


def remove(tx: Tx, launch_ids: Collection[str]) -> None:
    """Something happened, or they ended."""
    writing(tx)
    tx.connection.execute(idle_warnings.delete().where(idle_warnings.c.launch_id.in_(launch_ids)))
