"""The record: searched, exported, verified.

A selection by person, project, dataset or image finds every event about it: those that name it, and
those about what belongs to it (the end of a launch names the launch only).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from hub_ext.adapters.store import Tx, audit, audit_search
from hub_ext.adapters.store.audit import Verification
from hub_ext.adapters.store.facts import canonical
from hub_ext.errors import InputError, NotFound
from hub_ext.expression.spreadsheet import cell
from hub_ext.flows.site import Site
from hub_ext.model import Actor, AuditEvent, Verb

PAGE = 500
MEDIA = {"jsonl": "application/jsonl", "csv": "text/csv"}  # of each format
FORMATS = tuple(MEDIA)
CSV_COLUMNS = (
    *("sequence", "segment", "time", "actor_kind", "actor_id", "actor_on_behalf"),
    *("verb", "subject", "facts", "previous_hash", "hash"),
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: all that are set must hold. `person` is an id; `since` ≤ time < `until`."""

    verbs: tuple[Verb, ...] = ()
    person: str = ""
    project: str = ""
    dataset: str = ""
    image: str = ""
    since: datetime | None = None
    until: datetime | None = None


def verbs_named(text: str) -> tuple[Verb, ...]:
    """The verb "grant.added", or all of the noun "grant". Raises InputError."""
    found = tuple(verb for verb in Verb if text in (verb.value, verb.value.partition(".")[0]))
    if not found:
        nouns = tuple(dict.fromkeys(verb.value.partition(".")[0] for verb in Verb))
        raise InputError(
            "{text!r} is no verb of the record.",
            advice="Type grant.added, or one of: {nouns}.",
            text=text,
            nouns=nouns,
        )
    return found


def listing(site: Site, selection: Selection) -> Iterator[AuditEvent]:
    """The selected events by time, from one snapshot, a page in memory at a time."""
    with site.store.reading() as tx:
        yield from _selected(tx, selection)


def newest(
    site: Site, selection: Selection, *, beyond: int | None = None, limit: int = 50
) -> tuple[AuditEvent, ...]:
    """A page of the selected events, the newest first; `beyond` is the last one of the page before.

    Raises NotFound where there is no event `beyond`.
    """
    with site.store.reading() as tx:
        return _page(tx, selection, beyond=beyond, limit=limit, oldest_first=False)


def one(site: Site, sequence: int) -> AuditEvent:
    """That event. Raises NotFound."""
    with site.store.reading() as tx:
        held = audit.listing(tx, after_sequence=sequence - 1, limit=1)
    if not held or held[0].sequence != sequence:
        raise NotFound("There is no event {sequence} in the record.", sequence=sequence)
    return held[0]


def export(site: Site, actor: Actor, selection: Selection, out: TextIO, form: str = "jsonl") -> int:
    """Write the selected events as JSON Lines or CSV, and return how many.

    A line of JSON is the hashed content and the hash, so that a reader can verify it alone. The export
    is on the record before the first line leaves; it is not part of itself.
    """
    if form not in FORMATS:
        raise InputError(
            "There is no format {form!r}.", advice="Formats: {formats}.", form=form, formats=tuple(FORMATS)
        )
    with site.store.transaction() as tx:
        through, _ = audit.head(tx)
        facts = {"format": form, "through": through, "selection": selection}
        site.record(tx, actor, Verb.AUDIT_EXPORTED, "audit", facts)
    write = _write_csv if form == "csv" else _write_json_lines
    with site.store.reading() as tx:
        return write((event for event in _selected(tx, selection, through=through)), out)


def verify(site: Site, *, anchor: tuple[int, str] | None = None) -> Verification:
    """Walk the whole chain; `anchor` is a head that was kept elsewhere."""
    with site.store.reading() as tx:
        return audit.verify(tx, anchor=anchor)


# --- selecting ---


def _page(
    tx: Tx, selection: Selection, *, beyond: int | None, limit: int, oldest_first: bool
) -> tuple[AuditEvent, ...]:
    nouns = ("person", "dataset", "project", "image")
    return audit_search.page(
        tx,
        about=[(noun, key) for noun in nouns if (key := getattr(selection, noun))],
        verbs=selection.verbs,
        since=selection.since,
        until=selection.until,
        beyond=beyond,
        limit=limit,
        oldest_first=oldest_first,
    )


def _selected(tx: Tx, selection: Selection, *, through: int | None = None) -> Iterator[AuditEvent]:
    last = None
    while True:
        page = _page(tx, selection, beyond=last, limit=PAGE, oldest_first=True)
        yield from (event for event in page if through is None or event.sequence <= through)
        if len(page) < PAGE:
            return
        last = page[-1].sequence


# --- writing ---


def _write_json_lines(events: Iterator[AuditEvent], out: TextIO) -> int:
    count = 0
    for event in events:
        out.write(canonical({**audit.content(event), "hash": event.hash}) + "\n")
        count += 1
    return count


def _write_csv(events: Iterator[AuditEvent], out: TextIO) -> int:
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    count = 0
    for event in events:
        row = {**audit.content(event), "facts": canonical(event.facts), "hash": event.hash}
        writer.writerow(cell(row[name]) for name in CSV_COLUMNS)
        count += 1
    return count
