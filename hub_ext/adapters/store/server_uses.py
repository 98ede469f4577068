"""When servers were last used through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_doors import server_uses
from hub_ext.model.doors import ServerUse
from hub_ext.phrase import Phrase

_rows = Rows(server_uses, ServerUse, Phrase("use"))


def find(tx: Tx, launch_id: str) -> ServerUse | None:
    """The last use of that launch's server, or None."""
    return _rows.find(tx, launch_id)


def get(tx: Tx, launch_id: str) -> ServerUse:
    """The last use of that launch's server. Raises NotFound."""
    return _rows.get(tx, launch_id)


def last(tx: Tx) -> dict[str, datetime]:
    """The last use of every launch that was used, by launch id."""
    return {use.launch_id: use.last_use for use in _rows.all(tx, _rows.select())}


def add(tx: Tx, use: ServerUse) -> None:
    """Raises Conflict for a launch that has one, NotFound for an unknown launch."""
    _rows.add(tx, use)


def put(tx: Tx, uses: Mapping[str, datetime]) -> None:
    """Keep the later of each launch's last use and the given one. Raises NotFound for an unknown launch."""
    for launch_id, last_use in uses.items():
        before = _rows.find(tx, launch_id)
        if before is None:
            _rows.add(tx, ServerUse(launch_id, last_use))
        elif before.last_use < last_use:
            _rows.replace(tx, ServerUse(launch_id, last_use))
