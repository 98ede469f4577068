"""Limits of GPU leases, set for one person or one project."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables_gpu_limits import gpu_limits
from hub_ext.model.gpu_limits import LimitKind, OwnGpuLimits
from hub_ext.phrase import Phrase

_rows = Rows(gpu_limits, OwnGpuLimits, Phrase("limit"))


def find(tx: Tx, kind: LimitKind, whose: str) -> OwnGpuLimits | None:
    """What was set for them, or None."""
    return _rows.find(tx, kind, whose)


def get(tx: Tx, kind: LimitKind, whose: str) -> OwnGpuLimits:
    """The same. Raises NotFound."""
    return _rows.get(tx, kind, whose)


def listing(tx: Tx) -> tuple[OwnGpuLimits, ...]:
    """All of them, by kind and holder."""
    return _rows.all(tx, _rows.select().order_by(gpu_limits.c.kind, gpu_limits.c.whose))


def add(tx: Tx, limits: OwnGpuLimits) -> None:
    """Raises Conflict where some are set."""
    _rows.add(tx, limits)


def put(tx: Tx, limits: OwnGpuLimits) -> None:
    """Set, in place of what was set before."""
    if find(tx, limits.kind, limits.whose) is None:
        add(tx, limits)
    else:
        _rows.replace(tx, limits)


def remove(tx: Tx, kind: LimitKind, whose: str) -> None:
    """From now on the site's. None set: nothing done."""
    writing(tx)
    held = gpu_limits.c
    tx.connection.execute(gpu_limits.delete().where(held.kind == kind, held.whose == whose))
