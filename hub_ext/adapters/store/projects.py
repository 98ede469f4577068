"""Projects: where people, approvals and datasets meet."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import projects
from hub_ext.model import Project
from hub_ext.phrase import Phrase

FIRST_GID = 60000

_rows = Rows(projects, Project, Phrase("project"))


def find(tx: Tx, slug: str) -> Project | None:
    """The project, or None."""
    return _rows.find(tx, slug)


def get(tx: Tx, slug: str) -> Project:
    """The project. Raises NotFound."""
    return _rows.get(tx, slug)


def listing(tx: Tx, *, slugs: Collection[str] | None = None) -> tuple[Project, ...]:
    """Projects by slug, ended ones included."""
    query = _rows.select().order_by(projects.c.slug)
    if slugs is not None:
        query = query.where(projects.c.slug.in_(slugs))
    return _rows.all(tx, query)


def next_gid(tx: Tx) -> int:
    """The next group id. Never reused, because projects are never deleted."""
    return (tx.connection.execute(select(func.max(projects.c.gid))).scalar() or FIRST_GID - 1) + 1


def add(tx: Tx, project: Project) -> None:
    """Raises Conflict where the slug or the gid is taken."""
    _rows.add(tx, project)


def replace(tx: Tx, project: Project) -> None:
    """Update by slug. Raises NotFound."""
    _rows.replace(tx, project)
