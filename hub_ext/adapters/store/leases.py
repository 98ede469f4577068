"""Leases: shares of GPUs held by launches. Active until ended; never two on one share."""

from __future__ import annotations

from datetime import datetime

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables import gpus, leases
from hub_ext.model import Lease
from hub_ext.phrase import Phrase

_rows = Rows(leases, Lease, Phrase("lease"))


def find(tx: Tx, lease_id: str) -> Lease | None:
    """The lease with that id, or None."""
    return _rows.find(tx, lease_id)


def get(tx: Tx, lease_id: str) -> Lease:
    """The lease with that id. Raises NotFound."""
    return _rows.get(tx, lease_id)


def active(tx: Tx, *, node: str | None = None, launch_id: str | None = None) -> tuple[Lease, ...]:
    """Leases that are held now, the oldest first."""
    query = _rows.select().where(leases.c.ended.is_(None)).order_by(leases.c.since, leases.c.id)
    if node is not None:
        query = query.join(gpus, gpus.c.id == leases.c.gpu_id).where(gpus.c.node == node)
    if launch_id is not None:
        query = query.where(leases.c.launch_id == launch_id)
    return _rows.all(tx, query)


def listing(tx: Tx, *, launch_id: str | None = None) -> tuple[Lease, ...]:
    """Leases, the oldest first, ended ones included."""
    query = _rows.select().order_by(leases.c.since, leases.c.id)
    if launch_id is not None:
        query = query.where(leases.c.launch_id == launch_id)
    return _rows.all(tx, query)


def add(tx: Tx, lease: Lease) -> None:
    """Raises Conflict where the share is held, NotFound for an unknown GPU or launch."""
    _rows.add(tx, lease)


def replace(tx: Tx, lease: Lease) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, lease)


def end(tx: Tx, launch_id: str, when: datetime) -> tuple[Lease, ...]:
    """End what the launch holds, and return it as ended now. Nothing held: nothing done."""
    writing(tx)
    held = active(tx, launch_id=launch_id)
    if held:
        ids = [lease.id for lease in held]
        tx.connection.execute(leases.update().where(leases.c.id.in_(ids)).values(ended=when))
    return tuple(_rows.get(tx, lease.id) for lease in held)
