"""Who had access; looking a person up; a name that is erased while the chain holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.store import images, launches, revisions, versions
from hub_ext.errors import InputError
from hub_ext.flows import data, grants, people, projects
from hub_ext.flows.access import Access, access
from hub_ext.flows.erase import erase_person
from hub_ext.flows.look_up import HOLDS, look_up, looked_up
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    ActorKind,
    AuditEvent,
    DatasetClass,
    DatasetVersion,
    ImageEntry,
    ImageRevision,
    Launch,
    LaunchState,
    Localised,
    Person,
    Verb,
    VersionState,
)
from tests.flows.conftest import Clock

TITLE = Localised("Title", "Titre")
DIGEST = "sha256:" + "b" * 64
AUDITOR = Actor(ActorKind.PERSON, "per-auditor")

AddPerson = Callable[..., Person]
Record = Callable[[], list[AuditEvent]]


@pytest.fixture
def ada(site: Site, actor: Actor, add_person: AddPerson, clock: Clock) -> Person:
    """In onco, which holds a grant of mri for 90 days; so is bob, whom the grant leaves out."""
    made, bob = add_person("ada"), add_person("bob")
    projects.add_project(site, actor, "onco", TITLE)
    projects.add_approval(
        site,
        actor,
        "onco",
        reference="EC-1",
        controller="H",
        purpose="p",
        legal_basis="l",
        valid_until=clock.later(days=60),
    )
    for person in (made, bob):
        projects.add_member(site, actor, "onco", person.id, valid_until=clock.later(days=300))
    data.register_dataset(site, actor, "mri", TITLE, TITLE, DatasetClass.CODED, contact="a@b.example")
    given = grants.add_grant(site, actor, "mri", "onco", valid_until=clock.later(days=50), members=(made.id,))
    assert given.grant.members == (made.id,)
    return made


def mounted(site: Site, person: Person, name: str, start: datetime, end: datetime | None) -> Launch:
    """A session with mri in that time."""
    made = Launch(
        *(f"lau-{name}", "server", person.id, person.username, "", "onco", site.settings.node, "python", 1),
        *(DIGEST, ("ver-mri",), (), "m", 0, 2**30, 1.0, 3600),
        LaunchState.ENDED if end else LaunchState.RUNNING,
        start,
        container_id="c" * 64 if name != "failed" else "",
        started=start,
        ended=end,
    )
    with site.store.transaction() as tx:
        if images.find(tx, "python") is None:
            images.add(tx, ImageEntry("python", TITLE, TITLE, "main", "nb/python", "1", start))
            revisions.add(tx, ImageRevision("python", 1, DIGEST, start, "per-1", start))
            versions.add(
                tx,
                DatasetVersion(
                    *("ver-mri", "mri", 1, "/data/mri/1", DIGEST, 1, 1, start),
                    *(VersionState.CURRENT, site.settings.node),
                ),
            )
        launches.add(tx, made)
    return made


def test_who_could_and_who_did(site: Site, ada: Person, clock: Clock) -> None:
    begin = clock.moment
    mounted(site, ada, "first", begin + timedelta(days=1), begin + timedelta(days=2))
    mounted(site, ada, "failed", begin + timedelta(days=1), begin + timedelta(days=2))
    mounted(site, ada, "still", begin + timedelta(days=3), None)

    def asked(since: int, until: int) -> Access:
        return access(site, "mri", begin + timedelta(days=since), begin + timedelta(days=until))

    whole = asked(-10, 400)
    assert [(one.person.id, one.project, one.since, one.until) for one in whole.could] == [
        (ada.id, "onco", begin, begin + timedelta(days=50))
    ]
    assert [(one.launch.id, one.launch.digest, one.versions) for one in whole.did] == [
        ("lau-first", DIGEST, (1,)),
        ("lau-still", DIGEST, (1,)),
    ]
    assert [one.launch.id for one in asked(2, 3).did] == []  # the ends touch, they do not meet
    assert [one.launch.id for one in asked(300, 301).did] == ["lau-still"]
    assert asked(300, 301).could == ()
    assert asked(10, 20).could[0].until == begin + timedelta(days=20)
    with pytest.raises(InputError, match="not later"):
        asked(2, 2)
    with pytest.raises(InputError):
        access(site, "nothing", begin, begin + timedelta(days=1))


def test_what_could_be_ends_with_the_first_of_its_grounds(
    site: Site, ada: Person, actor: Actor, clock: Clock
) -> None:
    begin = clock.moment
    clock.forward(days=7)
    people.end_person(site, actor, ada.id, "left")
    found = access(site, "mri", begin, begin + timedelta(days=90))
    assert [one.until for one in found.could] == [begin + timedelta(days=7)]


def test_looking_somebody_up_takes_a_reason(site: Site, ada: Person, clock: Clock, record: Record) -> None:
    with pytest.raises(InputError, match="reason is empty"):
        look_up(site, AUDITOR, "ada", "  ")
    assert not looked_up(site, AUDITOR, ada.id)
    assert look_up(site, AUDITOR, "ada", "complaint 12") == ada
    last = record()[-1]
    assert (last.verb, last.subject, last.actor) == (Verb.PERSON_LOOKED_UP, ada.id, AUDITOR)
    assert last.facts == {"why": "complaint 12"}
    assert looked_up(site, AUDITOR, ada.id)
    assert not looked_up(site, Actor(ActorKind.PERSON, ada.id), ada.id)
    assert not looked_up(site, AUDITOR, AUDITOR.id)
    clock.forward(seconds=HOLDS.total_seconds() + 1)
    assert not looked_up(site, AUDITOR, ada.id)


def test_a_name_is_erased_and_the_chain_holds(
    site: Site, actor: Actor, add_person: AddPerson, clock: Clock, record: Record
) -> None:
    zoe = add_person("zoe-unmistakable", display_name="Zoé Unmistakable", email="unmistakable@x.example")
    with pytest.raises(InputError, match="ended person"):
        erase_person(site, actor, zoe.id, "asked for it")
    projects.add_project(site, actor, "onco", TITLE)
    data.register_dataset(site, actor, "mri", TITLE, TITLE, DatasetClass.CODED, contact="a@b.example")
    running = mounted(site, zoe, "last", datetime(2026, 5, 1, tzinfo=UTC), None)
    people.end_person(site, actor, zoe.id, "left")
    with pytest.raises(InputError, match="still runs"):
        erase_person(site, actor, zoe.id, "asked for it")
    with site.store.transaction() as tx:
        launches.replace(tx, replace(running, state=LaunchState.ENDED, ended=clock.moment))
    before = record()
    erased = erase_person(site, actor, zoe.id, "asked for it")
    assert (erased.id, erased.uid, erased.email) == (zoe.id, zoe.uid, "")
    assert record()[:-1] == before  # which proves the chain, too
    assert record()[-1].verb is Verb.PERSON_ERASED
    assert list(_files_with(site.settings.state_dir, b"nmistakable")) == []
    with pytest.raises(InputError, match="already"):
        erase_person(site, actor, zoe.id, "again")


def _files_with(folder: Path, word: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]
