"""Launches: starts of notebook servers, and what each held."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, cast, func, select

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables import launches
from hub_ext.model import Launch, LaunchState
from hub_ext.phrase import Phrase

_rows = Rows(launches, Launch, Phrase("launch"))

_ACTIVE = tuple(state for state in LaunchState if state.active)
_NEWEST_FIRST = (launches.c.admitted.desc(), launches.c.id.desc())


def find(tx: Tx, launch_id: str) -> Launch | None:
    """The launch with that id, or None."""
    return _rows.find(tx, launch_id)


def get(tx: Tx, launch_id: str) -> Launch:
    """The launch with that id. Raises NotFound."""
    return _rows.get(tx, launch_id)


def last_of(tx: Tx, person_id: str, server_name: str) -> Launch | None:
    """The newest launch of a person's server of that name, or None."""
    query = _rows.select().where(launches.c.person_id == person_id, launches.c.server_name == server_name)
    return _rows.first(tx, query.order_by(*_NEWEST_FIRST))


def listing(
    tx: Tx,
    *,
    person_id: str | None = None,
    project: str | None = None,
    node: str | None = None,
    image: str | None = None,
    version_id: str | None = None,
    active: bool | None = None,
    limit: int | None = None,
) -> tuple[Launch, ...]:
    """Launches, the newest first. `active` True or False keeps those that do or do not hold resources.

    `version_id` keeps those that mounted that version of a dataset; it reads every launch.
    """
    query = _rows.select().order_by(*_NEWEST_FIRST)
    if person_id is not None:
        query = query.where(launches.c.person_id == person_id)
    if project is not None:
        query = query.where(launches.c.project == project)
    if node is not None:
        query = query.where(launches.c.node == node)
    if image is not None:
        query = query.where(launches.c.image == image)
    if version_id is not None:
        query = query.where(cast(launches.c.version_ids, Text).contains(f'"{version_id}"', autoescape=True))
    if active is not None:
        held = launches.c.state.in_(_ACTIVE)
        query = query.where(held if active else ~held)
    return _rows.all(tx, query if limit is None else query.limit(limit))


def ended_servers(tx: Tx, *, since: datetime) -> frozenset[tuple[str, str]]:
    """Username and name of each named server that has ended since then."""
    query = select(launches.c.username, launches.c.server_name)
    query = query.where(launches.c.server_name != "", launches.c.ended >= since)
    return frozenset((row[0], row[1]) for row in tx.connection.execute(query.distinct()))


def ended_upstreams(tx: Tx, *, node: str, since: datetime) -> frozenset[str]:
    """The upstreams of that node's launches that have ended since then."""
    query = select(launches.c.upstream).where(launches.c.node == node, launches.c.ended > since)
    return frozenset(row[0] for row in tx.connection.execute(query.distinct()) if row[0])


def counted(tx: Tx, *, image: str) -> dict[int, int]:
    """How many launches there were of each revision of an image."""
    query = select(launches.c.revision, func.count()).where(launches.c.image == image)
    found = tx.connection.execute(query.group_by(launches.c.revision))
    return {int(row[0]): int(row[1]) for row in found}


def add(tx: Tx, launch: Launch) -> None:
    """Raises Conflict for a known id, NotFound where what it refers to is unknown."""
    _rows.add(tx, launch)


def replace(tx: Tx, launch: Launch) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, launch)


def rename(tx: Tx, person_id: str, username: str) -> None:
    """Another username in all launches of that person."""
    writing(tx)
    update = launches.update().where(launches.c.person_id == person_id).values(username=username)
    tx.connection.execute(update)
