"""Versions of datasets: immutable folders. One is current per dataset and node."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_data import versions
from hub_ext.model import DatasetVersion, VersionState
from hub_ext.phrase import Phrase

_rows = Rows(versions, DatasetVersion, Phrase("dataset version"))


def find(tx: Tx, version_id: str) -> DatasetVersion | None:
    """The version with that id, or None."""
    return _rows.find(tx, version_id)


def get(tx: Tx, version_id: str) -> DatasetVersion:
    """The version with that id. Raises NotFound."""
    return _rows.get(tx, version_id)


def current(tx: Tx, dataset: str) -> DatasetVersion | None:
    """The dataset's current version, or None where it has none."""
    query = _rows.select().where(versions.c.dataset == dataset, versions.c.state == VersionState.CURRENT)
    return _rows.first(tx, query.order_by(versions.c.number.desc()))


def listing(
    tx: Tx,
    *,
    dataset: str | None = None,
    datasets: Collection[str] | None = None,
    ids: Collection[str] | None = None,
) -> tuple[DatasetVersion, ...]:
    """Versions by dataset and number, superseded and withdrawn ones included."""
    query = _rows.select().order_by(versions.c.dataset, versions.c.number)
    if dataset is not None:
        query = query.where(versions.c.dataset == dataset)
    if datasets is not None:
        query = query.where(versions.c.dataset.in_(datasets))
    if ids is not None:
        query = query.where(versions.c.id.in_(ids))
    return _rows.all(tx, query)


def add(tx: Tx, version: DatasetVersion) -> None:
    """Raises Conflict for a known id or number, or where another version is still current."""
    _rows.add(tx, version)


def replace(tx: Tx, version: DatasetVersion) -> None:
    """Update by id, which is for its state only. Raises NotFound, or Conflict as `add` does."""
    _rows.replace(tx, version)
