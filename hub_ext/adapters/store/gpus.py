"""GPUs: devices that launches may hold."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import gpus
from hub_ext.model import Gpu
from hub_ext.phrase import Phrase

_rows = Rows(gpus, Gpu, Phrase("GPU"))


def find(tx: Tx, gpu_id: str) -> Gpu | None:
    """The GPU with that id, or None."""
    return _rows.find(tx, gpu_id)


def get(tx: Tx, gpu_id: str) -> Gpu:
    """The GPU with that id. Raises NotFound."""
    return _rows.get(tx, gpu_id)


def listing(tx: Tx, *, node: str | None = None) -> tuple[Gpu, ...]:
    """GPUs by id, lost and ended ones included."""
    query = _rows.select().order_by(gpus.c.id)
    if node is not None:
        query = query.where(gpus.c.node == node)
    return _rows.all(tx, query)


def add(tx: Tx, gpu: Gpu) -> None:
    """Raises Conflict where the id is taken, NotFound for an unknown node."""
    _rows.add(tx, gpu)


def replace(tx: Tx, gpu: Gpu) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, gpu)
