"""A small site with all that a launch rests on: two people, two projects, three datasets, stub images."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.store import audit, images, nodes, revisions
from hub_ext.expression.interfaces import ServerPlace, server_command
from hub_ext.flows import data, dataset_versions, grants, people, projects
from hub_ext.flows.launch import admit, start
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.site import Site, new_id
from hub_ext.model import (
    Actor,
    ActorKind,
    AuditEvent,
    DatasetClass,
    ImageEntry,
    ImageRevision,
    ImageState,
    LaunchPlan,
    LaunchRequest,
    Localised,
    Node,
    Person,
    Refusal,
    Verb,
)
from hub_ext.model.interfaces import JUPYTER

STEWARD = Actor(ActorKind.HOST_USER, "tester")
BASE_URL = "/user/ada/"
COMMAND = server_command(JUPYTER, ServerPlace(BASE_URL, "/lab", user="ada"))
PROBE_PATH = f"{BASE_URL}api"
SECRETS = LaunchSecrets(
    token="the launch's",
    oauth_client_id="jupyterhub-user-ada",
    oauth_client_secret="the client's",
    oauth_scopes=("access:servers!server=ada/", "access:servers!user=ada"),
    oauth_callback_url=f"{BASE_URL}oauth_callback",
)


@dataclass
class Scenario:
    """`ada` is in onco and cardio, `bob` in onco, `carol` in neuro and derma.

    mri, table and codes are granted to onco, neuro and derma, codes alone to cardio; mri may not meet codes.
    """

    site: Site
    ada: Person
    bob: Person
    carol: Person
    grants: dict[str, str] = field(default_factory=dict)

    @property
    def plan_actor(self) -> Actor:
        """Ada herself."""
        return Actor(ActorKind.PERSON, self.ada.id)

    def request(self, **other: Any) -> LaunchRequest:
        """Ada in onco with mri, and whatever a test wants otherwise."""
        known: dict[str, Any] = {
            "launch_id": new_id("lau"),
            "person_id": self.ada.id,
            "server_name": "",
            "project": "onco",
            "environment": "answer",
            "datasets": ("mri",),
            "size": "s",
            "gpus": 0,
        }
        return LaunchRequest(**{**known, **other})

    async def admitted(self, **other: Any) -> LaunchPlan:
        """The plan of a request that must be admitted."""
        decision = await admit(self.site, self.request(**other), self.plan_actor, groups=frozenset())
        assert isinstance(decision, LaunchPlan), decision
        return decision

    async def refused(self, **other: Any) -> Refusal:
        """The refusal of a request that must be refused."""
        decision = await admit(self.site, self.request(**other), self.plan_actor, groups=frozenset())
        assert isinstance(decision, Refusal), decision
        return decision

    async def start(self, plan: LaunchPlan, **other: Any) -> Any:
        """Starts the plan as the spawner would."""
        return await start(
            self.site,
            plan,
            **{"command": COMMAND, "env": {}, "secrets": SECRETS, "probe_path": PROBE_PATH} | other,
        )

    async def container(self, launch_id: str) -> dict[str, Any] | None:
        """What the engine says of the launch's container."""
        return await self.site.engine.inspect(container_name(self.site, launch_id))

    def record(self, subject: str) -> list[AuditEvent]:
        """What the audit trail says of a subject."""
        with self.site.store.reading() as tx:
            assert audit.verify(tx).ok
            return list(audit.listing(tx, subject=subject))

    def verbs(self, subject: str) -> list[str]:
        """The verbs of it."""
        return [event.verb.value for event in self.record(subject)]

    def events_of(self, verb: Verb) -> list[AuditEvent]:
        """Every event of that verb."""
        with self.site.store.reading() as tx:
            return list(audit.listing(tx, verb=verb))


async def build(
    site: Site, roots: Path, digests: Mapping[str, str], *, alias: str = "local", issuer: str = "demo"
) -> Scenario:
    """Everything of a scenario in an empty store; its files below `roots`. Subjects are the usernames."""
    later = site.now() + timedelta(days=365)
    made = await asyncio.to_thread(_people_and_projects, site, later, issuer)
    for slug, kind, apart in (
        ("mri", DatasetClass.CODED, ()),
        ("table", DatasetClass.OPEN, ()),
        ("codes", DatasetClass.IDENTIFYING, ("mri",)),
    ):
        folder = roots / slug / "1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "values.csv").write_text("patient,value\n1,2\n")
        title = Localised(f"{slug} in English", f"{slug} en français")
        data.register_dataset(
            site, STEWARD, slug, title, title, kind, contact="data@hospital.example", never_with=apart
        )
        await dataset_versions.register_version(site, STEWARD, slug, folder, probe=False)
    all_of = [(slug, project) for project in ("onco", "neuro", "derma") for slug in ("mri", "table", "codes")]
    for slug, project in (*all_of, ("codes", "cardio")):
        given = grants.add_grant(site, STEWARD, slug, project, valid_until=later)
        made.grants[f"{slug}>{project}"] = given.grant.id
    _images(site, digests, alias)
    return made


def _people_and_projects(site: Site, later: datetime, issuer: str) -> Scenario:
    with site.store.transaction() as tx:
        if nodes.find(tx, site.settings.node) is None:
            nodes.add(tx, Node(site.settings.node, site.settings.engine_url, site.now()))
    ada, bob, carol = (
        people.add_person(site, STEWARD, issuer=issuer, subject=name, username=name)
        for name in ("ada", "bob", "carol")
    )
    for slug in ("onco", "cardio", "neuro", "derma"):
        projects.add_project(site, STEWARD, slug, Localised(f"{slug} study", f"étude {slug}"))
        projects.add_approval(
            site,
            STEWARD,
            slug,
            reference=f"EC-{slug}",
            controller="Hospital",
            purpose="research",
            legal_basis="consent",
            valid_until=later + timedelta(days=1),
        )
    places = (("onco", ada), ("cardio", ada), ("onco", bob), ("neuro", carol), ("derma", carol))
    for project, person in places:
        projects.add_member(site, STEWARD, project, person.id, valid_until=later)
    return Scenario(site, ada, bob, carol)


def _images(site: Site, digests: Mapping[str, str], alias: str) -> None:
    with site.store.transaction() as tx:
        for slug, digest in digests.items():
            title = Localised(f"Stub that does {slug}", f"Bouchon : {slug}")
            entry = ImageEntry(
                slug, title, title, alias, f"stub/{slug}", "1", site.now(), ImageState.PUBLISHED, revision=1
            )
            images.add(tx, entry)
            revisions.add(tx, ImageRevision(slug, 1, digest, site.now(), "tester", site.now()))
        draft = replace(entry, slug="draft", state=ImageState.DRAFT, revision=0)
        images.add(tx, draft)
