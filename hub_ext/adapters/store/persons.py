"""Persons: who signs in. The one table that holds names."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import persons
from hub_ext.model import Person
from hub_ext.phrase import Phrase

FIRST_UID = 20000

_rows = Rows(persons, Person, Phrase("person"))


def find(tx: Tx, person_id: str) -> Person | None:
    """The person with that id, or None."""
    return _rows.find(tx, person_id)


def get(tx: Tx, person_id: str) -> Person:
    """The person with that id. Raises NotFound."""
    return _rows.get(tx, person_id)


def find_sign_in(tx: Tx, issuer: str, subject: str) -> Person | None:
    """The person whom a sign-in provider calls `subject`, or None."""
    return _rows.first(tx, _rows.select().where(persons.c.issuer == issuer, persons.c.subject == subject))


def find_username(tx: Tx, username: str) -> Person | None:
    """The living person of that username, the latest where there are several, or None."""
    query = _rows.select().where(persons.c.username == username, persons.c.ended.is_(None))
    return _rows.first(tx, query.order_by(persons.c.created.desc(), persons.c.uid.desc()))


def listing(tx: Tx, *, ids: Collection[str] | None = None) -> tuple[Person, ...]:
    """Persons by username, ended ones included."""
    query = _rows.select().order_by(persons.c.username, persons.c.uid)
    if ids is not None:
        query = query.where(persons.c.id.in_(ids))
    return _rows.all(tx, query)


def next_uid(tx: Tx) -> int:
    """The next user id. Never reused, because persons are never deleted."""
    return (tx.connection.execute(select(func.max(persons.c.uid))).scalar() or FIRST_UID - 1) + 1


def add(tx: Tx, person: Person) -> None:
    """Raises Conflict where the id, the sign-in or the uid is taken."""
    _rows.add(tx, person)


def replace(tx: Tx, person: Person) -> None:
    """Update by id. Raises NotFound or Conflict."""
    _rows.replace(tx, person)
