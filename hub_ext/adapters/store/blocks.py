"""Blocks: what operators stopped, and what is still stopped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_revocation import blocks
from hub_ext.model.blocks import Block
from hub_ext.phrase import Phrase

_rows = Rows(blocks, Block, Phrase("block"))


def find(tx: Tx, block_id: str) -> Block | None:
    """The block with that id, or None."""
    return _rows.find(tx, block_id)


def get(tx: Tx, block_id: str) -> Block:
    """The block with that id. Raises NotFound."""
    return _rows.get(tx, block_id)


def standing(tx: Tx, now: datetime) -> tuple[Block, ...]:
    """Those that nobody has lifted and that have not come to their own end, the oldest first."""
    query = _rows.select().where(
        blocks.c.lifted.is_(None), or_(blocks.c.until.is_(None), blocks.c.until > now)
    )
    return _rows.all(tx, query.order_by(blocks.c.since, blocks.c.id))


def listing(tx: Tx, *, limit: int | None = None) -> tuple[Block, ...]:
    """All of them, the newest first."""
    query = _rows.select().order_by(blocks.c.since.desc(), blocks.c.id.desc())
    return _rows.all(tx, query if limit is None else query.limit(limit))


def add(tx: Tx, block: Block) -> None:
    """Raises Conflict for a known id."""
    _rows.add(tx, block)


def replace(tx: Tx, block: Block) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, block)
