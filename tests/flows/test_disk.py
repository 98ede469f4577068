"""Room on disk: volumes of the real engine measured, free room where a launch writes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.store import volumes
from hub_ext.errors import EngineError
from hub_ext.flows import disk, projects
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, Localised, Person, Volume, VolumeKind
from tests.flows.conftest import Clock

KIB = 1024
AddVolume = Callable[..., Volume]


@pytest.fixture
def add_volume(engine_site: Site, actor: Actor, add_person: Callable[..., Person]) -> AddVolume:
    """Writes down a home in onco; nothing of it is in the engine yet."""
    projects.add_project(engine_site, actor, "onco", Localised("Cancer", "Cancer"))

    def add(username: str, **more: Any) -> Volume:
        made = new_id("vol")
        volume = Volume(
            **{
                "id": made,
                "name": f"{engine_site.settings.instance}-{made}",
                "kind": VolumeKind.HOME,
                "node": "local",
                "project": "onco",
                "created": engine_site.now(),
                "person_id": add_person(username).id,
                "allowed_bytes": 100 * KIB,
            }
            | more
        )
        with engine_site.store.transaction() as tx:
            volumes.add(tx, volume)
        return volume

    return add


@pytest_asyncio.fixture
async def homes(engine_site: Site, add_volume: AddVolume) -> AsyncIterator[tuple[Volume, Volume]]:
    """Two homes in the engine: one with 95 KiB, one with nothing."""
    held = (add_volume("marie"), add_volume("pierre"))
    engine = engine_site.engine
    try:
        for volume, size in zip(held, (95 * KIB, 0), strict=True):
            await engine.ensure_volume(volume.name)
            files = {"a.bin": b"x" * size} if size else {}
            await engine.seed_volume(volume.name, uid=20000, gid=60000, mode=0o700, files=files)
        yield held
    finally:
        for volume in held:
            await engine.remove_volume(volume.name)


def stored(site: Site, volume: Volume) -> Volume:
    with site.store.reading() as tx:
        return volumes.get(tx, volume.id)


async def test_what_volumes_hold_is_measured_and_stored(
    engine_site: Site, homes: tuple[Volume, Volume], clock: Clock
) -> None:
    full, empty = homes
    assert disk.share_used(full) is None
    await disk.measure(engine_site)

    full, empty = stored(engine_site, full), stored(engine_site, empty)
    assert full.used_bytes is not None
    assert 95 * KIB <= full.used_bytes < 96 * KIB + 8 * KIB
    assert empty.used_bytes is not None
    assert empty.used_bytes <= 8 * KIB
    assert full.measured == empty.measured == clock.moment
    assert (disk.almost_full(full), disk.almost_full(empty)) == (True, False)


async def test_only_the_volumes_named_are_measured(engine_site: Site, homes: tuple[Volume, Volume]) -> None:
    full, empty = homes
    (measured,) = await disk.measure(engine_site, volume_ids={empty.id})
    assert measured == stored(engine_site, empty)
    assert measured.measured is not None
    assert stored(engine_site, full) == full


async def test_a_volume_that_the_engine_has_not_keeps_its_measurement(
    engine_site: Site, add_volume: AddVolume, clock: Clock
) -> None:
    before = add_volume("marie", used_bytes=7, measured=clock.moment)
    clock.forward(hours=1)
    assert await disk.measure(engine_site) == (before,)


async def test_ended_volumes_and_other_nodes_are_left_alone(
    engine_site: Site, add_volume: AddVolume, clock: Clock
) -> None:
    add_volume("marie", ended=clock.moment)
    assert disk.living(engine_site) == ()
    living = add_volume("pierre")
    assert disk.living(engine_site, project="onco") == (living,)
    assert disk.living(engine_site, project="cardio") == ()


async def test_an_engine_that_fails_is_no_measurement(engine_site: Site, add_volume: AddVolume) -> None:
    before = add_volume("marie")
    deaf = replace(engine_site, settings=replace(engine_site.settings, engine_url="unix:///nowhere.sock"))
    with pytest.raises(EngineError):
        await disk.measure(deaf)
    deaf.engine.close()
    assert stored(engine_site, before) == before


async def test_the_room_is_the_least_of_engine_and_state(engine_site: Site) -> None:
    facts = await disk.facts(engine_site)
    engine = await engine_site.engine.free_bytes()
    state = shutil.disk_usage(engine_site.settings.state_dir).free
    assert engine is not None
    assert facts.free_bytes == pytest.approx(min(engine, state), rel=0.05)
    assert facts.reserve_bytes == engine_site.settings.disk_reserve_bytes


async def test_room_that_cannot_be_measured_is_unknown(engine_site: Site) -> None:
    settings = engine_site.settings
    gone = replace(engine_site, settings=replace(settings, state_dir=settings.state_dir / "gone"))
    assert (await disk.facts(gone)).free_bytes is None
    deaf = replace(engine_site, settings=replace(settings, engine_url="unix:///nowhere.sock"))
    assert (await asyncio.wait_for(disk.facts(deaf), 10)).free_bytes is None
    for site in (gone, deaf):
        site.engine.close()


def test_without_an_allowance_nothing_is_almost_full(add_volume: AddVolume) -> None:
    volume = add_volume("marie", allowed_bytes=0, used_bytes=10**12)
    assert disk.share_used(volume) is None
    assert not disk.almost_full(volume)
    assert disk.share_used(replace(volume, allowed_bytes=10**12)) == 1.0
