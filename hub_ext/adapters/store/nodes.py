"""Nodes: the engines on which servers start."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import nodes
from hub_ext.model import Node
from hub_ext.phrase import Phrase

_rows = Rows(nodes, Node, Phrase("node"))


def find(tx: Tx, node_id: str) -> Node | None:
    """The node, or None."""
    return _rows.find(tx, node_id)


def get(tx: Tx, node_id: str) -> Node:
    """The node. Raises NotFound."""
    return _rows.get(tx, node_id)


def listing(tx: Tx) -> tuple[Node, ...]:
    """Nodes by id, ended ones included."""
    return _rows.all(tx, _rows.select().order_by(nodes.c.id))


def add(tx: Tx, node: Node) -> None:
    """Raises Conflict where the id is taken."""
    _rows.add(tx, node)


def replace(tx: Tx, node: Node) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, node)
