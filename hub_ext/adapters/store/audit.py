"""The audit trail: append-only, each event hashed together with the hash of the one before.

What the chain proves: no event was changed, removed, inserted or moved since it was written. What it
cannot prove alone: that events were not cut off at the end. For that an operator keeps the head
(sequence and hash) elsewhere, and verifies against it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import Row, Select, or_, select

from hub_ext.adapters.store import audit_subjects
from hub_ext.adapters.store.facts import MAX_SUBJECT, bounded, bounded_text, canonical, timestamp
from hub_ext.adapters.store.rows import Tx, writing
from hub_ext.adapters.store.tables import audit
from hub_ext.errors import StoreError
from hub_ext.model import Actor, ActorKind, AuditEvent, Verb
from hub_ext.phrase import Phrase

GENESIS = "0" * 64  # what the first event has for a previous hash
PAGE = 500  # rows in memory at a time
# The columns under the hash, and "v" for this very recipe. Never changed, only succeeded under a new "v".
_HASHED = (
    *("sequence", "segment", "time", "actor_kind", "actor_id", "actor_on_behalf"),
    *("verb", "subject", "facts", "previous_hash"),
)
SEGMENT = 0  # sealing segments comes later; the number is hashed from the first day


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many events hold, or the first that does not and why.

    `head` is the sequence and hash of the last event that holds; to be kept elsewhere.
    """

    ok: bool
    events: int
    first_bad: int | None = None
    why: Phrase = Phrase("")
    head: tuple[int, str] = (0, GENESIS)


