"""Whom and what an event is about: the persons, projects, datasets and images by which it is found.

Derived from the event when it is written, and from the rows of what it names: the end of a launch is about
whoever started it, its project, its image and its data. No part of the chain; it can be made anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from hub_ext.adapters.store.tables import approvals, launches, memberships, volumes
from hub_ext.adapters.store.tables_audit import audit_subjects
from hub_ext.adapters.store.tables_data import grants, versions
from hub_ext.adapters.store.tables_proposals import proposals
from hub_ext.adapters.store.tables_requests import requests

PERSON, PROJECT, DATASET, IMAGE, VERB = "person", "project", "dataset", "image", "verb"
Subject = tuple[str, str]

# The names under which flows write a noun's ids or slugs into facts.
_NAMES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("person", "person_id", "member", "members", "steward", "stewards", "requested_by"),
            *("sponsor", "sponsor_id", "approved_by", "granted_by", "decided_by"),
        ),
        PERSON,
    ),
    **dict.fromkeys(("project", "projects"), PROJECT),
    **dict.fromkeys(("dataset", "datasets", "never_with", "decodes", "data", "mounted"), DATASET),
    **dict.fromkeys(("image", "environment", "successor"), IMAGE),
}
# What stands for itself: the verbs whose subject is the noun's own id or slug.
_OWN = {"person": PERSON, "project": PROJECT, "dataset": DATASET, "terms": DATASET, "image": IMAGE}
_DIFFERENCE = frozenset({"before", "after", "from", "to", "old", "new"})
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 300  # of one event: hostile facts are bounded already, this bounds their index


def moment_of(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def verb_keys(verb: str) -> tuple[str, str]:
    """A verb is found by itself and by its noun."""
    return verb, verb.partition(".")[0]


def index(connection: Connection, row: Mapping[str, Any]) -> None:
    """Writes down what this row of the record is about."""
    moment = moment_of(datetime.fromisoformat(row["time"]))
    made = [
        {"kind": kind, "key": key, "moment": moment, "sequence": row["sequence"]}
        for kind, key in subjects(connection, row)
    ]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # What is left of a record that somebody cut off must not keep new events out.
    connection.execute(insert(audit_subjects).on_conflict_do_nothing(), made)


def subjects(connection: Connection, row: Mapping[str, Any]) -> list[Subject]:
    """Everything that a row of the record is about, each once."""
    noun = row["verb"].partition(".")[0]
    found: dict[Subject, None] = {(VERB, key): None for key in verb_keys(row["verb"])}
    for person in (row["actor_id"] if row["actor_kind"] == "person" else "", row["actor_on_behalf"]):
        found[PERSON, person] = None
    if noun in _OWN:
        found[_OWN[noun], row["subject"]] = None
    for each in (*_belonging(connection, row["subject"]), *_named(json.loads(row["facts"]))):
        found[each] = None
    return [(kind, key) for kind, key in found if _KEY.fullmatch(key)][:MOST]


def _named(facts: Any, kind: str = "") -> Iterator[Subject]:
    """What the facts name, at any depth; `kind` is that of the name under which they stand."""
    match facts:
        case str() if kind:
            yield kind, facts
        case list():
            for item in facts:
                yield from _named(item, kind)
        case Mapping():
            for name, item in facts.items():
                if kind and name in _DIFFERENCE:
                    yield from _named(item, kind)
                elif kind == DATASET and isinstance(item, str):  # {slug: id of the version}
                    yield kind, name
                else:
                    yield from _named(item, _NAMES.get(name, ""))
        case _:
            pass


def _belonging(connection: Connection, subject: str) -> Iterator[Subject]:
    """What the row of that id belongs to. Columns are named one by one: migrations call this too."""
    prefix = subject.partition("-")[0]
    match prefix:
        case "lau":
            columns = (launches.c.person_id, launches.c.project, launches.c.image, launches.c.version_ids)
            held = connection.execute(select(*columns).where(launches.c.id == subject)).first()
            if held is not None:
                yield from ((PERSON, held.person_id), (PROJECT, held.project), (IMAGE, held.image))
                mounted = select(versions.c.dataset).where(versions.c.id.in_(held.version_ids))
                yield from ((DATASET, slug) for slug in connection.execute(mounted).scalars())
        case "mem":
            yield from _columns(connection, memberships, subject, person_id=PERSON, project=PROJECT)
        case "apr":
            yield from _columns(connection, approvals, subject, project=PROJECT)
        case "gra":
            yield from _columns(connection, grants, subject, dataset=DATASET, project=PROJECT)
        case "req":
            kinds = {"person_id": PERSON, "project": PROJECT, "dataset": DATASET}
            yield from _columns(connection, requests, subject, **kinds)
        case "pro":
            yield from _columns(connection, proposals, subject, person_id=PERSON, project=PROJECT)
        case "ver":
            yield from _columns(connection, versions, subject, dataset=DATASET)
        case "vol":
            yield from _columns(connection, volumes, subject, person_id=PERSON, project=PROJECT)


def _columns(connection: Connection, table: Any, subject: str, **kinds: str) -> Iterator[Subject]:
    query = select(*(table.c[name] for name in kinds)).where(table.c.id == subject)
    held = connection.execute(query).first()
    if held is not None:
        yield from ((kind, value) for kind, value in zip(kinds.values(), held, strict=True) if value)
