"""The record searched: by whom and what it is about, and when, a page at a time.

A page is a range of one index, whatever the length of the record: of the subject with the fewest events, each
of which is looked up under the other subjects. `tests` hold the plans to that.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from hub_ext.adapters.store.audit import event_of
from hub_ext.adapters.store.audit_subjects import VERB, Subject, moment_of, verb_keys
from hub_ext.adapters.store.facts import timestamp
from hub_ext.adapters.store.rows import Tx
from hub_ext.adapters.store.tables import audit
from hub_ext.adapters.store.tables_audit import audit_subjects
from hub_ext.errors import NotFound
from hub_ext.model import AuditEvent, Verb

_lead = audit_subjects.alias("lead")
FEW = 2000  # a subject with fewer events is few enough to be the one that leads


def page(
    tx: Tx,
    *,
    about: Collection[Subject] = (),
    verbs: Collection[Verb] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    beyond: int | None = None,
    limit: int,
    oldest_first: bool = False,
) -> tuple[AuditEvent, ...]:
    """At most `limit` events: about all of `about`, of one of `verbs`, since ≤ time < until.

    By time, the newest first. `beyond` is the sequence of the last event of the page before this one.
    """
    wanted = [*about, *_verb_subject(verbs)]
    loose = () if _verb_subject(verbs) else tuple(verb.value for verb in verbs)
    query = _by_time(since, until) if not wanted else _by_subject(tx, wanted, since, until)
    if loose:
        query = query.where(audit.c.verb.in_(loose))
    at, number = (_lead.c.moment, _lead.c.sequence) if wanted else (audit.c.time, audit.c.sequence)
    if beyond is not None:
        query = query.where(_beyond(tx, beyond, at, number, oldest_first))
    query = query.order_by(*(column if oldest_first else column.desc() for column in (at, number)))
    return tuple(event_of(row) for row in tx.connection.execute(query.limit(limit)).mappings())


def _verb_subject(verbs: Collection[Verb]) -> tuple[Subject, ...]:
    """The one key under which exactly these verbs stand, where there is one."""
    if len(verbs) == 1:
        return tuple((VERB, verb.value) for verb in verbs)
    nouns = {verb_keys(verb.value)[1] for verb in verbs}
    whole = {verb for verb in Verb if verb_keys(verb.value)[1] in nouns}
    return ((VERB, nouns.pop()),) if len(nouns) == 1 and whole == set(verbs) else ()


def _by_time(since: datetime | None, until: datetime | None) -> Select[Any]:
    query = select(audit)
    if since is not None:
        query = query.where(audit.c.time >= timestamp(since))
    if until is not None:
        query = query.where(audit.c.time < timestamp(until))
    return query


def _by_subject(tx: Tx, wanted: list[Subject], since: datetime | None, until: datetime | None) -> Select[Any]:
    leading, *others = sorted(wanted, key=lambda subject: _events(tx, subject))
    query = (
        select(audit)
        .join_from(_lead, audit, _lead.c.sequence == audit.c.sequence)
        .where(_lead.c.kind == leading[0], _lead.c.key == leading[1])
    )
    for number, (kind, key) in enumerate(others):
        also = audit_subjects.alias(f"also{number}")
        same = (also.c.moment == _lead.c.moment, also.c.sequence == _lead.c.sequence)
        query = query.where(select(1).where(also.c.kind == kind, also.c.key == key, *same).exists())
    if since is not None:
        query = query.where(_lead.c.moment >= moment_of(since))
    if until is not None:
        query = query.where(_lead.c.moment < moment_of(until))
    return query


def _events(tx: Tx, subject: Subject) -> int:
    """How many events are about it, FEW at most."""
    held = select(audit_subjects.c.sequence).where(
        audit_subjects.c.kind == subject[0], audit_subjects.c.key == subject[1]
    )
    return int(
        tx.connection.execute(select(func.count()).select_from(held.limit(FEW).subquery())).scalar_one()
    )


def _beyond(tx: Tx, sequence: int, at: Any, number: Any, later: bool) -> Any:
    """What comes after that event on the pages: those later than it, or earlier."""
    known = tx.connection.execute(select(audit.c.time).where(audit.c.sequence == sequence)).scalar()
    if known is None:
        raise NotFound("There is no event {sequence}.", sequence=sequence)
    here = known if at is audit.c.time else moment_of(datetime.fromisoformat(known))
    # The first half bounds the range of the index, the second is exact.
    if later:
        return and_(at >= here, or_(at > here, number > sequence))
    return and_(at <= here, or_(at < here, number < sequence))
