"""The demo's datasets on disk, with owners and modes as a hospital's files have them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from hub_ext.cli.setup.steps import Say
from hub_ext.errors import EngineError

SLUGS = ("breast-cancer", "dicom", "survival")
# The files' group on this host: persons read them by this group, never by owning them.
READ_GID = 63_000
_MAKER = Path(__file__).with_name("make_demo_data.py")
_SLOWEST_SECONDS = 300


def ensure_demo_data(root: Path, python_image: str, *, engine_url: str, say: Say) -> None:
    """The folder of each of SLUGS under `root`, made in a container of the Python image where one is missing.

    The engine has the image already. Raises EngineError with the maker's own words.
    """
    if all((root / slug).is_dir() for slug in SLUGS):
        return
    say("Writing the demo datasets")
    root.mkdir(parents=True, exist_ok=True)
    # On the same file system as `root`, so that a folder appears there whole or not at all.
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".demo-data-") as made:
        _make(Path(made), python_image, engine_url)
        for slug in SLUGS:
            if not (root / slug).exists():
                _give_to_readers(Path(made) / slug)
                shutil.move(str(Path(made) / slug), root / slug)


def _make(folder: Path, image: str, engine_url: str) -> None:
    client: Any = docker.APIClient(base_url=engine_url, timeout=_SLOWEST_SECONDS, version="auto")
    try:
        container = client.create_container(
            image,
            entrypoint=[],
            command=["/opt/python/bin/python", "-c", _MAKER.read_text(encoding="utf-8"), "/made"],
            user="0:0",
            host_config=client.create_host_config(
                binds={str(folder): {"bind": "/made", "mode": "rw"}}, network_mode="none"
            ),
        )
        try:
            client.start(container["Id"])
            status = client.wait(container["Id"], timeout=_SLOWEST_SECONDS)["StatusCode"]
            said = client.logs(container["Id"]).decode(errors="replace")
        finally:
            client.remove_container(container["Id"], force=True)
    except (DockerException, OSError) as error:
        raise EngineError(f"The demo datasets could not be made: {error}.") from error
    finally:
        client.close()
    if status:
        raise EngineError(f"The demo datasets could not be made: {said[-500:]}")


def _give_to_readers(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 0, READ_GID)
        path.chmod(0o750 if path.is_dir() else 0o640)
