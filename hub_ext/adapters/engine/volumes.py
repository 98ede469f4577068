"""Volumes: homes and project folders. Made and seeded once, measured, never removed with a container."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from hub_ext.adapters.engine.connection import LABEL_INSTANCE, EngineAnswered, Lane
from hub_ext.adapters.engine.containers import Containers, tar_of
from hub_ext.errors import EngineError

LABEL_SEED = "io.hub-ext.seed"
_SEED_FOLDER = "seed"
_MEASURE_SECONDS = 600  # the engine walks every volume


class Volumes(Containers):
    """Local volumes of the engine, named by the caller."""

    async def ensure_volume(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Makes the volume where it is not there yet.

        Raises EngineError where one of that name exists and is not this instance's.
        """
        ours = {LABEL_INSTANCE: self._settings.instance}
        answer = await self._call(
            "make a volume",
            "POST",
            "/volumes/create",
            body={"Name": name, "Driver": "local", "Labels": {**(labels or {}), **ours}},
        )
        found = answer.json().get("Labels") or {}
        if found.get(LABEL_INSTANCE) != self._settings.instance:
            raise EngineError(
                "The volume {name} exists and belongs to somebody else.",
                advice="Look at it with `docker volume inspect {name}`; choose another c.HubExt.instance.",
                name=name,
            )

    async def seed_volume(
        self,
        name: str,
        *,
        uid: int,
        gid: int,
        mode: int,
        files: Mapping[str, bytes] | None = None,
        seed_image: str | None = None,
    ) -> None:
        """Sets owner and mode of a volume's root, and writes `files` (relative paths) into it.

        Done once in a volume's life, by a container that is never started; ever after it is mounted NoCopy.
        Otherwise the first image to use it would write it, and an empty one would be root's. Raises
        ValueError for a path that leaves the volume.
        """
        folders = _with_parents(files or {})
        image = seed_image or self._settings.seed_image
        seeder = f"{self._settings.instance}-seed-{secrets.token_hex(6)}"
        volume = {
            "Type": "volume",
            "Source": name,
            "Target": f"/{_SEED_FOLDER}",
            "VolumeOptions": {"NoCopy": True},
        }
        body = {
            "Image": image,
            "Entrypoint": ["/never-started"],
            "Cmd": [],
            "NetworkDisabled": True,
            "Labels": {LABEL_INSTANCE: self._settings.instance, LABEL_SEED: name},
            "HostConfig": {"Mounts": [volume], "NetworkMode": "none"},
        }
        tar = tar_of(
            {f"{_SEED_FOLDER}/{path}": content for path, content in (files or {}).items()},
            uid=uid,
            gid=gid,
            mode=mode & 0o666,
            folders=dict.fromkeys(folders, mode),
        )
        await self.create(seeder, body)
        try:
            # At "/" and not at the folder: an entry for the archive's own root would be skipped.
            await self._put_archive(seeder, "/", tar)
        finally:
            await self.remove(seeder)

    async def measure_volumes(self, names: Iterable[str]) -> dict[str, int]:
        """Bytes of files in each of these volumes; one that does not exist is left out.

        The engine walks its volumes for it: seconds to minutes. Apparent sizes, hard links counted once.
        """
        wanted = frozenset(names)
        answer = await self._call(
            "measure volumes",
            "GET",
            "/system/df",
            parameters={"type": "volume"},
            lane=Lane.SLOW,
            seconds=_MEASURE_SECONDS,
        )
        return {
            volume["Name"]: int(volume["UsageData"]["Size"])
            for volume in answer.json().get("Volumes") or ()
            if volume["Name"] in wanted and (volume.get("UsageData") or {}).get("Size", -1) >= 0
        }

    async def has_volume(self, name: str) -> bool:
        """Whether the engine has it; an engine that fails raises."""
        try:
            answer = await self._call("look for a volume", "GET", f"/volumes/{name}")
        except EngineAnswered as error:
            if error.absent:
                return False
            raise
        return bool(answer.json())

    async def remove_volume(self, name: str) -> None:
        """Destroys a volume and all in it. Absent is success; one in use raises EngineAnswered."""
        await self._unless_absent("remove a volume", "DELETE", f"/volumes/{name}", parameters={"force": 0})

    async def free_bytes(self) -> int | None:
        """Free room where the engine keeps images and volumes; None where this machine does not see it."""
        answer = await self._call("describe itself", "GET", "/info")
        try:
            room = os.statvfs(answer.json()["DockerRootDir"])
        except (OSError, KeyError):
            return None
        return room.f_bavail * room.f_frsize


def _with_parents(files: Iterable[str]) -> list[str]:
    """The seed folder and every folder that the files lie in, parents first."""
    folders = {_SEED_FOLDER}
    for path in files:
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path!r} is no path inside a volume")
        folders |= {str(parent) for parent in PurePosixPath(_SEED_FOLDER, path).parents} - {"."}
    return sorted(folders)
