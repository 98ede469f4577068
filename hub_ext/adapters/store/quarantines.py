"""Quarantines of volumes, one for each dataset whose stewards asked for it."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_revocation import quarantines
from hub_ext.model import Quarantine
from hub_ext.phrase import Phrase

_rows = Rows(quarantines, Quarantine, Phrase("quarantine"))


def find(tx: Tx, quarantine_id: str) -> Quarantine | None:
    """The quarantine with that id, or None."""
    return _rows.find(tx, quarantine_id)


def get(tx: Tx, quarantine_id: str) -> Quarantine:
    """The quarantine with that id. Raises NotFound."""
    return _rows.get(tx, quarantine_id)


def standing(tx: Tx, volume_ids: Collection[str]) -> tuple[Quarantine, ...]:
    """Those of these volumes that nobody has released, the oldest first."""
    query = _rows.select().where(quarantines.c.volume_id.in_(volume_ids), quarantines.c.released.is_(None))
    return _rows.all(tx, query.order_by(quarantines.c.since, quarantines.c.id))


def add(tx: Tx, quarantine: Quarantine) -> None:
    """Raises Conflict where one stands for that volume and dataset, NotFound where either is unknown."""
    _rows.add(tx, quarantine)


def replace(tx: Tx, quarantine: Quarantine) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, quarantine)
