"""What the sign-in provider last said of people's groups. No row: it has said nothing, which is no "left"."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_revocation import group_words
from hub_ext.model import GroupWord
from hub_ext.phrase import Phrase

_rows = Rows(group_words, GroupWord, Phrase("word about a group"))


def find(tx: Tx, person_id: str, group: str) -> GroupWord | None:
    """What was said of that person and group, or None."""
    return _rows.find(tx, person_id, group)


def get(tx: Tx, person_id: str, group: str) -> GroupWord:
    """The same. Raises NotFound."""
    return _rows.get(tx, person_id, group)


def listing(tx: Tx, *, person_id: str) -> tuple[GroupWord, ...]:
    """Everything that was said of that person."""
    query = _rows.select().where(group_words.c.person_id == person_id)
    return _rows.all(tx, query.order_by(group_words.c.group))


def add(tx: Tx, word: GroupWord) -> None:
    """Raises Conflict where something was said of it already."""
    _rows.add(tx, word)


def replace(tx: Tx, word: GroupWord) -> None:
    """Update by person and group. Raises NotFound."""
    _rows.replace(tx, word)
