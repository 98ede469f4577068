"""Exposures: which dataset versions were ever mounted beside which volume. Never ended, never undone."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import exposures
from hub_ext.model import Exposure
from hub_ext.phrase import Phrase

_rows = Rows(exposures, Exposure, Phrase("exposure"))


def find(tx: Tx, volume_id: str, version_id: str) -> Exposure | None:
    """The first time that the version was beside the volume, or None."""
    return _rows.find(tx, volume_id, version_id)


def listing(
    tx: Tx,
    *,
    volume_id: str | None = None,
    volume_ids: Collection[str] | None = None,
    dataset: str | None = None,
) -> tuple[Exposure, ...]:
    """Exposures, the oldest first."""
    query = _rows.select().order_by(exposures.c.first, exposures.c.volume_id, exposures.c.version_id)
    if volume_id is not None:
        query = query.where(exposures.c.volume_id == volume_id)
    if volume_ids is not None:
        query = query.where(exposures.c.volume_id.in_(volume_ids))
    if dataset is not None:
        query = query.where(exposures.c.dataset == dataset)
    return _rows.all(tx, query)


def add(tx: Tx, exposure: Exposure) -> bool:
    """Record it, and say whether it is new; a known one keeps its first time and launch."""
    if find(tx, exposure.volume_id, exposure.version_id) is not None:
        return False
    _rows.add(tx, exposure)
    return True
