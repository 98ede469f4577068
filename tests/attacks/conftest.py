"""Data that belongs to the very user who attacks it, a submount below it, a home, and the image."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.settings import RegistrySettings, Settings
from tests.attacks.cell import GID, INSIDE, PYTHON, UID, Ground

WAYS = tuple(re.findall(r'^    "(\w+)": lambda path', INSIDE, re.MULTILINE))
SUBMOUNT = "sub"


def lay_out(folder: Path) -> None:
    """Lays a file for every way of writing, all of it owned by the attacker."""
    for way in WAYS:
        (folder / way).write_bytes(b"confidential\n")
    (folder / "exchange.other").write_bytes(b"other\n")
    (folder / "rmdir.empty").mkdir()
    for path in (folder, *folder.iterdir()):
        os.chown(path, UID, GID)
        path.chmod(0o700 if path.is_dir() else 0o600)


@pytest.fixture(scope="session")
def data(state: Path) -> Iterator[Path]:
    """The dataset's folder on the host, with another folder mounted below it."""
    folder, other = state / "data" / "mri", state / "data-other"
    folder.mkdir(parents=True)
    other.mkdir()
    lay_out(other)
    (folder / SUBMOUNT).mkdir()
    lay_out(folder)
    subprocess.run(["mount", "--bind", other, folder / SUBMOUNT], check=True)
    yield folder
    subprocess.run(["umount", "--recursive", folder / SUBMOUNT], check=True)


@pytest.fixture(scope="session")
def session_folder(state: Path) -> Path:
    """The folder of a session's facts, as if all of it belonged to the attacker."""
    folder = state / "session"
    folder.mkdir()
    lay_out(folder)
    return folder


@pytest.fixture(scope="session")
def notebook_image(
    registry: RegistrySettings, docker: EngineFacts, built_images: dict[str, BuiltImage], settings: Settings
) -> Iterator[str]:
    """The base of all our images, on the engine, as a launch names it."""
    base = built_images["base"].reference
    repository = f"{registry.address}/{base.path}"
    asyncio.run(_pull(settings, repository, base.digest))
    name = f"{repository}@{base.digest}"
    yield name
    subprocess.run(["docker", "--host", docker.url, "rmi", "-f", name], check=True, capture_output=True)


async def _pull(settings: Settings, repository: str, digest: str) -> None:
    engine = Engine(settings)
    await engine.pull(repository, digest)
    engine.close()


@pytest.fixture(scope="session")
def ground(
    closed_network: Settings, notebook_image: str, data: Path, session_folder: Path
) -> Iterator[Ground]:
    """Volumes seeded as a launch seeds them; in the home lies a setuid-root program."""
    made = Ground(
        closed_network,
        notebook_image,
        f"{closed_network.instance}-vol-home",
        f"{closed_network.instance}-vol-project",
        data,
        session_folder,
    )
    asyncio.run(_volumes(made))
    yield made
    asyncio.run(_remove(made))


async def _volumes(ground: Ground) -> None:
    engine = Engine(ground.settings)
    image = ground.image
    for volume, uid, mode in ((ground.home, UID, 0o700), (ground.project, 0, 0o2770)):
        await engine.ensure_volume(volume)
        await engine.seed_volume(volume, uid=uid, gid=GID, mode=mode, seed_image=image)
    home = {"Type": "volume", "Source": ground.home, "Target": "/h", "VolumeOptions": {"NoCopy": True}}
    code = "import os, shutil; shutil.copy('/usr/bin/id', '/h/setuid-id'); os.chmod('/h/setuid-id', 0o4755)"
    put = await engine.run_probe(
        image,
        [PYTHON, "-c", code],
        uid=0,
        gid=0,
        mounts=[home],
        host_config={"CapDrop": [], "SecurityOpt": []},
    )
    assert put.rc == 0, put.output
    engine.close()


async def _remove(ground: Ground) -> None:
    engine = Engine(ground.settings)
    await engine.remove_volume(ground.home)
    await engine.remove_volume(ground.project)
    engine.close()
