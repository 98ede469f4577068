"""The engine as the flows see it: every room in one object."""

from __future__ import annotations

from typing import Any

from hub_ext.adapters.engine.events import Events
from hub_ext.adapters.engine.images import Images
from hub_ext.adapters.engine.network import Networks
from hub_ext.adapters.engine.probes import Probes


class Engine(Images, Probes, Networks, Events):
    """A node's Docker Engine. Coroutines; each bounded in time; failures are EngineError, never absence."""

    async def ping(self) -> None:
        """Returns when the engine answers; while its events are heard, it does. Raises EngineUnreachable."""
        if self.known.hearing:
            return
        await self._call("answer", "GET", "/_ping")

    async def version(self) -> dict[str, Any]:
        """GET /version: Version, ApiVersion, Components."""
        answer: dict[str, Any] = (await self._call("tell its version", "GET", "/version")).json()
        return answer

    async def info(self) -> dict[str, Any]:
        """GET /info: DockerRootDir, CDISpecDirs, SecurityOptions, Warnings, …"""
        answer: dict[str, Any] = (await self._call("describe itself", "GET", "/info")).json()
        return answer