def append(
    tx: Tx,
    *,
    time: datetime,
    actor: Actor,
    verb: Verb,
    subject: str,
    facts: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write the next event. Persons appear in `subject` and `facts` by id only, never by name.

    Facts may hold values of the model; they are made plain and bounded (see `facts`). Rows that the event
    names are written before it: it is found by what they belong to (see `audit_subjects`).
    """
    writing(tx)
    sequence, previous_hash = head(tx)
    row = {
        "sequence": sequence + 1,
        "segment": SEGMENT,
        "time": timestamp(time),
        "actor_kind": actor.kind.value,
        "actor_id": bounded_text(actor.id, MAX_SUBJECT),
        "actor_on_behalf": bounded_text(actor.on_behalf, MAX_SUBJECT),
        "verb": verb.value,
        "subject": bounded_text(subject, MAX_SUBJECT),
        "facts": canonical(bounded(facts or {})),
        "previous_hash": previous_hash,
    }
    row["hash"] = _hash(row)
    tx.connection.execute(audit.insert().values(row))
    audit_subjects.index(tx.connection, row)
    return event_of(row)


def head(tx: Tx) -> tuple[int, str]:
    """Sequence and hash of the last event; (0, GENESIS) before the first."""
    query = select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc()).limit(1)
    row = tx.connection.execute(query).first()
    return (0, GENESIS) if row is None else (row.sequence, row.hash)


def listing(
    tx: Tx,
    *,
    person: str | None = None,
    subject: str | None = None,
    verb: Verb | Collection[Verb] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_sequence: int | None = None,
    limit: int | None = None,
) -> tuple[AuditEvent, ...]:
    """Events in their order, `since` ≤ time < `until`. `limit` takes the first of them.

    `person` is an id: events that this person did, had done, or is named in. Raises StoreError for an
    event that cannot be read; `verify` says more.
    """
    query = select(audit).order_by(audit.c.sequence)
    if person is not None:
        query = query.where(
            or_(audit.c.actor_id == person, audit.c.actor_on_behalf == person, _mentioning(person))
        )
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    if verb is not None:
        verbs = (verb,) if isinstance(verb, Verb) else tuple(verb)
        query = query.where(audit.c.verb.in_([known.value for known in verbs]))
    if since is not None:
        query = query.where(audit.c.time >= timestamp(since))
    if until is not None:
        query = query.where(audit.c.time < timestamp(until))
    if after_sequence is not None:
        query = query.where(audit.c.sequence > after_sequence)
    if limit is not None:
        query = query.limit(limit)
    return tuple(event_of(row) for row in tx.connection.execute(query).mappings())


def newest(tx: Tx, subjects: Collection[str], verbs: Collection[Verb]) -> AuditEvent | None:
    """The last event of one of these verbs about one of these subjects, or None."""
    if not subjects or not verbs:
        return None
    query = select(audit).where(
        audit.c.subject.in_(subjects), audit.c.verb.in_([verb.value for verb in verbs])
    )
    row = tx.connection.execute(query.order_by(audit.c.sequence.desc()).limit(1)).mappings().first()
    return event_of(row) if row is not None else None


def content(event: AuditEvent) -> dict[str, Any]:
    """What is hashed of an event; its hash is that of this in canonical JSON (see `facts.canonical`)."""
    return {
        "v": 1,
        "sequence": event.sequence,
        "segment": event.segment,
        "time": timestamp(event.time),
        "actor_kind": event.actor.kind.value,
        "actor_id": event.actor.id,
        "actor_on_behalf": event.actor.on_behalf,
        "verb": event.verb.value,
        "subject": event.subject,
        "facts": dict(event.facts),
        "previous_hash": event.previous_hash,
    }


def verify(
    tx: Tx,
    *,
    anchor: tuple[int, str] | None = None,
    after: tuple[int, str] = (0, GENESIS),
    most: int | None = None,
) -> Verification:
    """Walk the whole chain in constant memory, up to the first event that does not hold.

    `anchor` is a head that was kept elsewhere: the event of that sequence must still have that hash. A long
    chain is walked in parts: `most` events `after` the head of the part before.
    """
    head = after
    # From the very beginning, rows that somebody numbered below the first event are seen too.
    for row in islice(_walk(tx, head[0] or None), most):
        why = _fault(row, head)
        if not why and anchor is not None and row.sequence == anchor[0] and row.hash != anchor[1]:
            why = Phrase("its hash is not the one that was kept elsewhere: the chain was written anew")
        if why:
            return Verification(False, head[0], head[0] + 1, why, head)
        head = (row.sequence, row.hash)
    if anchor is not None and anchor[0] > head[0]:
        why = Phrase(
            "the chain ends at {end}, and {kept} was kept elsewhere: its tail was cut off",
            end=head[0],
            kept=anchor[0],
        )
        return Verification(False, head[0], head[0] + 1, why, head)
    return Verification(True, head[0], head=head)


def _walk(tx: Tx, after: int | None) -> Iterator[Row[Any]]:
    """All rows, or those after that sequence, in their order, a page at a time."""
    query: Select[Any] = select(audit).order_by(audit.c.sequence).limit(PAGE)
    page = tx.connection.execute(query if after is None else query.where(audit.c.sequence > after)).all()
    while page:
        yield from page
        page = tx.connection.execute(query.where(audit.c.sequence > page[-1].sequence)).all()


def _fault(row: Row[Any], head: tuple[int, str]) -> Phrase:
    """What is wrong with a row that should follow `head`; empty where nothing is."""
    if row.sequence != head[0] + 1:
        return Phrase("the event is missing; the next one is {sequence}", sequence=row.sequence)
    if row.previous_hash != head[1]:
        return Phrase("it does not follow from the event before it")
    try:
        # The text is compared as well: what parses to the same facts is still an edit.
        sound = row.hash == _hash(row._asdict()) and row.facts == canonical(json.loads(row.facts))
    except (TypeError, ValueError):
        sound = False
    return Phrase("") if sound else Phrase("its content is not what was written")


def _hash(row: Mapping[str, Any]) -> str:
    content = {"v": 1, **{name: row[name] for name in _HASHED}, "facts": json.loads(row["facts"])}
    return sha256(canonical(content).encode()).hexdigest()


def event_of(row: Mapping[Any, Any]) -> AuditEvent:
    """The event of a row. Raises StoreError for one that cannot be read; `verify` says more."""
    try:
        return AuditEvent(
            sequence=row["sequence"],
            time=datetime.fromisoformat(row["time"]),
            actor=Actor(ActorKind(row["actor_kind"]), row["actor_id"], row["actor_on_behalf"]),
            verb=Verb(row["verb"]),
            subject=row["subject"],
            facts=json.loads(row["facts"]),
            previous_hash=row["previous_hash"],
            hash=row["hash"],
            segment=row["segment"],
        )
    except (TypeError, ValueError) as error:
        raise StoreError(
            "The audit event {sequence} cannot be read.",
            advice="See `hub-ext audit verify`.",
            sequence=row["sequence"],
        ) from error


def _mentioning(word: str) -> Any:
    # In canonical JSON a whole string stands between quotes; autoescape covers % and _.
    return or_(audit.c.subject == word, audit.c.facts.contains(canonical(word), autoescape=True))
