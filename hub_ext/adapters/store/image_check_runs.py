"""Who is at a trial of an image."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from hub_ext.adapters.store.rows import Rows, Tx, writing
from hub_ext.adapters.store.tables_checks import image_check_runs, image_checks
from hub_ext.model.image_checks import CheckOutcome, CheckRun
from hub_ext.phrase import Phrase

_rows = Rows(image_check_runs, CheckRun, Phrase("run of a check"))


def find(tx: Tx, check_id: str) -> CheckRun | None:
    """Who is or was at that check, or None."""
    return _rows.find(tx, check_id)


def get(tx: Tx, check_id: str) -> CheckRun:
    """Who is or was at that check. Raises NotFound."""
    return _rows.get(tx, check_id)


def add(tx: Tx, run: CheckRun) -> None:
    """Raises Conflict where the check has one, NotFound for an unknown check."""
    _rows.add(tx, run)


def replace(tx: Tx, run: CheckRun) -> None:
    """Update by check. Raises NotFound."""
    _rows.replace(tx, run)


def renew(tx: Tx, check_id: str, seen: datetime) -> bool:
    """Somebody is at it now; False where it has ended."""
    writing(tx)
    running = select(image_checks.c.id).where(image_checks.c.outcome == CheckOutcome.RUNNING)
    found = update(image_check_runs).where(
        image_check_runs.c.check_id == check_id, image_check_runs.c.check_id.in_(running)
    )
    return bool(tx.connection.execute(found.values(seen=seen)).rowcount)
