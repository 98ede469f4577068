"""Datasets: confidential files that a steward registered."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_data import datasets
from hub_ext.model import Dataset
from hub_ext.phrase import Phrase

_rows = Rows(datasets, Dataset, Phrase("dataset"))


def find(tx: Tx, slug: str) -> Dataset | None:
    """The dataset, or None."""
    return _rows.find(tx, slug)


def get(tx: Tx, slug: str) -> Dataset:
    """The dataset. Raises NotFound."""
    return _rows.get(tx, slug)


def listing(tx: Tx, *, slugs: Collection[str] | None = None) -> tuple[Dataset, ...]:
    """Datasets by slug, ended ones included."""
    query = _rows.select().order_by(datasets.c.slug)
    if slugs is not None:
        query = query.where(datasets.c.slug.in_(slugs))
    return _rows.all(tx, query)


def add(tx: Tx, dataset: Dataset) -> None:
    """Raises Conflict where the slug is taken."""
    _rows.add(tx, dataset)


def replace(tx: Tx, dataset: Dataset) -> None:
    """Update by slug. Raises NotFound."""
    _rows.replace(tx, dataset)
