"""How long launches held what: of each only the columns that accounts are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, func, select

from hub_ext.adapters.store.rows import Tx
from hub_ext.adapters.store.tables import gpus, launches, leases
from hub_ext.adapters.store.tables_idle import gpu_use
from hub_ext.model.accounting import HeldGpu, HeldServer


def servers(
    tx: Tx, since: datetime, until: datetime, *, project: str | None = None
) -> tuple[HeldServer, ...]:
    """Containers that ran at some time from `since` to `until`."""
    begun = launches.c.started
    columns = (launches.c.person_id, launches.c.project, begun, launches.c.ended)
    query = select(*columns, launches.c.cpus, launches.c.mem_bytes).where(
        *_within(begun, launches.c.ended, since, until), *_of(None, project)
    )
    return tuple(HeldServer(*row) for row in tx.connection.execute(query))


def gpu_leases(
    tx: Tx, since: datetime, until: datetime, *, person_id: str | None = None, project: str | None = None
) -> tuple[HeldGpu, ...]:
    """Leases that were held at some time from `since` to `until`, as parts of their devices."""
    whose = (launches.c.person_id, launches.c.project, leases.c.since, leases.c.ended)
    watched = (gpu_use.c.watched_seconds, gpu_use.c.used_seconds)
    query = (
        select(*whose, gpus.c.shares, *watched)
        .join_from(leases, launches, launches.c.id == leases.c.launch_id)
        .join(gpus, gpus.c.id == leases.c.gpu_id)
        .outerjoin(gpu_use, gpu_use.c.lease_id == leases.c.id)
        .where(*_within(leases.c.since, leases.c.ended, since, until), *_of(person_id, project))
    )
    return tuple(
        HeldGpu(*row[:4], part=1 / max(row[4], 1), idle_share=1 - row[6] / row[5] if row[5] else None)
        for row in tx.connection.execute(query)
    )


def gpus_held(tx: Tx, *, person_id: str | None = None, project: str | None = None) -> int:
    """How many leases of theirs are active."""
    query = (
        select(func.count())
        .select_from(leases)
        .join(launches, launches.c.id == leases.c.launch_id)
        .where(leases.c.ended.is_(None), *_of(person_id, project))
    )
    return int(tx.connection.execute(query).scalar_one())


def _within(
    begun: Column[Any], ended: Column[Any], since: datetime, until: datetime
) -> tuple[ColumnElement[bool], ...]:
    return begun.is_not(None), begun < until, (ended.is_(None)) | (ended > since)


def _of(person_id: str | None, project: str | None) -> tuple[ColumnElement[bool], ...]:
    wanted = ((launches.c.person_id, person_id), (launches.c.project, project))
    return tuple(column == value for column, value in wanted if value is not None)
