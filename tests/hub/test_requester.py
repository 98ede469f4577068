"""Whoever asked for a start or a stop is who stands in the record, in the Hub's own way of asking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.handlers.base import BaseHandler

from hub_ext.flows import people
from hub_ext.flows.site import Site, open_site
from hub_ext.hub import requester
from hub_ext.model import Actor, ActorKind, Person, StopReason
from hub_ext.settings import Settings

OPERATOR = Actor(ActorKind.HOST_USER, "tester")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = open_site(Settings(state_dir=tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def ada(site: Site) -> Person:
    return people.add_person(site, OPERATOR, issuer="demo", subject="ada", username="ada")


@pytest.fixture
def bob(site: Site) -> Person:
    return people.add_person(site, OPERATOR, issuer="demo", subject="bob", username="bob")


def user(name: str, kind: str = "user") -> Any:
    async def nothing() -> None:
        return None

    return SimpleNamespace(name=name, kind=kind, get_auth_state=nothing)


class Owner:
    """Ada's user at the Hub, whose one spawner asks who stops it."""

    def __init__(self, site: Site, person: Person) -> None:
        self.name = "ada"
        authenticator = SimpleNamespace(identity=lambda name, _: ("demo", name))
        self.spawner = SimpleNamespace(user=self, authenticator=authenticator, pending=None, _log_name="ada")
        self.spawners = {"": self.spawner}
        self.site, self.person = site, person
        self.found: tuple[StopReason, Actor] | None = None

    async def stop(self, server_name: str) -> None:
        await asyncio.sleep(0)
        self.found = await requester.why_stopped(self.site, self.spawner, self.person)


def handler(current_user: Any) -> Any:
    async def gone(*_: object) -> None:
        return None

    return SimpleNamespace(
        current_user=current_user,
        authenticator=SimpleNamespace(refresh_pre_stop=False),
        proxy=SimpleNamespace(delete_user=gone),
        log=SimpleNamespace(info=print, warning=print),
        eventlog=SimpleNamespace(emit=lambda **_: None),
        slow_stop_timeout=5,
    )


async def stopped_by(site: Site, ada: Person, current_user: Any) -> tuple[StopReason, Actor] | None:
    """Through the Hub's own code, which may change with its next version."""
    owner = Owner(site, ada)
    await BaseHandler.stop_single_user(handler(current_user), owner, "")
    return owner.found


async def test_the_person(site: Site, ada: Person) -> None:
    assert await stopped_by(site, ada, user("ada")) == (StopReason.PERSON, Actor(ActorKind.PERSON, ada.id))


async def test_somebody_else(site: Site, ada: Person, bob: Person) -> None:
    actor = Actor(ActorKind.PERSON, bob.id, on_behalf=ada.id)
    assert await stopped_by(site, ada, user("bob")) == (StopReason.OPERATOR, actor)
    spawner = Owner(site, ada).spawner
    assert await requester.actor(site, spawner, user("bob"), ada) == actor
    assert await requester.actor(site, spawner, user("ada"), ada) == Actor(ActorKind.PERSON, ada.id)


async def test_a_service(site: Site, ada: Person) -> None:
    actor = Actor(ActorKind.SERVICE, "sweeper", on_behalf=ada.id)
    # A service that is called as a person is.
    named = Actor(ActorKind.SERVICE, "ada", on_behalf=ada.id)
    assert await stopped_by(site, ada, user("sweeper", "service")) == (StopReason.OPERATOR, actor)
    assert await stopped_by(site, ada, user("ada", "service")) == (StopReason.OPERATOR, named)


async def test_the_hub_that_ends(site: Site, ada: Person) -> None:
    owner = Owner(site, ada)
    await owner.stop("")
    assert owner.found == (StopReason.OPERATOR, Actor(ActorKind.SERVICE, "hub"))
