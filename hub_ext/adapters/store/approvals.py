"""Approvals: what allows a project to exist, bounded in time."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import approvals
from hub_ext.model import Approval
from hub_ext.phrase import Phrase

_rows = Rows(approvals, Approval, Phrase("approval"))


def find(tx: Tx, approval_id: str) -> Approval | None:
    """The approval with that id, or None."""
    return _rows.find(tx, approval_id)


def get(tx: Tx, approval_id: str) -> Approval:
    """The approval with that id. Raises NotFound."""
    return _rows.get(tx, approval_id)


def listing(tx: Tx, *, project: str | None = None) -> tuple[Approval, ...]:
    """Approvals, the oldest first, past and future ones included."""
    query = _rows.select().order_by(approvals.c.created, approvals.c.id)
    if project is not None:
        query = query.where(approvals.c.project == project)
    return _rows.all(tx, query)


def add(tx: Tx, approval: Approval) -> None:
    """Raises Conflict for a known id, NotFound where the project is unknown."""
    _rows.add(tx, approval)


def replace(tx: Tx, approval: Approval) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, approval)
