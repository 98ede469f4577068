"""Image revisions: the digests that an entry has pointed to."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables import images, revisions
from hub_ext.model import ImageRevision, ImageState
from hub_ext.phrase import Phrase

_rows = Rows(revisions, ImageRevision, Phrase("image revision"))


def find(tx: Tx, entry: str, number: int) -> ImageRevision | None:
    """The entry's revision of that number, or None."""
    return _rows.find(tx, entry, number)


def get(tx: Tx, entry: str, number: int) -> ImageRevision:
    """The entry's revision of that number. Raises NotFound."""
    return _rows.get(tx, entry, number)


def listing(tx: Tx, entry: str | None = None) -> tuple[ImageRevision, ...]:
    """Revisions by entry and number."""
    query = _rows.select().order_by(revisions.c.entry, revisions.c.number)
    if entry is not None:
        query = query.where(revisions.c.entry == entry)
    return _rows.all(tx, query)


def launched(tx: Tx, *, states: Collection[ImageState]) -> dict[str, ImageRevision]:
    """By slug, the revision that each entry of these states launches now; not every entry has one."""
    now = (images.c.slug == revisions.c.entry) & (images.c.revision == revisions.c.number)
    query = _rows.select().join(images, now).where(images.c.state.in_(states))
    return {revision.entry: revision for revision in _rows.all(tx, query)}


def newest(tx: Tx) -> tuple[ImageRevision, ...]:
    """The newest revision of each entry that has one."""
    last = select(revisions.c.entry, func.max(revisions.c.number).label("number")).group_by(revisions.c.entry)
    known = last.subquery()
    same = (known.c.entry == revisions.c.entry) & (known.c.number == revisions.c.number)
    return _rows.all(tx, _rows.select().join(known, same).order_by(revisions.c.entry))


def next_number(tx: Tx, entry: str) -> int:
    """The number of the entry's next revision, from 1."""
    query = select(func.max(revisions.c.number)).where(revisions.c.entry == entry)
    return (tx.connection.execute(query).scalar() or 0) + 1


def add(tx: Tx, revision: ImageRevision) -> None:
    """Raises Conflict for a known number, NotFound for an unknown entry."""
    _rows.add(tx, revision)


def mark_published(tx: Tx, entry: str, number: int, when: datetime) -> None:
    """Note when the revision was published. Raises NotFound."""
    writing(tx)
    update = revisions.update().where(revisions.c.entry == entry, revisions.c.number == number)
    if not tx.connection.execute(update.values(published=when)).rowcount:
        raise _rows.missing(entry, number)
