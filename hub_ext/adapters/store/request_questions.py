"""What stewards asked back about requests, and the answers."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_requests import request_questions
from hub_ext.model.requests import RequestQuestion
from hub_ext.phrase import Phrase

_rows = Rows(request_questions, RequestQuestion, Phrase("question"))


def find(tx: Tx, request_id: str, number: int) -> RequestQuestion | None:
    """That question of the request, or None."""
    return _rows.find(tx, request_id, number)


def get(tx: Tx, request_id: str, number: int) -> RequestQuestion:
    """That question of the request. Raises NotFound."""
    return _rows.get(tx, request_id, number)


def listing(tx: Tx, *, request_id: str | None = None) -> tuple[RequestQuestion, ...]:
    """Questions by request and number."""
    query = _rows.select().order_by(request_questions.c.request_id, request_questions.c.number)
    return _rows.all(
        tx, query if request_id is None else query.where(request_questions.c.request_id == request_id)
    )


def add(tx: Tx, question: RequestQuestion) -> None:
    """Raises Conflict for a known number, NotFound where there is no such request."""
    _rows.add(tx, question)


def replace(tx: Tx, question: RequestQuestion) -> None:
    """Update by request and number. Raises NotFound."""
    _rows.replace(tx, question)
