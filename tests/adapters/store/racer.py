"""One process of a race: `python -m tests.adapters.store.racer URL ROLE NUMBER`.

Says "ready", waits for a line on stdin, runs, and prints its result as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hub_ext.adapters.store import Store, images, leases
from hub_ext.errors import Conflict
from tests.adapters.store.samples import LEASE, write

APPENDS = 100


def append(store: Store, number: int) -> Callable[[], list[int]]:
    """Many events, each in a transaction of its own."""

    def run() -> list[int]:
        sequences = []
        for minute in range(APPENDS):
            with store.transaction() as tx:
                sequences.append(write(tx, minute, subject=f"process-{number}").sequence)
        return sequences

    return run


def take(store: Store, number: int) -> Callable[[], str]:
    """Take the share without looking first: the database is the judge."""

    def run() -> str:
        try:
            with store.transaction() as tx:
                leases.add(tx, replace(LEASE, id=f"lea-race-{number}", ended=None))
            return "won"
        except Conflict:
            return "lost"

    return run


def take_if_free(store: Store, number: int) -> Callable[[], str]:
    """Look first, as a launch does: nothing changes between the look and the taking."""

    def run() -> str:
        with store.transaction() as tx:
            if leases.active(tx, node="local"):
                return "lost"
            time.sleep(0.05)
            leases.add(tx, replace(LEASE, id=f"lea-race-{number}", ended=None))
            return "won"

    return run


def edit(store: Store, number: int) -> Callable[[], str]:
    """Change an image that all have seen in the same version."""
    with store.reading() as tx:
        seen = images.get(tx, "python")

    def run() -> str:
        try:
            with store.transaction() as tx:
                images.replace(tx, replace(seen, tag=str(number)), expected_version=seen.version)
            return "won"
        except Conflict:
            return "lost"

    return run


def main(url: str, role: str, number: str) -> None:
    """Prepare, wait for the start, run."""
    store = Store.open(url, wait_seconds=30)
    prepare: Callable[[Store, int], Callable[[], Any]] = globals()[role]
    run = prepare(store, int(number))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(run()), flush=True)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
