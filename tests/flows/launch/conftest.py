"""A scenario for each test on the real engine and registry; servers are stubs that only answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup.layout import Layout
from hub_ext.flows.site import open_site
from hub_ext.settings import RegistrySettings, Settings
from tests.support import scenario as scenarios
from tests.support import stub_image
from tests.support.scenario import Scenario

START_SECONDS = 6


@pytest.fixture(scope="session")
def stubs(registry: RegistrySettings, layout: Layout, settings: Settings) -> dict[str, str]:
    """The digest of each stub image in the registry."""
    return stub_image.push(registry, settings.engine_url, docker_config=layout.docker_config)


@pytest.fixture(scope="session")
def launch_settings(stubs: dict[str, str], settings: Settings, registry: RegistrySettings) -> Settings:
    """The run's settings with short times, and the stub as the image that volumes are seeded from."""
    repository = f"{registry.address}/stub/answer"
    asyncio.run(_pull(settings, repository, stubs["answer"]))
    return replace(
        settings,
        seed_image=f"{repository}@{stubs['answer']}",
        start_seconds=START_SECONDS,
        stop_seconds=2,
        concurrent_starts=2,
    )


async def _pull(settings: Settings, repository: str, digest: str) -> None:
    engine = Engine(settings)
    try:
        await engine.pull(repository, digest)
    finally:
        engine.close()


@pytest_asyncio.fixture
async def scenario(
    launch_settings: Settings, stubs: dict[str, str], tmp_path: Path
) -> AsyncIterator[Scenario]:
    """A scenario in a store of its own; its containers are removed at the end."""
    state = tmp_path / "state"
    state.mkdir()
    site = open_site(replace(launch_settings, state_dir=state, dataset_roots=(tmp_path / "data",)))
    (tmp_path / "data").mkdir()
    try:
        yield await scenarios.build(site, tmp_path / "data", stubs)
    finally:
        for container in await site.engine.listing({"io.hub-ext.instance": site.settings.instance}):
            await site.engine.remove(container.id)
        site.close()
