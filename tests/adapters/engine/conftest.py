"""A small image, names that are removed again, and an engine that misbehaves on demand."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.settings import Settings
from tests.support import python_image
from tests.support.sick_engine import SickEngine


@pytest.fixture(scope="session")
def small_image(settings: Settings) -> Iterator[str]:
    """An image with nothing but Python."""
    name = f"{settings.instance}-small:1"
    python_image.make(name, settings.engine_url)
    yield name
    python_image.remove(name, settings.engine_url)


@pytest_asyncio.fixture
async def container(engine: Engine, settings: Settings) -> AsyncIterator[str]:
    """A name for a container; whatever bears it is removed."""
    name = f"{settings.instance}-{secrets.token_hex(6)}"
    yield name
    await engine.remove(name)


@pytest_asyncio.fixture
async def volume(engine: Engine, settings: Settings) -> AsyncIterator[str]:
    """A name for a volume; whatever bears it is removed."""
    name = f"{settings.instance}-vol-{secrets.token_hex(6)}"
    yield name
    await engine.remove_volume(name)


@pytest.fixture
def sick(tmp_path: Path) -> Iterator[SickEngine]:
    """A server on a Unix socket that fails as told."""
    with SickEngine(tmp_path / "engine.sock") as server:
        yield server


@pytest.fixture
def sick_settings(settings: Settings, sick: SickEngine) -> Settings:
    """Settings of a node whose engine is sick; one second for every call."""
    return replace(settings, engine_url=f"unix://{sick.path}", engine_seconds=1, pull_seconds=2)


@pytest.fixture
def patient(sick_settings: Settings) -> Iterator[Engine]:
    """The adapter on the sick engine."""
    held = Engine(sick_settings)
    yield held
    held.close()
