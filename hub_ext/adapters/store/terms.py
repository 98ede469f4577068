"""Terms of use of datasets: every version that there was. The highest number is the current one."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_data import terms
from hub_ext.model import TermsVersion
from hub_ext.phrase import Phrase

_rows = Rows(terms, TermsVersion, Phrase("version of terms"))


def find(tx: Tx, dataset: str, number: int) -> TermsVersion | None:
    """That version of the dataset's terms, or None."""
    return _rows.find(tx, dataset, number)


def get(tx: Tx, dataset: str, number: int) -> TermsVersion:
    """That version of the dataset's terms. Raises NotFound."""
    return _rows.get(tx, dataset, number)


def current(tx: Tx, dataset: str) -> TermsVersion | None:
    """The terms to be accepted now, or None where the dataset has none."""
    query = _rows.select().where(terms.c.dataset == dataset)
    return _rows.first(tx, query.order_by(terms.c.number.desc()))


def listing(tx: Tx, *, dataset: str | None = None) -> tuple[TermsVersion, ...]:
    """Versions by dataset and number."""
    query = _rows.select().order_by(terms.c.dataset, terms.c.number)
    return _rows.all(tx, query if dataset is None else query.where(terms.c.dataset == dataset))


def add(tx: Tx, version: TermsVersion) -> None:
    """Raises Conflict for a known number, NotFound where there is no such dataset."""
    _rows.add(tx, version)
