"""Frozen values in and out of their tables: the one mechanism behind every noun's module.

A value's fields are its table's columns, of the same names; the column types do the translation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select
from sqlalchemy.exc import IntegrityError

from hub_ext.errors import Conflict, NotFound, StoreError
from hub_ext.phrase import Phrase

T = TypeVar("T")

# SQLite's extended result code and PostgreSQL's SQLSTATE of "refers to a row that is not there".
_SQLITE_FOREIGN_KEY = 787
_POSTGRESQL_FOREIGN_KEY = "23503"
# Where each of them names the fields in which two rows met.
_TAKEN = re.compile(r"constraint failed: ([\w., ]+)|Key \(([^)]+)\)=")


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction. Ends with the `with` that made it; a reading one refuses writes."""

    connection: Connection
    writable: bool


class Rows(Generic[T]):
    """The rows of one table as values of `noun`, keyed by the table's primary key."""

    def __init__(self, table: Table, noun: type[T], word: Phrase) -> None:
        self.table = table
        self.word = word
        self.names = tuple(field.name for field in fields(noun))  # type: ignore[arg-type]
        self.keys = tuple(table.primary_key.columns)
        self._make: Callable[..., T] = noun

    def select(self) -> Select[Any]:
        """All rows, to be narrowed by the caller."""
        return select(*(self.table.c[name] for name in self.names))

    def value(self, row: Row[Any]) -> T:
        """The value that a row holds."""
        return self._make(*row)

    def all(self, tx: Tx, query: Select[Any]) -> tuple[T, ...]:
        """The values that a narrowed `select()` finds."""
        return tuple(self.value(row) for row in tx.connection.execute(query))

    def first(self, tx: Tx, query: Select[Any]) -> T | None:
        """The first value that a narrowed `select()` finds."""
        row = tx.connection.execute(query.limit(1)).first()
        return None if row is None else self.value(row)

    def find(self, tx: Tx, *key: object) -> T | None:
        """The value with that key, or None."""
        return self.first(tx, self.select().where(*self._is(key)))

    def get(self, tx: Tx, *key: object) -> T:
        """The value with that key. Raises NotFound."""
        value = self.find(tx, *key)
        if value is None:
            raise self.missing(*key)
        return value

    def add(self, tx: Tx, value: T) -> None:
        """Insert. Raises Conflict where it exists already, NotFound where it refers to what does not exist.

        After either, the transaction can go on.
        """
        writing(tx)
        try:
            with _statement(tx):
                tx.connection.execute(self.table.insert().values(self._values(value)))
        except IntegrityError as error:
            raise self._refused(error, self._key(value)) from error

    def replace(self, tx: Tx, value: T, *conditions: ColumnElement[bool]) -> bool:
        """Update by key where the conditions hold too; False where they do not.

        Raises NotFound, or Conflict where the new value meets another one's unique fields.
        """
        writing(tx)
        key = self._key(value)
        update = self.table.update().where(*self._is(key), *conditions).values(self._values(value))
        try:
            with _statement(tx):
                changed = tx.connection.execute(update).rowcount
        except IntegrityError as error:
            raise self._refused(error, key) from error
        if not changed and self.find(tx, *key) is None:
            raise self.missing(*key)
        return bool(changed)

    def missing(self, *key: object) -> NotFound:
        """The error to raise for a key that leads nowhere."""
        return NotFound("There is no {word} {key}.", word=self.word, key=_shown(key))

    def _values(self, value: T) -> dict[str, Any]:
        return {name: getattr(value, name) for name in self.names}

    def _key(self, value: T) -> tuple[object, ...]:
        return tuple(getattr(value, column.name) for column in self.keys)

    def _is(self, key: tuple[object, ...]) -> list[ColumnElement[bool]]:
        return [column == part for column, part in zip(self.keys, key, strict=True)]

    def _refused(self, error: IntegrityError, key: tuple[object, ...]) -> StoreError:
        original = error.orig
        if (
            getattr(original, "sqlite_errorcode", None) == _SQLITE_FOREIGN_KEY
            or getattr(original, "sqlstate", None) == _POSTGRESQL_FOREIGN_KEY
        ):
            return NotFound(
                "The {word} {key} refers to something that does not exist.", word=self.word, key=_shown(key)
            )
        found = _TAKEN.search(str(original))
        taken: str | Phrase = (
            re.sub(r"\w+\.", "", found[1] or found[2]) if found else Phrase("a unique field")
        )
        return Conflict(
            "The {word} {key} meets another one in {taken}.", word=self.word, key=_shown(key), taken=taken
        )


def _statement(tx: Tx) -> AbstractContextManager[Any]:
    """A statement that may fail alone.

    PostgreSQL needs a savepoint for that. SQLite undoes the statement by itself, and on a full disk the
    whole transaction, savepoint included; looking for it would hide why.
    """
    return nullcontext() if tx.connection.dialect.name == "sqlite" else tx.connection.begin_nested()


def writing(tx: Tx) -> None:
    """Raises StoreError in a reading transaction."""
    if not tx.writable:
        raise StoreError("A reading transaction cannot write; open the store's transaction().")


def _shown(key: tuple[object, ...]) -> str:
    return ", ".join(repr(part) if isinstance(part, str) else str(part) for part in key)
