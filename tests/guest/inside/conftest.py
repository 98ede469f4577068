"""Containers with a launch's own body, whose image is this machine's Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.engine.connection import Lane
from hub_ext.settings import Settings
from tests.attacks.cell import Body, Ground, hardened, name_of
from tests.support import python_image
from tests.support.patience import patient

SCOPES = Path("/sys/fs/cgroup/system.slice")


@pytest.fixture(scope="session")
def image(settings: Settings) -> Iterator[str]:
    """An image with nothing but Python."""
    name = f"{settings.instance}-guest:1"
    python_image.make(name, settings.engine_url)
    yield name
    python_image.remove(name, settings.engine_url)


@pytest.fixture
def body(closed_network: Settings, image: str, tmp_path: Path) -> Body:
    """What a launch asks the engine for."""
    volume = f"{closed_network.instance}-vol-guest"
    return hardened(Ground(closed_network, image, f"{volume}-home", f"{volume}-project", tmp_path))


@dataclass
class Containers:
    """Those of one test. Each has one process that runs `code` below the engine's init."""

    engine: Engine
    names: list[str] = field(default_factory=list)

    async def create(self, body: Body, code: str) -> str:
        """Its name."""
        name = name_of(body)
        self.names.append(name)
        await self.engine.create(name, {**body, "Cmd": [python_image.PYTHON, "-c", code]})
        return name

    async def begin(self, body: Body, code: str) -> tuple[str, Path]:
        """Its name and its control group, once it has said "ready"."""
        name = await self.create(body, code)
        await self.engine.start(name)
        await self.printed(name, "ready")
        record = await self.record(name)
        return name, SCOPES / f"docker-{record['Id']}.scope"

    async def record(self, name: str) -> dict[str, Any]:
        """What the engine says of it."""
        record = await self.engine.inspect(name)
        assert record is not None
        return dict(record)

    async def printed(self, name: str, text: str) -> str:
        """Its log, once that text is in it."""
        for _ in range(round(patient(10) / 0.1)):
            if text in (log := await self.engine.logs_tail(name)):
                return log
            await asyncio.sleep(0.1)
        raise AssertionError(f"{name} never printed {text!r}: {log}")

    async def end(self, name: str) -> dict[str, Any]:
        """The engine's record of it, once it has ended."""
        path = f"/containers/{name}/wait"
        await self.engine._call("wait", "POST", path, lane=Lane.STOP, seconds=patient(30))
        return await self.record(name)


@pytest_asyncio.fixture
async def containers(engine: Engine, body: Body) -> AsyncIterator[Containers]:
    made = Containers(engine)
    yield made
    for name in made.names:
        await engine.remove(name)
    for mount in body["HostConfig"]["Mounts"][:2]:
        await engine.remove_volume(mount["Source"])
