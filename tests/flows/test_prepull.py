"""Images that are published are on the engine before anybody starts them; on the real engine and registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.store import images, revisions
from hub_ext.errors import EngineError
from hub_ext.flows.prepull import LOOK_AGAIN, Prepull
from hub_ext.flows.site import Site
from hub_ext.model import ImageState
from hub_ext.policy.prepull import AGAIN_AFTER
from hub_ext.services.reconciler import Reconciler
from tests.flows.conftest import Clock
from tests.support.asked import asked
from tests.support.scenario import Scenario
from tests.support.wire import Wire

LEFT = ("answer", "die")


@pytest_asyncio.fixture
async def site(scenario: Scenario, clock: Clock) -> AsyncIterator[Site]:
    """Two images published, none of them on the engine but the one that volumes are seeded from."""
    site = replace(scenario.site, now=clock)
    with site.store.transaction() as tx:
        for entry in images.listing(tx):
            if entry.slug not in LEFT:
                retired = replace(entry, state=ImageState.RETIRED)
                images.replace(tx, retired, expected_version=entry.version)
    await _drop(site, "die")
    yield site
    await _drop(site, "die")


def _name(site: Site, slug: str) -> str:
    with site.store.reading() as tx:
        entry = images.get(tx, slug)
        digest = revisions.get(tx, slug, 1).digest
    registry = site.settings.registry(entry.alias)
    assert registry is not None
    return f"{registry.address}/{entry.path}@{digest}"


async def _drop(site: Site, slug: str) -> None:
    name = _name(site, slug)
    if name in await site.engine.image_digests():
        await site.engine._call("drop an image", "DELETE", f"/images/{name}", parameters={"force": 1})


async def test_what_is_published_is_fetched_and_asked_for_no_more(site: Site, clock: Clock) -> None:
    ahead = Prepull(site)
    came = await ahead.run()
    assert [reference.path for reference in came] == ["stub/die"]
    assert _name(site, "die") in await site.engine.image_digests()

    with asked(site.engine) as calls:
        assert await ahead.run() == ()
        clock.forward(seconds=30)
        assert await ahead.run() == ()
    assert calls == []  # an idle site asks its engine nothing

    clock.forward(seconds=LOOK_AGAIN.total_seconds())
    await _drop(site, "die")
    assert len(await ahead.run()) == 1


async def test_a_publication_is_seen_at_the_next_turn(site: Site) -> None:
    ahead = Prepull(site)
    with site.store.transaction() as tx:
        entry = images.get(tx, "die")
        images.replace(tx, replace(entry, state=ImageState.DRAFT), expected_version=entry.version)
    assert await ahead.run() == ()
    with site.store.transaction() as tx:
        entry = images.get(tx, "die")
        images.replace(tx, replace(entry, state=ImageState.PUBLISHED), expected_version=entry.version)
    assert [reference.path for reference in await ahead.run()] == ["stub/die"]


async def test_a_pull_that_fails_is_told_and_tried_again(
    site: Site, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        gone = replace(entry, path="stub/nothing-here")
        images.replace(tx, gone, expected_version=entry.version)
    ahead = Prepull(site)
    assert [reference.path for reference in await ahead.run()] == ["stub/die"]  # it holds up nobody
    assert "stub/nothing-here" in caplog.text
    caplog.clear()
    clock.forward(seconds=(max(AGAIN_AFTER, LOOK_AGAIN) + timedelta(seconds=1)).total_seconds())
    await ahead.run()
    assert "stub/nothing-here" in caplog.text


async def test_an_engine_that_did_not_tell_is_asked_at_the_next_turn(site: Site, tmp_path: Path) -> None:
    wire = Wire(tmp_path / "engine.sock", Path(site.settings.engine_url.removeprefix("unix://")))
    settings = replace(site.settings, engine_url=f"unix://{wire.near}", engine_seconds=2)
    far = replace(site, settings=settings)
    ahead = Prepull(far)
    try:
        wire.cut()
        with pytest.raises(EngineError):
            await ahead.run()
        wire.mend()
        assert [reference.path for reference in await ahead.run()] == ["stub/die"]
    finally:
        wire.cut()
        far.engine.close()


async def test_a_failure_is_due_again_by_itself(site: Site, clock: Clock) -> None:
    """Later than the look that met it: the pull took its time to fail."""
    with site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        images.replace(tx, replace(entry, path="stub/nothing-here"), expected_version=entry.version)
    ahead = Prepull(site)
    await ahead.run()
    clock.forward(seconds=AGAIN_AFTER.total_seconds() - 1)
    ahead._looked = clock()  # another look in between, which is not to put it off
    clock.forward(seconds=1)
    with asked(site.engine) as calls:
        await ahead.run()
    assert "POST /images/create" in calls


async def test_the_reconciler_does_it(site: Site) -> None:
    working = asyncio.create_task(Reconciler(site).run())
    try:
        async with asyncio.timeout(20):
            while _name(site, "die") not in await site.engine.image_digests():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    finally:
        working.cancel()
        await asyncio.wait([working])


async def test_it_can_be_turned_off(site: Site) -> None:
    off = replace(site, settings=replace(site.settings, prepull=False))
    with asked(site.engine) as calls:
        assert await Prepull(off).run() == ()
    assert calls == []


async def test_two_programs_may_fetch_the_same_image(site: Site) -> None:
    """The Hub for somebody's start, the reconciler ahead of it: the engine has it, and nobody fails."""
    other = Engine(site.settings)
    repository, _, digest = _name(site, "die").partition("@")
    try:
        await asyncio.gather(other.pull(repository, digest), Prepull(site).run())
    finally:
        other.close()
    assert _name(site, "die") in await site.engine.image_digests()
