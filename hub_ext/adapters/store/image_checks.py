"""Trials of image revisions, and how each ended."""

from __future__ import annotations

from sqlalchemy import func, select

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_checks import image_checks
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.phrase import Phrase

_rows = Rows(image_checks, ImageCheck, Phrase("check of an image"))


def find(tx: Tx, check_id: str) -> ImageCheck | None:
    """The check with that id, or None."""
    return _rows.find(tx, check_id)


def get(tx: Tx, check_id: str) -> ImageCheck:
    """The check with that id. Raises NotFound."""
    return _rows.get(tx, check_id)


def listing(tx: Tx, entry: str, *, limit: int | None = None) -> tuple[ImageCheck, ...]:
    """Checks of an entry's revisions, the newest first."""
    query = _rows.select().where(image_checks.c.entry == entry)
    query = query.order_by(image_checks.c.started.desc(), image_checks.c.id.desc())
    return _rows.all(tx, query if limit is None else query.limit(limit))


def running(tx: Tx) -> tuple[ImageCheck, ...]:
    """Those of which no end is known."""
    return _rows.all(tx, _rows.select().where(image_checks.c.outcome == CheckOutcome.RUNNING))


def newest(tx: Tx) -> tuple[ImageCheck, ...]:
    """The last check of each entry that was ever checked."""
    last = select(image_checks.c.entry, func.max(image_checks.c.started).label("started"))
    held = last.group_by(image_checks.c.entry).subquery()
    query = _rows.select().join(
        held, (image_checks.c.entry == held.c.entry) & (image_checks.c.started == held.c.started)
    )
    return _rows.all(tx, query.order_by(image_checks.c.entry))


def add(tx: Tx, check: ImageCheck) -> None:
    """Raises Conflict while one of the entry runs, NotFound for an unknown revision."""
    _rows.add(tx, check)


def replace(tx: Tx, check: ImageCheck) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, check)
