"""A site of its own for each test: an empty store, a clock that a test turns, folders for data.

Where containers run, a scenario instead: on the real engine and registry, with stubs that only answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.store import audit
from hub_ext.flows import people
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, ActorKind, AuditEvent, Person
from hub_ext.settings import RegistrySettings, Settings
from tests.support import reader_image as reader_image_of
from tests.support import scenario as scenarios
from tests.support.held import Held
from tests.support.scenario import Scenario

START_SECONDS = 6


@dataclass
class Clock:
    """Time stands still until a test moves it."""

    moment: datetime = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> datetime:
        """Moves on by a timedelta's arguments; the new time."""
        self.moment += timedelta(**by)
        return self.moment

    def later(self, **by: float) -> datetime:
        """A moment yet to come."""
        return self.moment + timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """The site's clock."""
    return Clock()


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """The one folder below which datasets may lie."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def site(tmp_path: Path, roots: Path, clock: Clock) -> Iterator[Site]:
    """A site with an empty store; it never touches an engine unless a test makes it."""
    state = tmp_path / "state"
    state.mkdir()
    held = open_site(Settings(state_dir=state, dataset_roots=(roots,)), now=clock)
    yield held
    held.close()


@pytest.fixture(scope="session")
def reader_image(settings: Settings) -> Iterator[str]:
    """An image in which `find` runs, as a seed image."""
    name = f"{settings.instance}-reader:1"
    reader_image_of.make(name, settings.engine_url)
    yield name
    reader_image_of.remove(name, settings.engine_url)


@pytest.fixture
def engine_site(site: Site, settings: Settings, reader_image: str) -> Iterator[Site]:
    """The empty site on the real engine."""
    held = replace(
        site,
        settings=replace(
            site.settings,
            instance=settings.instance,
            engine_url=settings.engine_url,
            seed_image=reader_image,
        ),
    )
    yield held
    held.close()


@pytest.fixture
def actor() -> Actor:
    """Whoever types the commands."""
    return Actor(ActorKind.HOST_USER, "operator", on_behalf="per-steward")


@pytest.fixture
def add_person(site: Site, actor: Actor) -> Callable[..., Person]:
    """Adds a person by username."""

    def add(username: str, **more: Any) -> Person:
        return people.add_person(
            site,
            actor,
            **{"issuer": "https://id.example", "subject": f"sub-{username}"} | more,
            username=username,
        )

    return add


@pytest.fixture
def record(site: Site) -> Callable[[], list[AuditEvent]]:
    """All audit events so far, the chain proven whole."""

    def read() -> list[AuditEvent]:
        with site.store.reading() as tx:
            assert audit.verify(tx).ok
            return list(audit.listing(tx))

    return read


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


@pytest.fixture
def held(scenario: Scenario) -> Held:
    """The scenario of this test, with its store."""
    return Held(scenario, scenario.site)
