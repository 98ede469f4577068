"""Containers: made from a whole body, looked at, started, stopped, removed with their end recorded."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub_ext.adapters.engine.connection import LABEL_INSTANCE, Connection, EngineAnswered, Lane
from hub_ext.adapters.engine.known import Thing
from hub_ext.errors import EngineError, ImageUnavailable

# What a container can be doing that has not ended.
RUNNING = frozenset({"running", "paused"})
_GONE_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ContainerSummary:
    """One line of the engine's list. `state` is created, running, paused, restarting, exited or dead."""

    id: str
    name: str
    state: str
    labels: Mapping[str, str]
    created: datetime


class Containers(Connection):
    """Names and ids are interchangeable."""

    async def create(self, name: str, body: Mapping[str, Any]) -> str:
        """Creates a container from the whole body of POST /containers/create; its id.

        Raises ImageUnavailable where the image is not on the engine: nothing is pulled implicitly.
        """
        try:
            answer = await self._call(
                "create a container",
                "POST",
                "/containers/create",
                parameters={"name": name},
                body=dict(body),
                lane=Lane.START,
            )
        except EngineAnswered as error:
            if error.absent:
                self.known.forget_all(Thing.IMAGE)
                raise ImageUnavailable(
                    "The image {image} is not on the engine.",
                    advice="Pull it first; start again once the registry answers.",
                    image=body.get("Image", ""),
                ) from error
            raise
        return str(answer.json()["Id"])

    async def inspect(self, name: str) -> dict[str, Any] | None:
        """The engine's whole record of a container; None only where the engine says that there is none."""
        try:
            answer = await self._call("inspect a container", "GET", f"/containers/{name}/json")
        except EngineAnswered as error:
            if error.absent:
                return None
            raise
        record: dict[str, Any] = answer.json()
        return record

    async def start(self, name: str) -> None:
        """Starts a created container. One that runs already is left alone."""
        asked = self.known.ask(Thing.CONTAINER)
        await self._call("start a container", "POST", f"/containers/{name}/start", lane=Lane.START)
        self.known.remember_running(asked, name)

    def surely_runs(self, name: str) -> bool:
        """Whether it was started here, and an end of it would have been heard. Asks nobody."""
        return self.known.has(Thing.CONTAINER, name)

    async def stop(self, name: str, seconds: int | None = None) -> None:
        """Asks it to end, kills it after `seconds` (by default stop_seconds). Stopped or absent is fine."""
        grace = self._settings.stop_seconds if seconds is None else seconds
        self.known.forget(Thing.CONTAINER, name)
        await self._unless_absent(
            "stop a container",
            "POST",
            f"/containers/{name}/stop",
            parameters={"t": grace},
            seconds=grace + self._settings.engine_seconds,
        )

    async def kill(self, name: str, signal: str = "SIGKILL") -> None:
        """Sends a signal. Stopped or absent is success."""
        try:
            await self._unless_absent(
                "kill a container", "POST", f"/containers/{name}/kill", parameters={"signal": signal}
            )
        except EngineAnswered as error:
            if error.status != 409:  # not running
                raise

    async def remove(self, name: str, *, force: bool = True) -> None:
        """Removes a container. Absent, or being removed already, is success.

        Named volumes stay; nameless ones, which an image may ask for, go with it.
        """
        try:
            await self._unless_absent(
                "remove a container",
                "DELETE",
                f"/containers/{name}",
                parameters={"force": int(force), "v": 1},
            )
        except EngineAnswered as error:
            if error.status != 409 or "already in progress" not in error.said:
                raise

    async def wait_gone(self, name: str, seconds: float | None = None) -> None:
        """Returns once the engine says that there is no such container; after `seconds` EngineError."""
        limit = seconds or self._settings.engine_seconds
        end = time.monotonic() + limit
        while await self.inspect(name) is not None:
            if time.monotonic() > end:
                raise EngineError(
                    "The container {name} is still there after {limit} s.", name=name, limit=limit
                )
            await asyncio.sleep(_GONE_POLL_SECONDS)

    async def listing(self, labels: Mapping[str, str] | None = None) -> tuple[ContainerSummary, ...]:
        """Every container, stopped ones too, that carries all of `labels` ("" asks for the key only)."""
        filters = {"label": [f"{key}={value}" if value else key for key, value in (labels or {}).items()]}
        answer = await self._call(
            "list containers",
            "GET",
            "/containers/json",
            parameters={"all": 1, "filters": json.dumps(filters)},
        )
        listed = tuple(
            ContainerSummary(
                id=str(row["Id"]),
                name=str(row["Names"][0]).removeprefix("/") if row.get("Names") else str(row["Id"]),
                state=str(row["State"]),
                labels=dict(row.get("Labels") or {}),
                created=datetime.fromtimestamp(row["Created"], UTC),
            )
            for row in answer.json()
        )
        if labels == {LABEL_INSTANCE: self._settings.instance}:
            self.known.keep(Thing.CONTAINER, (one.name for one in listed if one.state in RUNNING))
        return listed

    async def logs_tail(self, name: str, lines: int = 50) -> str:
        """The last lines of what it printed, both streams."""
        answer = await self._call(
            "read a container's log",
            "GET",
            f"/containers/{name}/logs",
            parameters={"stdout": 1, "stderr": 1, "tail": lines},
        )
        return unframed(answer.content).decode(errors="replace")

    async def has_file(self, name: str, path: str) -> bool:
        """Whether that path is there in the container, which need not run. Raises for an absent container."""
        try:
            await self._call(
                "look into a container", "HEAD", f"/containers/{name}/archive", parameters={"path": path}
            )
        except EngineAnswered as error:
            # A HEAD's answer has no words that tell which of the two is not there.
            if error.status == 404 and await self.inspect(name) is not None:
                return False
            raise
        return True

    async def _put_archive(self, name: str, folder: str, tar: bytes) -> None:
        await self._call(
            "write into a container",
            "PUT",
            f"/containers/{name}/archive",
            parameters={"path": folder, "noOverwriteDirNonDir": 1},
            content=tar,
            lane=Lane.START,
        )

    async def _unless_absent(
        self,
        what: str,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str | int],
        seconds: float | None = None,
    ) -> None:
        try:
            await self._call(what, method, path, parameters=parameters, seconds=seconds, lane=Lane.STOP)
        except EngineAnswered as error:
            if not error.absent:
                raise


def address(inspected: Mapping[str, Any], network: str) -> str:
    """The IPv4 address of an inspected container on a network; "" while it has none."""
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return str((networks.get(network) or {}).get("IPAddress") or "")


def tar_of(
    files: Mapping[str, bytes], *, uid: int, gid: int, mode: int, folders: Mapping[str, int] | None = None
) -> bytes:
    """A tar of `folders` (relative path to mode) and regular `files`, all of one owner."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, folder_mode in (folders or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, folder_mode, uid, gid
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, uid, gid
            entry.mtime = time.time()
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def unframed(stream: bytes) -> bytes:
    """The bytes of a log stream without its frames: 1 byte stream, 3 zero bytes, 4 bytes length."""
    parts = []
    at = 0
    while at + 8 <= len(stream):
        size = int.from_bytes(stream[at + 4 : at + 8], "big")
        parts.append(stream[at + 8 : at + 8 + size])
        at += 8 + size
    return b"".join(parts)
