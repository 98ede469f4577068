"""The outbox: letters to be sent, sent, and given up."""

from __future__ import annotations

from datetime import datetime

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_letters import letters
from hub_ext.model.letters import Letter, LetterKind
from hub_ext.phrase import Phrase

_rows = Rows(letters, Letter, Phrase("letter"))


def find(tx: Tx, letter_id: str) -> Letter | None:
    """The letter with that id, or None."""
    return _rows.find(tx, letter_id)


def get(tx: Tx, letter_id: str) -> Letter:
    """The letter with that id. Raises NotFound."""
    return _rows.get(tx, letter_id)


def known(tx: Tx, kind: LetterKind, person_id: str, path: str) -> bool:
    """Whether such a letter was ever written."""
    query = _rows.select().where(letters.c.kind == kind, letters.c.person_id == person_id)
    return _rows.first(tx, query.where(letters.c.path == path)) is not None


def listing(tx: Tx, *, due: datetime | None = None, limit: int | None = None) -> tuple[Letter, ...]:
    """Letters neither sent nor given up, the first due first; `due` keeps those due by then."""
    query = _rows.select().where(letters.c.sent.is_(None), letters.c.given_up.is_(None))
    query = query.order_by(letters.c.due, letters.c.id)
    if due is not None:
        query = query.where(letters.c.due <= due)
    return _rows.all(tx, query if limit is None else query.limit(limit))


def add(tx: Tx, letter: Letter) -> None:
    """Raises Conflict for a known id, NotFound where there is no such person."""
    _rows.add(tx, letter)


def replace(tx: Tx, letter: Letter) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, letter)
