"""The record: read, exported, verified.

A selection by person, project, dataset or image finds every event about it: those that name it, and
those about what belongs to it (the end of a launch names the launch only).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from hub_ext.adapters.store import Tx, approvals, audit, grants, launches, memberships, versions, volumes
from hub_ext.adapters.store.audit import Verification
from hub_ext.adapters.store.facts import canonical
from hub_ext.errors import InputError
from hub_ext.flows.site import Site
from hub_ext.model import Actor, AuditEvent, Verb

PAGE = 500
FORMATS = ("jsonl", "csv")
CSV_COLUMNS = (
    *("sequence", "segment", "time", "actor_kind", "actor_id", "actor_on_behalf"),
    *("verb", "subject", "facts", "previous_hash", "hash"),
)

# The keys under which flows write a noun's id or slug into facts, without a plural's "s".
_KEYS = {
    "person": ("person", "person_id", "member", "steward", "sponsor_id", "approved_by", "granted_by"),
    "project": ("project",),
    "dataset": ("dataset", "never_with", "decode", "data", "mounted"),
    "image": ("image", "environment", "entry"),
}


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
        nouns = ", ".join(dict.fromkeys(verb.value.partition(".")[0] for verb in Verb))
        raise InputError(
            f"{text!r} is no verb of the record.", advice=f"Type grant.added, or one of: {nouns}."
        )
    return found


def listing(site: Site, selection: Selection) -> Iterator[AuditEvent]:
    """The selected events in their order, from one snapshot, a page in memory at a time."""
    with site.store.reading() as tx:
        yield from _selected(tx, selection)


def export(site: Site, actor: Actor, selection: Selection, out: TextIO, form: str = "jsonl") -> int:
    """Write the selected events as JSON Lines or CSV, and return how many.

    A line of JSON is the hashed content and the hash, so that a reader can verify it alone. The export
    is on the record before the first line leaves; it is not part of itself.
    """
    if form not in FORMATS:
        raise InputError(f"There is no format {form!r}.", advice=f"Formats: {', '.join(FORMATS)}.")
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


def _selected(tx: Tx, selection: Selection, *, through: int | None = None) -> Iterator[AuditEvent]:
    wanted = {noun: (key, _belonging(tx, noun, key)) for noun in _KEYS if (key := getattr(selection, noun))}
    after = 0
    while True:
        page = audit.listing(
            tx,
            verb=selection.verbs or None,
            since=selection.since,
            until=selection.until,
            after_sequence=after,
            limit=PAGE,
        )
        for event in page:
            if through is not None and event.sequence > through:
                return
            if all(_about(event, noun, key, belonging) for noun, (key, belonging) in wanted.items()):
                yield event
        if len(page) < PAGE:
            return
        after = page[-1].sequence


def _about(event: AuditEvent, noun: str, key: str, belonging: frozenset[str]) -> bool:
    if event.subject in belonging:
        return True
    if event.subject == key and event.verb.value.partition(".")[0] == noun:
        return True
    if noun == "person" and key in (event.actor.id, event.actor.on_behalf):
        return True
    return _named(event.facts, noun, key)


def _named(facts: Any, noun: str, key: str, *, here: bool = False) -> bool:
    """Whether the facts hold the key under a name of the noun, at any depth."""
    if isinstance(facts, Mapping):
        return any(
            (here and name == key) or _named(item, noun, key, here=here or name.rstrip("s") in _KEYS[noun])
            for name, item in facts.items()
        )
    if isinstance(facts, list):
        return any(_named(item, noun, key, here=here) for item in facts)
    return here and facts == key


def _belonging(tx: Tx, noun: str, key: str) -> frozenset[str]:
    """Ids of what belongs to a person, project, dataset or image: events about those are about it."""
    match noun:
        case "person":
            held: tuple[Any, ...] = (
                *memberships.listing(tx, person_id=key),
                *launches.listing(tx, person_id=key),
                *(volume for volume in volumes.listing(tx) if volume.person_id == key),
            )
        case "project":
            held = (
                *memberships.listing(tx, project=key),
                *approvals.listing(tx, project=key),
                *grants.listing(tx, project=key),
                *volumes.listing(tx, project=key),
                *launches.listing(tx, project=key),
            )
        case "dataset":
            known = versions.listing(tx, dataset=key)
            ids = {version.id for version in known}
            mounted = (launch for launch in launches.listing(tx) if ids.intersection(launch.version_ids))
            held = (*known, *grants.listing(tx, dataset=key), *mounted)
        case _:
            held = tuple(launch for launch in launches.listing(tx) if launch.image == key)
    return frozenset(one.id for one in held)


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
        writer.writerow(_cell(row[name]) for name in CSV_COLUMNS)
        count += 1
    return count


def _cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
