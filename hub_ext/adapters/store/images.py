"""Image entries: the lines of the catalogue."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace as changed

from sqlalchemy import func, select

from hub_ext.adapters.store import image_search
from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import images
from hub_ext.errors import Stale
from hub_ext.model import ImageEntry, ImageState
from hub_ext.phrase import Phrase

_rows = Rows(images, ImageEntry, Phrase("image"))


def find(tx: Tx, slug: str) -> ImageEntry | None:
    """The entry, or None."""
    return _rows.find(tx, slug)


def get(tx: Tx, slug: str) -> ImageEntry:
    """The entry. Raises NotFound."""
    return _rows.get(tx, slug)


def listing(
    tx: Tx, *, states: Collection[ImageState] | None = None, project: str | None = None
) -> tuple[ImageEntry, ...]:
    """Entries by slug; with `project`, only those that this project may use."""
    query = _rows.select().order_by(images.c.slug)
    if states is not None:
        query = query.where(images.c.state.in_(states))
    entries = _rows.all(tx, query)
    if project is None:
        return entries
    return tuple(entry for entry in entries if not entry.projects or project in entry.projects)


def stamp(tx: Tx) -> tuple[int, int]:
    """Changes whenever an entry does."""
    row = tx.connection.execute(select(func.count(), func.coalesce(func.sum(images.c.version), 0))).one()
    return int(row[0]), int(row[1])


def found(
    tx: Tx, *, text: str = "", state: ImageState | None = None, project: str = "", after: str, limit: int
) -> tuple[ImageEntry, ...]:
    """The next `limit` entries after that slug of which all that is set holds; see `image_search`."""
    slugs = image_search.slugs(tx, text=text, state=state, project=project, after=after, limit=limit)
    return _rows.all(tx, _rows.select().where(images.c.slug.in_(slugs)).order_by(images.c.slug))


def add(tx: Tx, entry: ImageEntry) -> None:
    """Raises Conflict where the slug is taken."""
    _rows.add(tx, entry)
    image_search.keep(tx, entry)


def replace(tx: Tx, entry: ImageEntry, *, expected_version: int) -> ImageEntry:
    """Update by slug and return what was stored: the entry with version `expected_version` + 1.

    Raises NotFound, or Stale where somebody else changed the entry since that version.
    """
    stored = changed(entry, version=expected_version + 1)
    if not _rows.replace(tx, stored, images.c.version == expected_version):
        raise Stale(
            "The image {slug!r} was changed by somebody else meanwhile.",
            advice="Look at it again, then repeat your change.",
            slug=entry.slug,
        )
    image_search.keep(tx, stored)
    return stored
