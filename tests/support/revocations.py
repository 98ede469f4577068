"""How long a right has ended before the session that rests on it is gone, measured under a real Hub.

From the store's commit until the engine has no such container any more.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hub_ext.adapters import demo_accounts
from hub_ext.adapters.store import launches, memberships, volumes
from hub_ext.flows import blocks, grants, people, projects, quarantine
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.site import Site
from hub_ext.model import BlockKind, BlockScope, Launch, Localised, Person, VolumeKind
from tests.support.hub import PASSWORDS, RunningHub, Visitor
from tests.support.scenario import STEWARD

LOOK_SECONDS = 0.1
GIVEN_UP_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Took:
    """One revocation: what ended, and after how many seconds the container was gone."""

    kind: str
    seconds: float


@dataclass
class Lane:
    """A person in a project of their own, who starts again what was ended."""

    hub: RunningHub
    person: Person
    project: str
    visitor: Visitor
    grant: str = ""

    @property
    def site(self) -> Site:
        return self.hub.site

    def start(self) -> Launch:
        """A session with the data, once the Hub calls it ready."""
        wait_until_stopped(self.visitor)
        asked = {"project": self.project, "environment": "answer", "datasets": ["table"], "size": "s"}
        answer = self.visitor.api("POST", "server", {"user_options": asked | {"gpus": 0}})
        assert answer.status_code in (201, 202), answer.text
        self.visitor.wait_ready()
        with self.site.store.reading() as tx:
            found = launches.last_of(tx, self.person.id, "")
        assert found is not None
        return found

    def give(self) -> None:
        """The grant on which sessions rest."""
        until = self.site.now() + timedelta(days=30)
        self.grant = grants.add_grant(self.site, STEWARD, "table", self.project, valid_until=until).grant.id

    def revoke(self, launch: Launch) -> Callable[[], None]:
        grants.revoke_grant(self.site, STEWARD, self.grant, "measured")
        return self.give

    def leave(self, launch: Launch) -> Callable[[], None]:
        with self.site.store.reading() as tx:
            places = memberships.listing(tx, person_id=self.person.id, project=self.project)
        (place,) = [one for one in places if one.ended is None]
        projects.end_membership(self.site, STEWARD, place.id, "measured")
        return lambda: _join(self.site, self.project, self.person)

    def block(self, launch: Launch) -> Callable[[], None]:
        wanted = blocks.Wanted(BlockKind.STOP, BlockScope.PERSON, self.person.username, "measured")
        made = blocks.add(self.site, STEWARD, wanted)
        return lambda: _lift(self.site, made.id)

    def quarantine(self, launch: Launch) -> Callable[[], None]:
        with self.site.store.reading() as tx:
            mounted = volumes.listing(tx, ids=launch.volume_ids)
        (home,) = [volume.id for volume in mounted if volume.kind is VolumeKind.HOME]
        wanted = quarantine.Wanted("table", (home,), why="measured", told="measured")
        quarantine.quarantine(self.site, STEWARD, wanted)
        return lambda: _release(self.site, home)


KINDS: dict[str, Callable[[Lane, Launch], Callable[[], None]]] = {
    "grant revoked": Lane.revoke,
    "membership ended": Lane.leave,
    "person stopped": Lane.block,
    "home quarantined": Lane.quarantine,
}


def lanes(hub: RunningHub, number: int) -> list[Lane]:
    """That many people with accounts, each in a project with a grant of "table"."""
    names = [f"lane{one}" for one in range(number)]
    PASSWORDS.update({name: f"the password of {name}" for name in names})
    demo_accounts.write(hub.site.settings.demo_accounts_file, PASSWORDS)
    return [_lane(hub, name) for name in names]


def _lane(hub: RunningHub, name: str) -> Lane:
    site, later = hub.site, hub.site.now() + timedelta(days=60)
    person = people.add_person(site, STEWARD, issuer="demo", subject=name, username=name)
    projects.add_project(site, STEWARD, name, Localised(name, name))
    approval = {"reference": name, "controller": "Hospital", "purpose": "research", "legal_basis": "consent"}
    projects.add_approval(site, STEWARD, name, **approval, valid_until=later)
    _join(site, name, person)
    made = Lane(hub, person, name, hub.visitor(name))
    made.give()
    return made


async def measured(held: Iterable[Lane], rounds: int, tell: Callable[[Took], Any]) -> list[Took]:
    """Each lane in turn starts and loses `rounds` sessions, all lanes side by side."""
    own = list(held)
    found = await asyncio.gather(*(_rounds(lane, place, rounds, tell) for place, lane in enumerate(own)))
    return [took for each in found for took in each]


async def _rounds(lane: Lane, place: int, rounds: int, tell: Callable[[Took], Any]) -> list[Took]:
    found, chance = [], random.Random(place)  # noqa: S311 - the same ones each time
    kinds = list(KINDS)
    for number in range(rounds):
        kind = kinds[(place + number) % len(kinds)]
        launch = await asyncio.to_thread(lane.start)
        # Ends of rights come at any moment between two looks.
        await asyncio.sleep(chance.uniform(0, lane.site.settings.revoke_seconds))
        undo = await asyncio.to_thread(KINDS[kind], lane, launch)
        begun = time.monotonic()
        while await lane.site.engine.inspect(container_name(lane.site, launch.id)) is not None:
            assert time.monotonic() - begun < GIVEN_UP_SECONDS, f"{kind}: {launch.id} still runs"
            await asyncio.sleep(LOOK_SECONDS)
        found.append(Took(kind, time.monotonic() - begun))
        tell(found[-1])
        await asyncio.to_thread(undo)
    return found


def wait_until_stopped(visitor: Visitor) -> None:
    """The Hub may learn of the end by its own poll, half a minute later; asked to stop, it looks."""
    server = visitor.servers().get("", {})
    if server.get("ready") or server.get("pending"):
        visitor.stop()


def _join(site: Site, project: str, person: Person) -> None:
    projects.add_member(site, STEWARD, project, person.id, valid_until=site.now() + timedelta(days=30))


def _lift(site: Site, block_id: str) -> None:
    blocks.lift(site, STEWARD, block_id)


def _release(site: Site, volume_id: str) -> None:
    quarantine.release(site, STEWARD, "table", volume_id, "measured")
