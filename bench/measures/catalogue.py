"""A catalogue of 10,000 entries: a page of it, a look at all tags, and a look at the ten that have moved.

The page is the slowest of `bench/catalogue_page.py`, p95. The tags lie in a real registry, over TLS and
with a password; each is the tag of an entry.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.catalogue_page import WORST
from bench.run import Run
from hub_ext.adapters.registry import RegistryClient
from hub_ext.adapters.store import images, revisions
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.flows.catalogue_refresh import refresh_many
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, ActorKind, ImageEntry, ImageRevision, ImageState, Localised
from hub_ext.settings import RegistrySettings, Settings

PATH = "stub/answer"
MOVED = 10
_ACTOR = Actor(ActorKind.HOST_USER, "bench")


async def measure(run: Run) -> None:
    """catalogue."""
    entries = 1000 if run.quick else 10_000
    registry, stubs = run.house.scratch.direct, run.house.scratch.stubs
    run.figures["catalogue"] = found = {"entries": entries}
    run.say(f"A page of {entries} entries")
    found["page_s"] = await _page(entries, 20 if run.quick else 200)
    with tempfile.TemporaryDirectory() as folder:
        site = open_site(Settings(state_dir=Path(folder), registries=(registry,)))
        try:
            run.say(f"Pushing {entries} tags")
            await _push(registry, stubs["answer"], range(entries))
            await asyncio.to_thread(_fill, site, registry.alias, stubs["answer"], entries)
            run.say(f"Looking at {entries} tags")
            began = time.monotonic()
            same = await refresh_many(site, _ACTOR, tell=lambda asked, of: None)
            found["refresh_s"] = round(time.monotonic() - began, 3)
            assert len(same.same) == entries
            await _push(registry, stubs["die"], range(MOVED), path="stub/die")
            await asyncio.to_thread(_point_elsewhere, site)
            began = time.monotonic()
            moved = await refresh_many(site, _ACTOR, _slugs(MOVED), tell=lambda asked, of: None)
            found["incremental_s"] = round(time.monotonic() - began, 3)
            assert len(moved.moved) == MOVED
        finally:
            site.close()
    found["moved"] = MOVED


async def _page(entries: int, rounds: int) -> float:
    words = ("-m", "bench.catalogue_page", "--entries", str(entries), "--rounds", str(rounds))
    asked = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asked.communicate()
    line = next(line for line in said.decode().splitlines() if line.startswith(WORST))
    return float(line.removeprefix(WORST).split()[0]) / 1000


def _slugs(count: int) -> list[str]:
    return [f"image-{number:05}" for number in range(count)]


async def _push(registry: RegistrySettings, digest: str, numbers: range, path: str = PATH) -> None:
    """Tags t0, t1, … for one manifest, one after the other: the registry rewrites its place each time."""
    async with RegistryClient(registry) as client:
        for number in numbers:
            await client.tag(path, digest, f"t{number}")


def _fill(site: Site, alias: str, digest: str, entries: int) -> None:
    text, now = Localised("One of many", "Un parmi d’autres"), site.now()
    with site.store.transaction() as tx:
        for number, slug in enumerate(_slugs(entries)):
            state = ImageState.PUBLISHED
            images.add(tx, ImageEntry(slug, text, text, alias, PATH, f"t{number}", now, state, revision=1))
            revisions.add(tx, ImageRevision(slug, 1, digest, now, "bench", now))


def _point_elsewhere(site: Site) -> None:
    """The first entries now belong to tags that name something else."""
    with site.store.transaction() as tx:
        for slug in _slugs(MOVED):
            entry = images.get(tx, slug)
            images.replace(tx, replace(entry, path="stub/die"), expected_version=entry.version)
