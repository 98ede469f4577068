"""A site of its own for each test: an empty store, a clock that a test turns, folders for data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.store import audit
from hub_ext.flows import people
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, ActorKind, AuditEvent, Person
from hub_ext.settings import Settings
from tests.support import reader_image as reader_image_of


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
