"""The line for GPUs. A row lives until it is ended; at most one for each server of a person."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables_queue import queue
from hub_ext.model.queue import Waiting
from hub_ext.phrase import Phrase

_rows = Rows(queue, Waiting, Phrase("request in line"))


def find(tx: Tx, row_id: str) -> Waiting | None:
    """The row with that id, or None."""
    return _rows.find(tx, row_id)


def get(tx: Tx, row_id: str) -> Waiting:
    """The row with that id. Raises NotFound."""
    return _rows.get(tx, row_id)


def living(tx: Tx, *, node: str | None = None) -> tuple[Waiting, ...]:
    """Everybody in line, who came first before the others."""
    query = _rows.select().where(queue.c.ended.is_(None)).order_by(queue.c.asked, queue.c.id)
    return _rows.all(tx, query if node is None else query.where(queue.c.node == node))


def of_server(tx: Tx, person_id: str, server_name: str) -> Waiting | None:
    """The living row of that server, or None."""
    mine = (queue.c.person_id == person_id, queue.c.server_name == server_name)
    return _rows.first(tx, _rows.select().where(*mine, queue.c.ended.is_(None)))


def last_of(tx: Tx, person_id: str) -> tuple[Waiting, ...]:
    """The newest row of each of that person's servers, living or not, the newest first."""
    query = _rows.select().where(queue.c.person_id == person_id)
    found: dict[str, Waiting] = {}
    for row in _rows.all(tx, query.order_by(queue.c.asked.desc(), queue.c.id).limit(100)):
        found.setdefault(row.server_name, row)
    return tuple(found.values())


def add(tx: Tx, row: Waiting) -> None:
    """Raises Conflict where the server has a living row, NotFound for an unknown person or project."""
    _rows.add(tx, row)


def replace(tx: Tx, row: Waiting) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, row)


def rename(tx: Tx, person_id: str, username: str) -> None:
    """Another username in all rows of that person."""
    writing(tx)
    tx.connection.execute(queue.update().where(queue.c.person_id == person_id).values(username=username))
