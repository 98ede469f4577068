"""While the engine's events are heard it is asked once, and what an event takes back is asked for anew."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.engine.known import Known, Thing
from hub_ext.settings import Settings
from tests.support.asked import asked, heard
from tests.support.python_image import PYTHON
from tests.support.until import until
from tests.support.wire import Wire


async def test_what_is_known_is_asked_once(engine: Engine, settings: Settings, volume: str) -> None:
    await engine.ensure_volume(volume)
    async with heard(engine, settings.instance):
        assert await engine.has_volume(volume)
        await engine.free_bytes()
        with asked(engine) as calls:
            assert await engine.has_volume(volume)
            await engine.free_bytes()
            await engine.ping()
        assert calls == []
    with asked(engine) as calls:
        assert await engine.has_volume(volume)
        await engine.free_bytes()
        await engine.ping()
    assert calls == [f"GET /volumes/{volume}", "GET /info", "GET /_ping"]


async def test_a_volume_that_others_remove_is_gone(engine: Engine, settings: Settings, volume: str) -> None:
    async with heard(engine, settings.instance):
        await engine.ensure_volume(volume)
        assert await engine.has_volume(volume)
        _docker(settings, "volume", "rm", volume)
        await until(lambda: not engine.known.has(Thing.VOLUME, volume))
        assert not await engine.has_volume(volume)


async def test_an_image_that_others_remove_is_gone(
    engine: Engine, settings: Settings, small_image: str
) -> None:
    async with heard(engine, settings.instance):
        asked_then = engine.known.ask(Thing.IMAGE)
        engine.known.remember(asked_then, Thing.IMAGE, "some@sha256:1")
        _docker(settings, "tag", small_image, f"{settings.instance}-other:1")
        assert engine.known.has(Thing.IMAGE, "some@sha256:1")
        _docker(settings, "rmi", f"{settings.instance}-other:1")
        await until(lambda: not engine.known.has(Thing.IMAGE, "some@sha256:1"))


async def test_a_container_runs_until_its_end_is_heard(
    engine: Engine, settings: Settings, small_image: str, container: str
) -> None:
    body = {"Image": small_image, "Entrypoint": [PYTHON, "-c", "import time; time.sleep(60)"], "Cmd": []}
    await engine.create(container, body | {"Labels": {"io.hub-ext.instance": settings.instance}})
    async with heard(engine, settings.instance):
        await engine.start(container)
        assert engine.surely_runs(container)
        _docker(settings, "kill", container)
        await until(lambda: not engine.surely_runs(container))
        # Started anew behind our back, it is known no more: the engine is asked about it.
        _docker(settings, "start", container)
        await engine.start(container)
        assert not engine.surely_runs(container)


async def test_nothing_is_known_while_nobody_listens(
    engine: Engine, settings: Settings, small_image: str, container: str
) -> None:
    body = {"Image": small_image, "Entrypoint": [PYTHON, "-c", "import time; time.sleep(60)"], "Cmd": []}
    await engine.create(container, body)
    await engine.start(container)
    assert not engine.surely_runs(container)


async def test_a_broken_stream_takes_everything_back(
    settings: Settings, tmp_path: Path, engine: Engine, volume: str
) -> None:
    await engine.ensure_volume(volume)
    wire = Wire(tmp_path / "engine.sock", Path(settings.engine_url.removeprefix("unix://")))
    far = Engine(replace(settings, engine_url=f"unix://{wire.near}", engine_seconds=2))
    try:
        async with heard(far, settings.instance):
            assert await far.has_volume(volume)
            assert far.known.has(Thing.VOLUME, volume)
            wire.cut()
            await until(lambda: not far.known.hearing)
            assert not far.known.has(Thing.VOLUME, volume)
    finally:
        wire.cut()
        far.close()


def test_an_answer_that_an_event_overtook_is_not_kept() -> None:
    known = Known()
    stream = known.begin()
    before = known.ask(Thing.VOLUME)
    known.forget(Thing.VOLUME, "home")
    known.remember(before, Thing.VOLUME, "home")
    assert not known.has(Thing.VOLUME, "home")
    known.remember(known.ask(Thing.VOLUME), Thing.VOLUME, "home")
    assert known.has(Thing.VOLUME, "home")
    before = known.ask(Thing.VOLUME)
    known.end(stream)
    known.begin()
    known.remember(before, Thing.VOLUME, "home")
    assert not known.has(Thing.VOLUME, "home")


def test_a_list_takes_back_what_an_event_that_was_lost_left() -> None:
    known = Known()
    known.begin()
    for name in ("one", "two"):
        known.remember_running(known.ask(Thing.CONTAINER), name)
    known.keep(Thing.CONTAINER, ["two"])
    assert not known.has(Thing.CONTAINER, "one")
    assert known.has(Thing.CONTAINER, "two")


def _docker(settings: Settings, *words: str) -> None:
    subprocess.run(["docker", "-H", settings.engine_url, *words], check=True, capture_output=True)
