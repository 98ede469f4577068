"""Who accepted which version of which terms of use. Never undone."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_data import acceptances
from hub_ext.model import TermsAcceptance
from hub_ext.phrase import Phrase

_rows = Rows(acceptances, TermsAcceptance, Phrase("acceptance"))


def find(tx: Tx, person_id: str, dataset: str, number: int) -> TermsAcceptance | None:
    """That acceptance, or None."""
    return _rows.find(tx, person_id, dataset, number)


def get(tx: Tx, person_id: str, dataset: str, number: int) -> TermsAcceptance:
    """That acceptance. Raises NotFound."""
    return _rows.get(tx, person_id, dataset, number)


def listing(
    tx: Tx, *, person_id: str | None = None, dataset: str | None = None
) -> tuple[TermsAcceptance, ...]:
    """Acceptances, the oldest first."""
    query = _rows.select().order_by(acceptances.c.accepted, acceptances.c.person_id, acceptances.c.number)
    if person_id is not None:
        query = query.where(acceptances.c.person_id == person_id)
    if dataset is not None:
        query = query.where(acceptances.c.dataset == dataset)
    return _rows.all(tx, query)


def add(tx: Tx, acceptance: TermsAcceptance) -> None:
    """Raises Conflict for a known one, NotFound where there are no such terms."""
    _rows.add(tx, acceptance)
