"""Volumes: homes (person × project) and project folders on a node."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables import volumes
from hub_ext.model import Volume, VolumeKind
from hub_ext.phrase import Phrase

_rows = Rows(volumes, Volume, Phrase("volume"))


def find(tx: Tx, volume_id: str) -> Volume | None:
    """The volume with that id, or None."""
    return _rows.find(tx, volume_id)


def get(tx: Tx, volume_id: str) -> Volume:
    """The volume with that id. Raises NotFound."""
    return _rows.get(tx, volume_id)


def find_home(tx: Tx, node: str, project: str, person_id: str) -> Volume | None:
    """The living home of a person in a project on a node, or None."""
    return _find_living(tx, VolumeKind.HOME, node, project, person_id)


def find_project(tx: Tx, node: str, project: str) -> Volume | None:
    """The living shared folder of a project on a node, or None."""
    return _find_living(tx, VolumeKind.PROJECT, node, project, None)


def listing(
    tx: Tx,
    *,
    node: str | None = None,
    project: str | None = None,
    ids: Collection[str] | None = None,
) -> tuple[Volume, ...]:
    """Volumes by creation, ended ones included."""
    query = _rows.select().order_by(volumes.c.created, volumes.c.id)
    if node is not None:
        query = query.where(volumes.c.node == node)
    if project is not None:
        query = query.where(volumes.c.project == project)
    if ids is not None:
        query = query.where(volumes.c.id.in_(ids))
    return _rows.all(tx, query)


def add(tx: Tx, volume: Volume) -> None:
    """Raises Conflict for a known id or name, or where there is such a living home or folder."""
    _rows.add(tx, volume)


def replace(tx: Tx, volume: Volume) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, volume)


def _find_living(tx: Tx, kind: VolumeKind, node: str, project: str, person_id: str | None) -> Volume | None:
    return _rows.first(
        tx,
        _rows.select().where(
            volumes.c.kind == kind,
            volumes.c.node == node,
            volumes.c.project == project,
            volumes.c.person_id == person_id,
            volumes.c.ended.is_(None),
        ),
    )
