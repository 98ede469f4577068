"""Requests for access to a dataset. At most one waits for a person, a project and a dataset."""

from __future__ import annotations

from collections.abc import Collection

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_requests import requests
from hub_ext.model.requests import AccessRequest, RequestState
from hub_ext.phrase import Phrase

_rows = Rows(requests, AccessRequest, Phrase("request"))


def find(tx: Tx, request_id: str) -> AccessRequest | None:
    """The request with that id, or None."""
    return _rows.find(tx, request_id)


def get(tx: Tx, request_id: str) -> AccessRequest:
    """The request with that id. Raises NotFound."""
    return _rows.get(tx, request_id)


def listing(
    tx: Tx,
    *,
    person_id: str | None = None,
    project: str | None = None,
    dataset: str | None = None,
    states: Collection[RequestState] | None = None,
) -> tuple[AccessRequest, ...]:
    """Requests, the oldest first."""
    query = _rows.select().order_by(requests.c.created, requests.c.id)
    if person_id is not None:
        query = query.where(requests.c.person_id == person_id)
    if project is not None:
        query = query.where(requests.c.project == project)
    if dataset is not None:
        query = query.where(requests.c.dataset == dataset)
    if states is not None:
        query = query.where(requests.c.state.in_(states))
    return _rows.all(tx, query)


def add(tx: Tx, request: AccessRequest) -> None:
    """Raises Conflict where the same is waiting already, NotFound where what it refers to is unknown."""
    _rows.add(tx, request)


def replace(tx: Tx, request: AccessRequest) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, request)
