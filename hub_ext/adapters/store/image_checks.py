"""Trials of image revisions, and how each ended."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_checks import image_checks
from hub_ext.model.image_checks import VERDICTS, CheckOutcome, ImageCheck
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


def verdicts(tx: Tx, entry: str | None = None) -> tuple[ImageCheck, ...]:
    """For each revision (of the entry) the last check that says something of it, by entry and number."""
    told: list[ColumnElement[bool]] = [image_checks.c.outcome.in_(VERDICTS)]
    if entry is not None:
        told.append(image_checks.c.entry == entry)
    place = func.row_number().over(
        partition_by=(image_checks.c.entry, image_checks.c.number),
        order_by=(image_checks.c.started.desc(), image_checks.c.id.desc()),
    )
    ranked = select(image_checks.c.id, place.label("place")).where(*told).subquery()
    query = _rows.select().join(ranked, image_checks.c.id == ranked.c.id).where(ranked.c.place == 1)
    return _rows.all(tx, query.order_by(image_checks.c.entry, image_checks.c.number))


def add(tx: Tx, check: ImageCheck) -> None:
    """Raises Conflict while one of the entry runs, NotFound for an unknown revision."""
    _rows.add(tx, check)


def end(tx: Tx, check: ImageCheck) -> bool:
    """Update one that runs by id; False where it has ended already. Raises NotFound."""
    return _rows.replace(tx, check, image_checks.c.outcome == CheckOutcome.RUNNING)
