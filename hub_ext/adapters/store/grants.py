"""Grants: a dataset given to a project until a date."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_data import grants
from hub_ext.model import Grant
from hub_ext.phrase import Phrase

_rows = Rows(grants, Grant, Phrase("grant"))


def find(tx: Tx, grant_id: str) -> Grant | None:
    """The grant with that id, or None."""
    return _rows.find(tx, grant_id)


def get(tx: Tx, grant_id: str) -> Grant:
    """The grant with that id. Raises NotFound."""
    return _rows.get(tx, grant_id)


def listing(tx: Tx, *, project: str | None = None, dataset: str | None = None) -> tuple[Grant, ...]:
    """Grants, the oldest first, revoked and past ones included."""
    query = _rows.select().order_by(grants.c.created, grants.c.id)
    if project is not None:
        query = query.where(grants.c.project == project)
    if dataset is not None:
        query = query.where(grants.c.dataset == dataset)
    return _rows.all(tx, query)


def add(tx: Tx, grant: Grant) -> None:
    """Raises Conflict for a known id, NotFound where what it refers to is unknown."""
    _rows.add(tx, grant)


def replace(tx: Tx, grant: Grant) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, grant)
