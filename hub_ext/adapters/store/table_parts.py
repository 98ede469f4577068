"""The one metadata, and columns as every table writes them.

The metadata is whole wherever it is imported: the package imports every noun, and each noun its table.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, MetaData, Text
from sqlalchemy import text as sql

from hub_ext.adapters.store.columns import UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def key(name: str, *arguments: Any, kind: Any = Text) -> Column[Any]:
    """The primary key, or a part of it."""
    return Column(name, kind, *arguments, primary_key=True)


def text(name: str, *arguments: Any) -> Column[Any]:
    """Text that is never missing."""
    return Column(name, Text, *arguments, nullable=False)


def whole(name: str) -> Column[Any]:
    """A whole number of up to 63 bits."""
    return Column(name, BigInteger, nullable=False)


def has(name: str, kind: Any) -> Column[Any]:
    """A value of that type, never missing."""
    return Column(name, kind, nullable=False)


def when(name: str) -> Column[Any]:
    """An instant."""
    return Column(name, UtcDateTime, nullable=False)


def perhaps_when(name: str) -> Column[Any]:
    """An instant that may be missing."""
    return Column(name, UtcDateTime)


def unique_where(name: str, *columns: str, where: str) -> Index:
    """A unique index over some of the rows only, in both databases."""
    return Index(name, *columns, unique=True, sqlite_where=sql(where), postgresql_where=sql(where))
