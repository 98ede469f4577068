"""How the devices of leases were used, summed up look by look."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_idle import gpu_use
from hub_ext.model.idleness import GpuUseSum
from hub_ext.phrase import Phrase

_rows = Rows(gpu_use, GpuUseSum, Phrase("use of a GPU"))


def find(tx: Tx, lease_id: str) -> GpuUseSum | None:
    """What is known of that lease, or None."""
    return _rows.find(tx, lease_id)


def get(tx: Tx, lease_id: str) -> GpuUseSum:
    """The same. Raises NotFound."""
    return _rows.get(tx, lease_id)


def listing(tx: Tx, lease_ids: Collection[str]) -> dict[str, GpuUseSum]:
    """What is known of those leases, by their id."""
    query = _rows.select().where(gpu_use.c.lease_id.in_(lease_ids))
    return {known.lease_id: known for known in _rows.all(tx, query)}


def add(tx: Tx, known: GpuUseSum) -> None:
    """Raises Conflict where something is known, NotFound for an unknown lease."""
    _rows.add(tx, known)


def replace(tx: Tx, known: GpuUseSum) -> None:
    """Another look. Raises NotFound."""
    _rows.replace(tx, known)
