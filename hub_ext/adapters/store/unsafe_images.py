"""Entries of the catalogue that were retired for a security reason."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_revocation import unsafe_images
from hub_ext.model import UnsafeImage
from hub_ext.phrase import Phrase

_rows = Rows(unsafe_images, UnsafeImage, Phrase("unsafe image"))


def find(tx: Tx, entry: str) -> UnsafeImage | None:
    """Why that entry was last retired so, or None where it never was."""
    return _rows.find(tx, entry)


def get(tx: Tx, entry: str) -> UnsafeImage:
    """The same. Raises NotFound."""
    return _rows.get(tx, entry)


def add(tx: Tx, unsafe: UnsafeImage) -> None:
    """Raises Conflict where there is one of that entry, NotFound for an unknown entry."""
    _rows.add(tx, unsafe)


def replace(tx: Tx, unsafe: UnsafeImage) -> None:
    """Update by entry. Raises NotFound."""
    _rows.replace(tx, unsafe)
