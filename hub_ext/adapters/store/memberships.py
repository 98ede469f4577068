"""Memberships: a person's place in a project between two instants."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import memberships
from hub_ext.model import Membership
from hub_ext.phrase import Phrase

_rows = Rows(memberships, Membership, Phrase("membership"))


def find(tx: Tx, membership_id: str) -> Membership | None:
    """The membership with that id, or None."""
    return _rows.find(tx, membership_id)


def get(tx: Tx, membership_id: str) -> Membership:
    """The membership with that id. Raises NotFound."""
    return _rows.get(tx, membership_id)


def listing(tx: Tx, *, person_id: str | None = None, project: str | None = None) -> tuple[Membership, ...]:
    """Memberships, the oldest first, past and future ones included."""
    query = _rows.select().order_by(memberships.c.created, memberships.c.id)
    if person_id is not None:
        query = query.where(memberships.c.person_id == person_id)
    if project is not None:
        query = query.where(memberships.c.project == project)
    return _rows.all(tx, query)


def add(tx: Tx, membership: Membership) -> None:
    """Raises Conflict for a known id, NotFound where the person or the project is unknown."""
    _rows.add(tx, membership)


def replace(tx: Tx, membership: Membership) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, membership)
