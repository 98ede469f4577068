"""Homes and project folders as a real engine keeps them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.errors import EngineError
from hub_ext.settings import Settings
from tests.support.python_image import PYTHON

LOOK = """
import json, os
def told(path):
    seen = os.stat(path)
    return [seen.st_uid, seen.st_gid, oct(seen.st_mode & 0o7777)]
os.umask(0o002)
open("/v/new", "w").close()
print(json.dumps({path: told(path) for path in PATHS}))
"""


async def look(
    engine: Engine, image: str, volume: str, paths: list[str], *, uid: int, gid: int
) -> dict[str, list[object]]:
    mount = {"Type": "volume", "Source": volume, "Target": "/v", "VolumeOptions": {"NoCopy": True}}
    code = LOOK.replace("PATHS", repr(paths))
    seen = await engine.run_probe(image, [PYTHON, "-c", code], uid=uid, gid=gid, mounts=[mount])
    assert seen.rc == 0, seen.output
    answer: dict[str, list[object]] = json.loads(seen.output)
    return answer


async def test_a_seeded_home_is_its_person_s(engine: Engine, small_image: str, volume: str) -> None:
    await engine.ensure_volume(volume)
    files = {"demo.ipynb": b"{}", "notes/deep/a.txt": b"a"}
    await engine.seed_volume(volume, uid=20001, gid=60001, mode=0o700, files=files, seed_image=small_image)
    seen = await look(
        engine, small_image, volume, ["/v", "/v/demo.ipynb", "/v/notes/deep"], uid=20001, gid=60001
    )
    assert seen == {
        "/v": [20001, 60001, "0o700"],
        "/v/demo.ipynb": [20001, 60001, "0o600"],
        "/v/notes/deep": [20001, 60001, "0o700"],
    }


async def test_a_project_folder_hands_its_group_on(engine: Engine, small_image: str, volume: str) -> None:
    await engine.ensure_volume(volume)
    await engine.seed_volume(volume, uid=0, gid=60001, mode=0o2770, seed_image=small_image)
    seen = await look(engine, small_image, volume, ["/v", "/v/new"], uid=20001, gid=60001)
    assert seen == {"/v": [0, 60001, "0o2770"], "/v/new": [20001, 60001, "0o664"]}
    # Somebody of another project does not even see it.
    mount = {"Type": "volume", "Source": volume, "Target": "/v", "VolumeOptions": {"NoCopy": True}}
    other = await engine.run_probe(
        small_image, [PYTHON, "-c", "import os; os.listdir('/v')"], uid=20002, gid=60002, mounts=[mount]
    )
    assert "PermissionError" in other.output


async def test_an_unseeded_volume_is_root_s(engine: Engine, small_image: str, volume: str) -> None:
    """The control: without seeding, its owner cannot write."""
    await engine.ensure_volume(volume)
    mount = {"Type": "volume", "Source": volume, "Target": "/v", "VolumeOptions": {"NoCopy": True}}
    seen = await engine.run_probe(
        small_image, [PYTHON, "-c", "open('/v/x', 'w')"], uid=20001, gid=60001, mounts=[mount]
    )
    assert "PermissionError" in seen.output


async def test_seeding_leaves_no_container(
    engine: Engine, settings: Settings, small_image: str, volume: str
) -> None:
    await engine.ensure_volume(volume)
    await engine.seed_volume(volume, uid=1, gid=1, mode=0o700, seed_image=small_image)
    for path in ("../x", "/x", "a/../../x"):
        with pytest.raises(ValueError, match="inside a volume"):
            await engine.seed_volume(
                volume, uid=1, gid=1, mode=0o700, files={path: b""}, seed_image=small_image
            )
    assert await engine.listing({"io.hub-ext.seed": volume}) == ()


async def test_making_twice_is_making_once_and_foreign_volumes_are_not_taken(
    engine: Engine, settings: Settings, volume: str
) -> None:
    await engine.ensure_volume(volume, {"io.hub-ext.kind": "home"})
    await engine.ensure_volume(volume, {"io.hub-ext.kind": "home"})
    await engine.remove_volume(volume)
    assert not await engine.has_volume(volume)
    await engine.remove_volume(volume)
    command = ["docker", "--host", settings.engine_url, "volume", "create", volume]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    with pytest.raises(EngineError, match="belongs to somebody else"):
        await engine.ensure_volume(volume)


async def test_volumes_are_measured_closed_folders_included(
    engine: Engine, small_image: str, volume: str
) -> None:
    await engine.ensure_volume(volume)
    await engine.seed_volume(
        volume, uid=20001, gid=60001, mode=0o700, files={"private/x": b"x" * 300_000}, seed_image=small_image
    )
    assert await engine.measure_volumes([volume, "none"]) == {volume: 300_000}


async def test_a_volume_in_use_is_not_removed(
    engine: Engine, small_image: str, container: str, volume: str
) -> None:
    await engine.ensure_volume(volume)
    mount = {"Type": "volume", "Source": volume, "Target": "/v"}
    await engine.create(container, {"Image": small_image, "Cmd": ["x"], "HostConfig": {"Mounts": [mount]}})
    with pytest.raises(EngineError, match="in use"):
        await engine.remove_volume(volume)
    await engine.remove(container)


async def test_free_bytes_is_the_room_of_the_engine_s_disk(engine: Engine) -> None:
    room = os.statvfs((await engine.info())["DockerRootDir"])
    free = await engine.free_bytes()
    assert free is not None
    assert abs(free - room.f_bavail * room.f_frsize) < 2**30
