"""The images of this checkout on the engine, and a server of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.settings import RegistrySettings, Settings
from tests.images import server
from tests.images.server import Server


@pytest.fixture(scope="session")
def names(
    closed_network: Settings, registry: RegistrySettings, built_images: dict[str, BuiltImage]
) -> Iterator[Mapping[str, str]]:
    """Every image as a launch names it, HOST:PORT/path@digest, by slug; pulled from the registry."""
    pulled = {}
    try:
        for slug, image in built_images.items():
            where, digest = f"{registry.address}/{image.reference.path}", image.reference.digest
            asyncio.run(_pull(closed_network, where, digest))
            pulled[slug] = f"{where}@{digest}"
        yield pulled
    finally:
        server.docker("rmi", *pulled.values(), check=False)


async def _pull(settings: Settings, where: str, digest: str) -> None:
    engine = Engine(settings)
    try:
        await engine.pull(where, digest)
    finally:
        engine.close()


@pytest.fixture(scope="session")
def python_server(names: Mapping[str, str]) -> Iterator[Server]:
    """A server of the Python image."""
    with server.server(names["python"]) as running:
        yield running


@pytest.fixture(scope="session")
def r_server(names: Mapping[str, str]) -> Iterator[Server]:
    """The same of the R image."""
    with server.server(names["r"]) as running:
        yield running
