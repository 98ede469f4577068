"""Several processes at once: one chain without duplicates, one owner of a share, one editor of a version."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.store import Store, audit, images, leases
from tests.adapters.store.racer import APPENDS
from tests.adapters.store.samples import IMAGE, filled

ROOT = Path(__file__).parents[3]


def race(url: str, role: str, processes: int) -> list[Any]:
    """What each process came to; all start at the same moment, when the last one is ready."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.store.racer", url, role, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        results = [racer.communicate(timeout=60)[0] for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * processes
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    return [json.loads(result) for result in results]


def test_four_processes_append_to_one_chain(store: Store, store_url: str) -> None:
    sequences = [number for each in race(store_url, "append", 4) for number in each]
    assert sorted(sequences) == list(range(1, 4 * APPENDS + 1))
    with store.reading() as tx:
        assert audit.verify(tx).events == 4 * APPENDS
        written = Counter(event.subject for event in audit.listing(tx))
    assert set(written.values()) == {APPENDS}


@pytest.mark.parametrize("role", ["take", "take_if_free"])
def test_one_process_gets_the_last_share(store: Store, store_url: str, role: str) -> None:
    filled(store)
    assert sorted(race(store_url, role, 2)) == ["lost", "won"]
    with store.reading() as tx:
        assert len(leases.active(tx)) == 1


def test_one_edit_of_a_version_wins(store: Store, store_url: str) -> None:
    filled(store)
    assert sorted(race(store_url, "edit", 2)) == ["lost", "won"]
    with store.reading() as tx:
        assert images.get(tx, "python").version == IMAGE.version + 1
