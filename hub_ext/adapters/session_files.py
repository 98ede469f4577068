"""What programs in a container read of their session: a folder with one file for each launch.

The folder is what the container mounts, read-only: the place where a folder is mounted can be neither renamed
nor replaced from inside. The Hub writes it before the container starts and removes it when the launch has
ended.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hub_ext.errors import HubExtError
from hub_ext.settings import Settings

FILE = "session.json"


class SessionFileError(HubExtError):
    """The facts of a session cannot be written, listed or removed."""


def write(settings: Settings, launch_id: str, text: str) -> Path:
    """Write the whole file or nothing; its folder. Raises SessionFileError."""
    folder = _folder(settings, launch_id)
    try:
        # Closed to everybody on the host; a container sees what it mounts, and no more.
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                os.fchmod(handle, 0o444)
            os.replace(name, folder / FILE)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise SessionFileError(
            "{path} cannot be written: {why}.", path=str(folder), why=str(error)
        ) from error
    return folder


def remove(settings: Settings, launch_id: str) -> None:
    """Remove the folder; nothing where there is none. Raises SessionFileError."""
    folder = _folder(settings, launch_id)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SessionFileError(
            "{path} cannot be removed: {why}.", path=str(folder), why=str(error)
        ) from error


def launch_ids(settings: Settings) -> frozenset[str]:
    """The launches that have such a folder. Raises SessionFileError."""
    folder = settings.sessions_dir
    try:
        return frozenset(filter(_is_id, os.listdir(folder))) if folder.exists() else frozenset()
    except OSError as error:
        raise SessionFileError("{path} cannot be read: {why}.", path=str(folder), why=str(error)) from error


def _folder(settings: Settings, launch_id: str) -> Path:
    if not _is_id(launch_id):
        raise ValueError(f"{launch_id!r} is no launch's id")
    return settings.sessions_dir / launch_id


def _is_id(name: str) -> bool:
    return name.replace("-", "").isalnum()
