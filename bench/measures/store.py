"""What the store bears: transactions a second, and how long a launch's decision takes as records pile up.

In SQLite on this machine's disk, each transaction waiting for the disk, as by default. A transaction is one
event of the audit trail; then several processes write at once, as the Hub and its services do. `decision`
is everything before the container: the engine's ping, the datasets' folders, the facts, the decision, the
launch and its event.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench import figures
from bench.run import Run
from hub_ext.adapters.store import Store, Tx, audit, launches, memberships, persons
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.flows.launch import admit
from hub_ext.flows.site import Site, new_id, open_site, utc_now
from hub_ext.model import (
    Actor,
    ActorKind,
    LaunchPlan,
    LaunchRequest,
    LaunchState,
    MemberRole,
    Membership,
    Person,
    Verb,
)
from tests.support import scenario as scenarios

WRITERS = 4  # the Hub, reconciler, culler, console
_ACTOR = Actor(ActorKind.HOST_USER, "bench")
_EVENTS = (Verb.LAUNCH_ADMITTED, Verb.LAUNCH_STARTED, Verb.LAUNCH_STOPPING, Verb.LAUNCH_STOPPED)
_AT_ONCE = 500  # launches in a transaction that fills
_FIRST_UID = 40_000


async def measure(run: Run) -> None:
    """scale.store."""
    seconds, decisions, past = (2, 20, 500) if run.quick else (10, 60, 10_000)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=run.house.layout.state) as name:
        folder = Path(name)
        run.say("What the store bears")
        found |= await _writers(folder, seconds)
        found["hub_commit_s"] = await asyncio.to_thread(_commits, folder)
        settings = replace(
            run.ours.site.settings, state_dir=folder, store_url="", dataset_roots=(folder / "data",)
        )
        site = open_site(settings)
        try:
            await _decisions(run, site, folder / "data", decisions, past, found)
        finally:
            site.close()
    run.figures.setdefault("scale", {})["store"] = found


async def _writers(folder: Path, seconds: float) -> dict[str, Any]:
    """Transactions a second of one process, and of several together; and what one of them waited at most."""
    told: dict[str, Any] = {}
    for count in (1, WRITERS):
        url = f"sqlite:///{folder}/writers-{count}.sqlite"
        Store.open(url).close()
        words = [sys.executable, "-m", "bench.writer", url, str(seconds)]
        children = [
            await asyncio.create_subprocess_exec(*words, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
            for _ in range(count)
        ]
        said = [(await child.communicate())[0] for child in children]
        took = [taken for text in said for taken in json.loads(text)]
        told[f"writers_{count}"] = {
            "transactions_per_second": round(len(took) / seconds, 1),
            **figures.spread("one", took),
            "longest_s": round(max(took), 4),
        }
    return told


def _append(tx: Tx, verb: Verb, subject: str) -> None:
    audit.append(tx, time=utc_now(), actor=_ACTOR, verb=verb, subject=subject, facts={"project": "onco"})


def _commits(folder: Path) -> dict[str, float]:
    """A small commit in the Hub's own database: as SQLite has it by default, and as ours sets it."""
    told = {}
    for name, journal, synchronous in (("default", "DELETE", "FULL"), ("ours", "WAL", "NORMAL")):
        connection = sqlite3.connect(folder / f"hub-{name}.sqlite", isolation_level=None)
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("CREATE TABLE servers (id INTEGER PRIMARY KEY, state TEXT)")
        took = []
        for _ in range(200):
            began = time.monotonic()
            connection.execute("INSERT INTO servers (state) VALUES (?)", ("x" * 400,))
            took.append(time.monotonic() - began)
        connection.close()
        told[name] = round(figures.median(took), 5)
    return told


async def _decisions(run: Run, site: Site, data: Path, count: int, past: int, found: dict[str, Any]) -> None:
    await scenarios.build(site, data, {"answer": run.house.stubs["answer"]})
    await asyncio.to_thread(_people, site, 3 * count)
    found["ping"] = figures.spread("one", await _each(site.engine.ping, count))
    first = [f"per-store-{number}" for number in range(count)]
    found["decision_0"] = figures.spread("one", await _each(lambda: _decide(site, first.pop()), count))
    run.say(f"{past} launches in the store")
    took = await asyncio.to_thread(_fill, site, past, 3 * count)
    found["launches"] = past
    found["fill_s"] = round(took, 1)
    found["bytes_per_launch"] = round(site.settings.state_dir.joinpath("store.sqlite").stat().st_size / past)
    second = [f"per-store-{number}" for number in range(count, 2 * count)]
    with_past = await _each(lambda: _decide(site, second.pop()), count)
    found[f"decision_{past}"] = figures.spread("one", with_past)
    began = time.monotonic()
    await asyncio.gather(*(_decide(site, f"per-store-{number}") for number in range(2 * count, 3 * count)))
    found["decisions_per_second"] = round(count / (time.monotonic() - began), 1)


async def _each(call: Callable[[], Any], count: int) -> list[float]:
    took = []
    for _ in range(count):
        began = time.monotonic()
        await call()
        took.append(time.monotonic() - began)
    return took


async def _decide(site: Site, person: str) -> None:
    """A launch is admitted: nothing is created for it."""
    request = LaunchRequest(
        launch_id=new_id("lau"),
        person_id=person,
        server_name="",
        project="onco",
        environment="answer",
        datasets=("mri",),
        size="s",
        gpus=0,
    )
    decision = await admit(site, request, Actor(ActorKind.PERSON, person), groups=frozenset())
    if not isinstance(decision, LaunchPlan):
        raise RuntimeError(f"refused: {decision}")


def _people(site: Site, count: int) -> None:
    now = site.now()
    with site.store.transaction() as tx:
        for number in range(count):
            name = f"per-store-{number}"
            persons.add(tx, Person(name, "demo", name, name, name, _FIRST_UID + number, now))
            place = (f"mem-store-{number}", name, "onco")
            memberships.add(tx, Membership(*place, MemberRole.MEMBER, now, now))


def _fill(site: Site, count: int, people: int) -> float:
    """Ended launches with the events of each; the seconds that it took."""
    began, now = time.monotonic(), site.now()
    with site.store.reading() as tx:
        former = launches.listing(tx, limit=1)[0]
    for start in range(0, count, _AT_ONCE):
        with site.store.transaction() as tx:
            for number in range(start, min(count, start + _AT_ONCE)):
                then = now - timedelta(minutes=number + 1)
                person = f"per-store-{number % people}"
                launch = replace(
                    former,
                    id=new_id("lau"),
                    person_id=person,
                    username=person,
                    volume_ids=(),
                    state=LaunchState.ENDED,
                    admitted=then,
                    ended=then,
                )
                launches.add(tx, launch)
                for verb in _EVENTS:
                    _append(tx, verb, launch.id)
    return time.monotonic() - began
