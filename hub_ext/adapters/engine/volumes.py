"""Volumes: homes and project folders. Made and seeded once, measured, never removed with a container."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from hub_ext.adapters.engine.connection import LABEL_INSTANCE, EngineAnswered, Lane
from hub_ext.adapters.engine.containers import Containers, tar_of
from hub_ext.adapters.engine.known import Thing
from hub_ext.errors import EngineError

LABEL_SEED = "io.hub-ext.seed"
_SEED_FOLDER = "seed"
_MEASURE_SECONDS = 600  # the engine walks every volume


@dataclass(frozen=True, slots=True)
class Removal:
    """`gone`: the engine knows no such volume. `folder_absent` None: its folder cannot be seen from here."""

    gone: bool
    folder_absent: bool | None = None


class Volumes(Containers):
    """Local volumes of the engine, named by the caller."""

    async def ensure_volume(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Makes the volume where it is not there yet.

        Raises EngineError where one of that name exists and is not this instance's.
        """
        ours = {LABEL_INSTANCE: self._settings.instance}
        asked = self.known.ask(Thing.VOLUME)
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
        self.known.remember(asked, Thing.VOLUME, name)

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

    async def volumes(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Every volume that carries all of `labels`: its name, and where the engine keeps it."""
        filters = {"label": [f"{key}={value}" for key, value in labels.items()]}
        answer = await self._call(
            "list volumes", "GET", "/volumes", parameters={"filters": json.dumps(filters)}
        )
        return {str(one["Name"]): str(one["Mountpoint"]) for one in answer.json().get("Volumes") or ()}

    async def users_of_volume(self, name: str) -> tuple[str, ...]:
        """Names of the containers, stopped ones too, that have this volume."""
        answer = await self._call(
            "list containers",
            "GET",
            "/containers/json",
            parameters={"all": 1, "filters": json.dumps({"volume": [name]})},
        )
        return tuple(str(row["Names"][0]).removeprefix("/") for row in answer.json())

    async def has_volume(self, name: str) -> bool:
        """Whether the engine has it; an engine that fails raises."""
        return self.known.has(Thing.VOLUME, name) or await self._lists_volume(name)

    async def _lists_volume(self, name: str) -> bool:
        asked = self.known.ask(Thing.VOLUME)
        try:
            answer = await self._call("look for a volume", "GET", f"/volumes/{name}")
        except EngineAnswered as error:
            if error.absent:
                return False
            raise
        there = bool(answer.json())
        if there:
            self.known.remember(asked, Thing.VOLUME, name)
        return there

    async def remove_volume(self, name: str) -> None:
        """Destroys a volume and all in it. Absent is success; one in use raises EngineAnswered."""
        self.known.forget(Thing.VOLUME, name)
        await self._unless_absent("remove a volume", "DELETE", f"/volumes/{name}", parameters={"force": 0})

    async def proof_of_removal(self, name: str, folder: str | None) -> Removal:
        """What shows that a volume is gone: the engine's own word, and its former folder on this host."""
        if await self._lists_volume(name):
            return Removal(gone=False)
        return Removal(gone=True, folder_absent=_absent(folder) if folder else None)

    async def free_bytes(self) -> int | None:
        """Free room where the engine keeps images and volumes; None where this machine does not see it."""
        folder = self.known.data_root
        if folder is None:
            folder = str((await self._call("describe itself", "GET", "/info")).json().get("DockerRootDir"))
            self.known.remember_data_root(folder)
        try:
            room = os.statvfs(folder)
        except OSError:
            return None
        return room.f_bavail * room.f_frsize


def _absent(folder: str) -> bool | None:
    """Whether it is not there; None where the engine's folders are not this host's."""
    of_engine = os.path.dirname(os.path.dirname(folder))
    return not os.path.lexists(folder) if os.path.isdir(of_engine) else None


def _with_parents(files: Iterable[str]) -> list[str]:
    """The seed folder and every folder that the files lie in, parents first."""
    folders = {_SEED_FOLDER}
    for path in files:
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path!r} is no path inside a volume")
        folders |= {str(parent) for parent in PurePosixPath(_SEED_FOLDER, path).parents} - {"."}
    return sorted(folders)
