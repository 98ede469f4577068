"""How long a search of the record takes: `python -m bench.audit_search [--events 1000000]`.

Fills a store in SQLite with that many events of a site of 400 persons, 60 projects, 80 datasets and 30
images, chained and hashed as real ones, then times the searches that people make, 200 of each, first pages
and deep ones. Prints a table; ends with status 1 where p95 is over the limit. The plans of the queries are
held by tests/adapters/store/test_audit_search.py.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.machine import machine
from hub_ext.adapters.store import Store, audit_search
from hub_ext.adapters.store.audit import GENESIS
from hub_ext.adapters.store.audit_subjects import moment_of, verb_keys
from hub_ext.adapters.store.facts import canonical, timestamp
from hub_ext.adapters.store.tables import audit
from hub_ext.adapters.store.tables_audit import audit_subjects
from hub_ext.model import Verb

LIMIT_MS = 500.0
PAGE = 50
ROUNDS = 200
BATCH = 20_000
START = datetime(2023, 1, 1, tzinfo=UTC)
# Most of a record is launches; one event in a few hundred is a right that changes.
WEIGHTS = {
    Verb.LAUNCH_ADMITTED: 240,
    Verb.LAUNCH_STARTED: 240,
    Verb.LAUNCH_STOPPING: 230,
    Verb.LAUNCH_STOPPED: 240,
    Verb.LAUNCH_REFUSED: 40,
    Verb.GRANT_ADDED: 4,
    Verb.GRANT_REVOKED: 2,
    Verb.MEMBERSHIP_ADDED: 3,
    Verb.IMAGE_PUBLISHED: 1,
}


def main() -> int:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events: int = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        store = Store.open(f"sqlite:///{path}")
        begun = time.perf_counter()
        fill(store, events)
        filled = time.perf_counter() - begun
        size = path.stat().st_size / 2**20
        print(f"date      {datetime.now(UTC):%Y-%m-%d}")
        print(f"machine   {machine()}")
        print(f"record    {events} events, {size:.0f} MiB, filled in {filled:.0f} s\n")
        print(f"{'search':44} {'p50 ms':>8} {'p95 ms':>8} {'worst':>8} {'rows':>6}")
        worst = max(_measured(store, name, ask) for name, ask in _searches(events))
        store.close()
    print(f"\nlimit     p95 {LIMIT_MS:.0f} ms: {'held' if worst <= LIMIT_MS else 'NOT HELD'}")
    return 0 if worst <= LIMIT_MS else 1


def fill(store: Store, events: int) -> None:
    """That many events, a batch in each transaction; the same ones each time."""
    made = _events(random.Random(1), events)
    with store.transaction() as tx:
        rows: list[dict[str, Any]] = []
        about: list[dict[str, Any]] = []
        for row, subjects in made:
            rows.append(row)
            about += subjects
            if len(rows) == BATCH or row["sequence"] == events:
                tx.connection.execute(audit.insert(), rows)
                tx.connection.execute(audit_subjects.insert(), about)
                rows, about = [], []


def _events(chance: random.Random, events: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    verbs, weights = tuple(WEIGHTS), tuple(WEIGHTS.values())
    previous, step = GENESIS, timedelta(days=1000) / events
    for sequence in range(1, events + 1):
        verb = chance.choices(verbs, weights)[0]
        # A few people and projects do most of the work.
        person = f"per-{int(400 * chance.random() ** 2)}"
        project, image = f"project-{int(60 * chance.random() ** 2)}", f"image-{chance.randrange(30)}"
        datasets = [f"data-{int(80 * chance.random() ** 2)}" for _ in range(2)]
        when = START + sequence * step
        row: dict[str, Any] = {
            "sequence": sequence,
            "segment": 0,
            "time": timestamp(when),
            "actor_kind": "person",
            "actor_id": person,
            "actor_on_behalf": "",
            "verb": verb.value,
            "subject": f"lau-{sequence // 4}",
            "facts": canonical({"project": project, "image": image, "datasets": datasets, "size": "m"}),
            "previous_hash": previous,
        }
        previous = row["hash"] = sha256(canonical(row).encode()).hexdigest()
        named = {("person", person), ("project", project), ("image", image)}
        named |= {("dataset", slug) for slug in datasets} | {("verb", key) for key in verb_keys(verb.value)}
        moment = moment_of(when)
        yield row, [{"kind": k, "key": v, "moment": moment, "sequence": sequence} for k, v in sorted(named)]


def _searches(events: int) -> Iterator[tuple[str, Callable[[random.Random], dict[str, Any]]]]:
    def deep(chance: random.Random) -> dict[str, Any]:
        return {"beyond": chance.randrange(1, events)}

    def month(chance: random.Random) -> dict[str, Any]:
        since = START + timedelta(days=chance.randrange(970))
        return {"since": since, "until": since + timedelta(days=30)}

    def about(*kinds: tuple[str, int]) -> Callable[[random.Random], dict[str, Any]]:
        names = {"person": "per", "project": "project", "dataset": "data", "image": "image"}
        return lambda chance: {
            "about": [(kind, f"{names[kind]}-{chance.randrange(most)}") for kind, most in kinds]
        }

    person, project, dataset, image = ("person", 400), ("project", 60), ("dataset", 80), ("image", 30)
    launches = tuple(verb for verb in Verb if verb.value.startswith("launch."))
    yield "the newest", lambda _: {}
    yield "any page", deep
    yield "a month", month
    for one in (person, project, dataset, image):
        yield one[0], about(one)
    yield "person, any page", lambda chance: about(person)(chance) | deep(chance)
    yield "person, a month", lambda chance: about(person)(chance) | month(chance)
    yield "dataset, a month, any page", lambda chance: about(dataset)(chance) | month(chance) | deep(chance)
    yield "all of launch", lambda _: {"verbs": launches}
    yield "a rare verb", lambda _: {"verbs": (Verb.IMAGE_PUBLISHED,)}
    yield "a rare verb of a project", lambda c: about(project)(c) | {"verbs": (Verb.IMAGE_PUBLISHED,)}
    yield "a verb that never happened", lambda c: about(dataset)(c) | {"verbs": (Verb.CULL_BRAKED,)}
    yield "some verbs, a month", lambda c: month(c) | {"verbs": (Verb.GRANT_ADDED, Verb.GRANT_REVOKED)}
    yield "person and dataset", about(person, dataset)
    yield "all four", about(person, project, dataset, image)
    # The dearest: two of the busiest at once, each page anywhere.
    yield (
        "two of the busiest, any page",
        lambda c: deep(c) | {"about": [("dataset", "data-0"), ("project", "project-0")]},
    )


def _measured(store: Store, name: str, ask: Callable[[random.Random], dict[str, Any]]) -> float:
    """Prints a line; the p95 in milliseconds."""
    chance, taken, rows = random.Random(2), [], 0
    for _ in range(ROUNDS):
        asked = ask(chance)
        begun = time.perf_counter()
        with store.reading() as tx:
            rows += len(audit_search.page(tx, limit=PAGE, **asked))
        taken.append(1000 * (time.perf_counter() - begun))
    taken.sort()
    p50, p95 = taken[len(taken) // 2], taken[int(0.95 * len(taken))]
    print(f"{name:44} {p50:8.1f} {p95:8.1f} {taken[-1]:8.1f} {rows // ROUNDS:6}", flush=True)
    return p95


if __name__ == "__main__":
    sys.exit(main())
