"""Persons: known by issuer and subject, recorded by id only."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from hub_ext.adapters.store import memberships, persons
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import people, projects
from hub_ext.flows.site import Site
from hub_ext.model import Actor, AuditEvent, Localised, Person, PersonKind, SiteRole, Verb
from tests.flows.conftest import Clock

AddPerson = Callable[..., Person]
Record = Callable[[], list[AuditEvent]]
ISSUER = "https://id.example"


@pytest.fixture
def open_to_all(site: Site) -> Site:
    """The same site with sign_in = "oauth"."""
    return replace(site, settings=replace(site.settings, sign_in="oauth"))


def test_each_person_gets_a_uid_of_their_own_that_is_never_reused(
    site: Site, actor: Actor, add_person: AddPerson
) -> None:
    marie = add_person("marie")
    people.end_person(site, actor, marie.id, "left")
    pierre = add_person("pierre")

    assert (marie.uid, pierre.uid) == (20000, 20001)
    assert marie.id.startswith("per-")


def test_add_is_recorded_with_who_ran_it_and_without_names(
    site: Site, actor: Actor, add_person: AddPerson, record: Record
) -> None:
    sponsor = add_person("lise")
    person = add_person(
        "marie",
        display_name="Marie Curie",
        email="marie@hospital.example",
        kind=PersonKind.GUEST,
        roles=(SiteRole.STEWARD,),
        sponsor_id=sponsor.id,
    )

    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.PERSON_ADDED, person.id, actor)
    assert event.facts == {
        "issuer": ISSUER,
        "uid": 20001,
        "kind": "guest",
        "roles": ["steward"],
        "sponsor": sponsor.id,
        "valid_until": None,
    }
    told = json.dumps([event.facts for event in record()])
    assert not any(name in told for name in ("marie", "Curie", "sub-marie", "lise"))


def test_change_records_old_and_new_but_hides_names(
    site: Site, actor: Actor, add_person: AddPerson, record: Record
) -> None:
    person = add_person("marie")
    changed = people.change_person(
        site, actor, person.id, display_name="Maria", kind=PersonKind.STUDENT, roles=(SiteRole.AUDITOR,)
    )

    assert changed == replace(
        person, display_name="Maria", kind=PersonKind.STUDENT, roles=(SiteRole.AUDITOR,)
    )
    with site.store.reading() as tx:
        assert persons.get(tx, person.id) == changed
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.PERSON_CHANGED, person.id)
    assert event.facts == {
        "changed": {"display_name": None, "kind": ["staff", "student"], "roles": [[], ["auditor"]]}
    }


def test_a_change_of_nothing_is_refused_and_not_recorded(
    site: Site, actor: Actor, add_person: AddPerson, record: Record
) -> None:
    person = add_person("marie")
    with pytest.raises(InputError, match="changes nothing"):
        people.change_person(site, actor, person.id, language="en")
    assert len(record()) == 1


def test_end_is_recorded_and_final(
    site: Site, actor: Actor, add_person: AddPerson, record: Record, clock: Clock
) -> None:
    person = add_person("marie")
    ended = people.end_person(site, actor, person.id, "left the hospital")

    assert ended.ended == clock.moment
    event = record()[-1]
    assert (event.verb, event.subject, event.facts) == (
        Verb.PERSON_ENDED,
        person.id,
        {"why": "left the hospital"},
    )
    with pytest.raises(InputError, match="was ended"):
        people.end_person(site, actor, person.id, "again")
    with pytest.raises(InputError, match="was ended"):
        people.change_person(site, actor, person.id, display_name="X")


def test_end_needs_a_reason(site: Site, actor: Actor, add_person: AddPerson) -> None:
    person = add_person("marie")
    with pytest.raises(InputError, match="reason is empty"):
        people.end_person(site, actor, person.id, "  ")
    with site.store.reading() as tx:
        assert persons.get(tx, person.id).ended is None


def test_a_username_that_somebody_living_has_is_refused(add_person: AddPerson) -> None:
    add_person("marie")
    with pytest.raises(InputError, match="Another person has the username"):
        add_person("marie", subject="sub-other")


def test_a_subject_is_never_reused(site: Site, actor: Actor, add_person: AddPerson) -> None:
    person = add_person("marie")
    people.end_person(site, actor, person.id, "left")
    with pytest.raises(InputError, match="known already"):
        add_person("marie2", subject="sub-marie")


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "Marie"},
        {"username": "ma/rie"},
        {"username": " "},
        {"username": "a" * 256},
        {"username": "marie", "display_name": "two\nlines"},
        {"username": "marie", "language": "de"},
        {"username": "marie", "issuer": ""},
        {"username": "marie", "subject": "\0"},
    ],
)
def test_what_no_person_can_have_is_refused(
    add_person: AddPerson, record: Record, wrong: dict[str, str]
) -> None:
    with pytest.raises(InputError):
        add_person(**wrong)
    assert record() == []


def test_an_unknown_or_ended_sponsor_is_refused(site: Site, actor: Actor, add_person: AddPerson) -> None:
    with pytest.raises(NotFound):
        add_person("guest", sponsor_id="per-nobody")
    sponsor = add_person("lise")
    people.end_person(site, actor, sponsor.id, "left")
    with pytest.raises(InputError, match="was ended"):
        add_person("guest", sponsor_id=sponsor.id)


# --- signing in ---


def test_a_known_person_is_found_by_issuer_and_subject_whatever_the_mode(
    site: Site, add_person: AddPerson
) -> None:
    person = add_person("marie")
    assert people.sign_in(site, ISSUER, "sub-marie", "marie") == person
    assert people.sign_in(site, "https://other.example", "sub-marie", "marie") is None


def test_the_demo_sign_in_makes_nobody(site: Site, record: Record) -> None:
    assert people.sign_in(site, "demo", "marie", "marie") is None
    assert record() == []


def test_a_first_sign_in_makes_a_person_without_rights(open_to_all: Site, record: Record) -> None:
    person = people.sign_in(open_to_all, ISSUER, "s1", "marie", display_name="Marie\nCurie", email="m@x")

    assert person is not None
    assert (person.username, person.display_name, person.roles) == ("marie", "Marie Curie", ())
    with open_to_all.store.reading() as tx:
        assert memberships.listing(tx, person_id=person.id) == ()
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.PERSON_ADDED, person.id, people.SIGN_IN)
    assert people.sign_in(open_to_all, ISSUER, "s1", "marie") == person
    assert len(record()) == 1


def test_sign_ins_at_the_same_moment_make_one_person(open_to_all: Site, record: Record) -> None:
    together = Barrier(4)

    def sign_in(number: int) -> Person | None:
        together.wait(10)
        return people.sign_in(open_to_all, ISSUER, "s1", "marie")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(sign_in, range(4)))
    assert made[0] is not None
    assert set(made) == {made[0]}
    assert len(record()) == 1


def test_a_reused_username_is_another_person_who_inherits_nothing(
    open_to_all: Site, actor: Actor, add_person: AddPerson
) -> None:
    before = add_person("marie", roles=(SiteRole.CURATOR,))
    projects.add_project(open_to_all, actor, "onco", Localised("Cancer", "Cancer"))
    projects.add_member(open_to_all, actor, "onco", before.id)
    people.end_person(open_to_all, actor, before.id, "left")

    after = people.sign_in(open_to_all, ISSUER, "sub-new", "marie")

    assert after is not None
    assert after.id != before.id
    assert after.uid != before.uid
    assert after.roles == ()
    with open_to_all.store.reading() as tx:
        assert memberships.listing(tx, person_id=after.id) == ()
        assert persons.find_username(tx, "marie") == after


def test_two_living_people_never_share_a_username(
    open_to_all: Site, add_person: AddPerson, record: Record
) -> None:
    before = add_person("marie")
    add_person("pierre")
    for subject in ("sub-new", "sub-pierre"):
        with pytest.raises(InputError, match="Another person has the username"):
            people.sign_in(open_to_all, ISSUER, subject, "marie")
    with open_to_all.store.reading() as tx:
        assert persons.find_username(tx, "marie") == before
        assert persons.find_sign_in(tx, ISSUER, "sub-new") is None
    assert len(record()) == 2


def test_an_ended_person_stays_outside(open_to_all: Site, actor: Actor, add_person: AddPerson) -> None:
    person = add_person("marie")
    people.end_person(open_to_all, actor, person.id, "left")
    assert people.sign_in(open_to_all, ISSUER, "sub-marie", "marie", display_name="New") is None


def test_what_the_provider_says_anew_is_kept_and_what_it_leaves_out_changes_nothing(
    open_to_all: Site, add_person: AddPerson, record: Record
) -> None:
    person = add_person("marie", display_name="Marie", email="old@x")
    renewed = people.sign_in(open_to_all, ISSUER, "sub-marie", "mcurie", email="new@x")

    assert renewed == replace(person, username="mcurie", email="new@x")
    event = record()[-1]
    assert (event.verb, event.facts) == (
        Verb.PERSON_CHANGED,
        {"changed": {"username": None, "email": None}},
    )
    assert people.sign_in(open_to_all, ISSUER, "sub-marie", "mcurie") == renewed
    assert len(record()) == 2


def test_a_person_is_named_by_username_or_id(site: Site, add_person: AddPerson) -> None:
    person = add_person("marie")
    with site.store.reading() as tx:
        assert people.person_named(tx, "marie") == people.person_named(tx, person.id) == person
        with pytest.raises(InputError, match="no person"):
            people.person_named(tx, "pierre")
