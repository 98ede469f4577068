"""The catalogue searched: by words without accents and capitals, state and project, a page at a time.

A page walks one index by slug from where the page before ended, over rows of little but folded words; only
what is found is read whole. `tests` hold the plans to that.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from hub_ext.adapters.store.rows import Tx, writing
from hub_ext.adapters.store.tables_image_search import image_search
from hub_ext.model import ImageEntry, ImageState


def keep(tx: Tx, entry: ImageEntry) -> None:
    """Let the entry be found as it is now; called with every write of one."""
    writing(tx)
    values = {
        "slug": entry.slug,
        "words": words_of(entry),
        "state": entry.state.value,
        "projects": "".join(f"/{project}" for project in entry.projects) + "/" * bool(entry.projects),
    }
    insert = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    made = insert(image_search).values(values)
    tx.connection.execute(made.on_conflict_do_update(index_elements=["slug"], set_=values))


def slugs(
    tx: Tx, *, text: str = "", state: ImageState | None = None, project: str = "", after: str, limit: int
) -> tuple[str, ...]:
    """The next `limit` entries after that slug, by slug, of which all that is set holds.

    `text` stands in a name, a title, a description or the repository's path. An entry of no project is one of
    every project.
    """
    if "\x00" in text + project + after:  # stands nowhere, and PostgreSQL does not take it
        return ()
    return tuple(tx.connection.execute(page(text, state, project, after, limit)).scalars())


def page(text: str, state: ImageState | None, project: str, after: str, limit: int) -> Select[Any]:
    """The query of `slugs`."""
    conditions: list[ColumnElement[bool]] = [image_search.c.slug > after]
    if state is not None:
        conditions.append(image_search.c.state == state.value)
    if project:
        mine = image_search.c.projects.contains(f"/{project}/", autoescape=True)
        conditions.append(or_(image_search.c.projects == "", mine))
    if wanted := folded(text.strip()):
        conditions.append(image_search.c.words.contains(wanted, autoescape=True))
    return select(image_search.c.slug).where(*conditions).order_by(image_search.c.slug).limit(limit)


def words_of(entry: ImageEntry) -> str:
    """What the entry's words are folded to. Stored: after a change, a migration makes all rows anew."""
    said = (
        entry.slug,
        entry.title.en,
        entry.title.fr,
        entry.description.en,
        entry.description.fr,
        entry.path,
    )
    return "\n".join(folded(one) for one in said)


def folded(text: str) -> str:
    """Without accents and capitals."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()
