"""The images of this checkout, built and pushed where they changed, and a server of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup import images
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.layout import CHECKOUT, Layout
from hub_ext.cli.setup.steps import Steps
from hub_ext.settings import RegistrySettings, Settings
from tests.images import server
from tests.images.server import Server

QUICK = ("--ActivityReporter.watch_seconds=0.3", "--ActivityReporter.report_seconds=0.5")


@pytest.fixture(scope="session")
def names(
    closed_network: Settings, registry: RegistrySettings, docker: EngineFacts, layout: Layout
) -> Iterator[Mapping[str, str]]:
    """Every image as a launch names it, HOST:PORT/path@digest, by slug; pulled from the registry."""
    built = images.build_all(
        CHECKOUT / "images", registry, engine_url=docker.url, logs=layout.logs, say=Steps()
    )
    pulled = {}
    try:
        for slug, image in built.items():
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
    """A server of the Python image that looks at its kernels often."""
    with server.server(names["python"], *QUICK) as running:
        yield running


@pytest.fixture(scope="session")
def r_server(names: Mapping[str, str]) -> Iterator[Server]:
    """The same of the R image."""
    with server.server(names["r"], *QUICK) as running:
        yield running
