"""Projects, memberships, approvals: bounded in time, one audit row for each verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub_ext.adapters.store import approvals, memberships
from hub_ext.adapters.store import projects as stored
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import people, projects
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    Approval,
    AuditEvent,
    Ceilings,
    Localised,
    MemberRole,
    Person,
    Project,
    ProjectState,
    Verb,
)
from tests.flows.conftest import Clock

AddPerson = Callable[..., Person]
Record = Callable[[], list[AuditEvent]]
TITLE = Localised("Cancer", "Cancer")


@pytest.fixture
def onco(site: Site, actor: Actor) -> Project:
    """A project."""
    return projects.add_project(site, actor, "onco", TITLE)


@pytest.fixture
def approve(site: Site, actor: Actor, onco: Project, clock: Clock) -> Callable[[], Approval]:
    """Approves the project for a year."""

    def add() -> Approval:
        return projects.add_approval(
            site,
            actor,
            "onco",
            reference="CPP-1",
            controller="CHU",
            purpose="Outcomes",
            legal_basis="GDPR 9(2)(j)",
            valid_until=clock.later(days=365),
        )

    return add


# --- projects ---


def test_add_gives_a_gid_and_is_recorded(site: Site, actor: Actor, onco: Project, record: Record) -> None:
    cardio = projects.add_project(site, actor, "cardio", TITLE, ceilings=Ceilings(gpus=0))

    assert (onco.gid, cardio.gid) == (60000, 60001)
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.PROJECT_ADDED, "cardio", actor)
    assert event.facts == {
        "gid": 60001,
        "ceilings": {"cpus": None, "mem_bytes": None, "gpus": 0, "idle_seconds": None},
        "valid_until": None,
    }


@pytest.mark.parametrize("slug", ["", "Onco", "../etc", "a" * 41, "on co", "-onco", "onco\n"])
def test_what_is_no_slug_is_refused(site: Site, actor: Actor, slug: str) -> None:
    with pytest.raises(InputError, match="cannot be the slug"):
        projects.add_project(site, actor, slug, TITLE)


def test_a_slug_is_never_reused(site: Site, actor: Actor, onco: Project) -> None:
    projects.end_project(site, actor, "onco", "closed")
    with pytest.raises(InputError, match="already"):
        projects.add_project(site, actor, "onco", TITLE)


@pytest.mark.parametrize(
    "ceilings",
    [Ceilings(cpus=0.0), Ceilings(mem_bytes=1), Ceilings(gpus=-1), Ceilings(idle_seconds=0)],
)
def test_ceilings_under_which_nothing_starts_are_refused(
    site: Site, actor: Actor, ceilings: Ceilings
) -> None:
    with pytest.raises(InputError, match="ceiling"):
        projects.add_project(site, actor, "onco", TITLE, ceilings=ceilings)


def test_change_is_recorded_with_old_and_new(site: Site, actor: Actor, onco: Project, record: Record) -> None:
    changed = projects.change_project(
        site, actor, "onco", state=ProjectState.FROZEN, ceilings=Ceilings(cpus=2.0)
    )

    assert changed == replace(onco, state=ProjectState.FROZEN, ceilings=Ceilings(cpus=2.0))
    with site.store.reading() as tx:
        assert stored.get(tx, "onco") == changed
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.PROJECT_CHANGED, "onco")
    assert event.facts["changed"]["state"] == ["active", "frozen"]
    assert event.facts["changed"]["ceilings"][1]["cpus"] == 2.0


def test_only_allowed_changes_of_state(site: Site, actor: Actor, onco: Project) -> None:
    projects.change_project(site, actor, "onco", state=ProjectState.ARCHIVED)
    with pytest.raises(InputError, match="cannot become deleted"):
        projects.change_project(site, actor, "onco", state=ProjectState.DELETED)
    projects.change_project(site, actor, "onco", state=ProjectState.ACTIVE)


def test_end_archives_and_is_recorded(
    site: Site, actor: Actor, onco: Project, record: Record, clock: Clock
) -> None:
    ended = projects.end_project(site, actor, "onco", "closed", retain_until=clock.later(days=3650))

    assert (ended.state, ended.ended) == (ProjectState.ARCHIVED, clock.moment)
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.PROJECT_ENDED, "onco")
    assert event.facts == {"why": "closed", "retain_until": "2036-05-01T08:00:00.000000Z"}
    with pytest.raises(InputError, match="was ended"):
        projects.change_project(site, actor, "onco", title=Localised("A", "B"))


# --- memberships ---


def test_add_member_is_recorded_with_who_approved(
    site: Site, actor: Actor, onco: Project, add_person: AddPerson, record: Record, clock: Clock
) -> None:
    marie = add_person("marie")
    place = projects.add_member(
        site, actor, "onco", marie.id, MemberRole.DATA_MANAGER, valid_until=clock.later(days=30), group="g1"
    )

    with site.store.reading() as tx:
        assert memberships.get(tx, place.id) == place
    assert (place.valid_from, place.approved_by) == (clock.moment, "per-steward")
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.MEMBERSHIP_ADDED, place.id)
    assert event.facts == {
        "person": marie.id,
        "project": "onco",
        "role": "data-manager",
        "valid_from": "2026-05-04T08:00:00.000000Z",
        "valid_until": "2026-06-03T08:00:00.000000Z",
        "approved_by": "per-steward",
        "group": "g1",
    }


def test_end_member_is_recorded(
    site: Site, actor: Actor, onco: Project, add_person: AddPerson, record: Record, clock: Clock
) -> None:
    marie = add_person("marie")
    place = projects.add_member(site, actor, "onco", marie.id)
    ended = projects.end_membership(site, actor, place.id, "changed teams")

    assert ended.ended == clock.moment
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.MEMBERSHIP_ENDED, place.id)
    assert event.facts == {"person": marie.id, "project": "onco", "why": "changed teams"}
    with pytest.raises(InputError, match="already"):
        projects.end_membership(site, actor, place.id, "again")
    assert projects.add_member(site, actor, "onco", marie.id).id != place.id


def test_nobody_is_in_a_project_twice_at_one_time(
    site: Site, actor: Actor, onco: Project, add_person: AddPerson, clock: Clock
) -> None:
    marie = add_person("marie")
    end = clock.later(days=10)
    projects.add_member(site, actor, "onco", marie.id, valid_until=end)
    with pytest.raises(InputError, match="already"):
        projects.add_member(site, actor, "onco", marie.id)
    with pytest.raises(InputError, match="already"):
        projects.add_member(site, actor, "onco", marie.id, valid_from=clock.later(days=9))
    projects.add_member(site, actor, "onco", marie.id, valid_from=end)


def test_a_membership_ends_after_it_begins(
    site: Site, actor: Actor, onco: Project, add_person: AddPerson, clock: Clock
) -> None:
    marie = add_person("marie")
    with pytest.raises(InputError, match="before it begins"):
        projects.add_member(site, actor, "onco", marie.id, valid_until=clock.moment)


def test_unknown_and_ended_people_and_projects_are_refused(
    site: Site, actor: Actor, onco: Project, add_person: AddPerson
) -> None:
    marie = add_person("marie")
    with pytest.raises(NotFound):
        projects.add_member(site, actor, "onco", "per-nobody")
    with pytest.raises(InputError, match="no project"):
        projects.add_member(site, actor, "cardio", marie.id)
    people.end_person(site, actor, marie.id, "left")
    with pytest.raises(InputError, match="was ended"):
        projects.add_member(site, actor, "onco", marie.id)


# --- approvals ---


def test_add_approval_is_recorded(
    site: Site, approve: Callable[[], Approval], record: Record, clock: Clock
) -> None:
    approval = approve()
    with site.store.reading() as tx:
        assert approvals.listing(tx, project="onco") == (approval,)
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.APPROVAL_ADDED, approval.id)
    assert event.facts == {
        "project": "onco",
        "reference": "CPP-1",
        "valid_from": "2026-05-04T08:00:00.000000Z",
        "valid_until": "2027-05-04T08:00:00.000000Z",
    }


def test_end_approval_is_recorded(
    site: Site, actor: Actor, approve: Callable[[], Approval], record: Record, clock: Clock
) -> None:
    approval = approve()
    ended = projects.end_approval(site, actor, approval.id, "withdrawn")
    assert ended.ended == clock.moment
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.APPROVAL_ENDED, approval.id)
    assert event.facts == {"project": "onco", "why": "withdrawn"}
    with pytest.raises(InputError, match="already"):
        projects.end_approval(site, actor, approval.id, "again")


def test_an_approval_says_who_what_and_by_which_law(
    site: Site, actor: Actor, onco: Project, clock: Clock
) -> None:
    whole = {"reference": "r", "controller": "c", "purpose": "p", "legal_basis": "l"}
    for left_out in whole:
        with pytest.raises(InputError, match="is empty"):
            projects.add_approval(
                site, actor, "onco", **whole | {left_out: " "}, valid_until=clock.later(days=1)
            )
