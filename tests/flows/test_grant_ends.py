"""Grants that are renewed, the sessions that an end would stop, and what ends soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub_ext.adapters.store import audit, grants, images, launches, memberships, revisions, versions
from hub_ext.errors import Conflict, InputError, NotFound
from hub_ext.flows import data, grant_ends, projects
from hub_ext.flows import grants as flows
from hub_ext.flows.dataset_versions import withdraw_version
from hub_ext.flows.launch import facts as launch_facts
from hub_ext.flows.site import Site, new_id
from hub_ext.model import (
    Actor,
    Approval,
    AuditEvent,
    DatasetClass,
    DatasetVersion,
    Grant,
    ImageEntry,
    ImageRevision,
    Launch,
    LaunchState,
    Localised,
    Person,
    Verb,
)
from hub_ext.policy.launch import coverage
from tests.flows.conftest import Clock

TEXT = Localised("text", "texte")
Record = Callable[[], list[AuditEvent]]


def approve(site: Site, actor: Actor, reference: str, days: float, **more: Any) -> Approval:
    return projects.add_approval(
        *(site, actor, "onco"),
        reference=reference,
        controller="CHU",
        purpose="Outcomes",
        legal_basis="GDPR 9(2)(j)",
        valid_until=site.now() + timedelta(days=days),
        **more,
    )


@pytest.fixture
def ada(site: Site, actor: Actor, add_person: Callable[..., Person]) -> Person:
    """A member of onco, which is approved for a year and has mri and ct for thirty days."""
    projects.add_project(site, actor, "onco", TEXT)
    approve(site, actor, "CPP-1", 365)
    person = add_person("ada")
    projects.add_member(site, actor, "onco", person.id)
    now = site.now()
    for slug in ("mri", "ct"):
        data.register_dataset(site, actor, slug, TEXT, TEXT, DatasetClass.CODED)
        with site.store.transaction() as tx:
            digest = "sha256:" + "0" * 64
            versions.add(tx, DatasetVersion(f"ver-{slug}", slug, 1, f"/data/{slug}", digest, 1, 1, now))
        flows.add_grant(site, actor, slug, "onco", valid_until=now + timedelta(days=30))
    with site.store.transaction() as tx:
        images.add(tx, ImageEntry("python", TEXT, TEXT, "local", "p", "1", now))
        revisions.add(tx, ImageRevision("python", 1, "sha256:" + "0" * 64, now, "me"))
    return person


@pytest.fixture
def run(site: Site, ada: Person) -> Callable[..., Launch]:
    """A running server of Ada's, with those versions."""

    def start(*mounted: str, **other: Any) -> Launch:
        launch = Launch(
            *(new_id("lau"), "server", ada.id, "ada", "", "onco", "local", "python", 1),
            *("sha256:" + "0" * 64, mounted, (), "s", 0, 1, 1.0, 60, LaunchState.RUNNING, site.now()),
            expires_at=site.now() + timedelta(days=30),
        )
        launch = replace(launch, server_name=launch.id, **other)
        with site.store.transaction() as tx:
            launches.add(tx, launch)
        return launch

    return start


def grant_of(site: Site, dataset: str) -> Grant:
    with site.store.reading() as tx:
        return grants.listing(tx, dataset=dataset)[-1]


# --- renewing ---


def test_a_renewal_is_recorded_with_the_former_end(
    site: Site, actor: Actor, ada: Person, clock: Clock, record: Record
) -> None:
    before = grant_of(site, "mri")
    until = clock.later(days=300)
    renewed = flows.renew_grant(site, actor, before.id, until)
    assert renewed == replace(before, valid_until=until) == grant_of(site, "mri")
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.GRANT_RENEWED, before.id, actor)
    assert event.facts == {
        "dataset": "mri",
        "project": "onco",
        "changed": {"valid_until": ["2026-06-03T08:00:00.000000Z", "2027-02-28T08:00:00.000000Z"]},
        "renewed_by": "per-steward",
    }


def test_a_renewal_carries_a_running_session_on(
    site: Site, actor: Actor, run: Callable[..., Launch], clock: Clock
) -> None:
    launch = run("ver-mri")
    flows.renew_grant(site, actor, grant_of(site, "mri").id, clock.later(days=300))
    clock.forward(days=31)
    with site.store.reading() as tx:
        assert coverage(launch, launch_facts.live(tx, launch, site.now())).reasons == ()


def test_a_renewal_stays_within_an_approval(site: Site, actor: Actor, ada: Person, clock: Clock) -> None:
    grant = grant_of(site, "mri")
    with pytest.raises(InputError, match="No approval covers"):
        flows.renew_grant(site, actor, grant.id, clock.later(days=366))
    longer = approve(site, actor, "CPP-2", 700)
    assert flows.renew_grant(site, actor, grant.id, clock.later(days=364)).approval_id == grant.approval_id
    moved = flows.renew_grant(site, actor, grant.id, clock.later(days=366))
    assert moved.approval_id == longer.id
    with pytest.raises(InputError, match="has no approval 'CPP-3'"):
        flows.renew_grant(site, actor, grant.id, clock.later(days=400), approval="CPP-3")


@pytest.mark.parametrize("days", [30, 29, -1])
def test_a_renewal_is_later(site: Site, actor: Actor, ada: Person, clock: Clock, days: int) -> None:
    with pytest.raises(InputError, match="holds until"):
        flows.renew_grant(site, actor, grant_of(site, "mri").id, clock.later(days=days))


def test_what_is_over_is_not_renewed(
    site: Site, actor: Actor, ada: Person, clock: Clock, record: Record
) -> None:
    flows.revoke_grant(site, actor, grant_of(site, "ct").id, "asked to")
    clock.forward(days=30)
    before = len(record())
    for slug in ("mri", "ct"):
        with pytest.raises(InputError, match="is over"):
            flows.renew_grant(site, actor, grant_of(site, slug).id, clock.later(days=100))
    with pytest.raises(NotFound):
        flows.renew_grant(site, actor, "gra-none", clock.later(days=100))
    assert len(record()) == before


def test_an_ended_dataset_or_project_is_not_renewed(
    site: Site, actor: Actor, ada: Person, clock: Clock
) -> None:
    data.end_dataset(site, actor, "ct", "closed")
    with pytest.raises(InputError, match="was ended"):
        flows.renew_grant(site, actor, grant_of(site, "ct").id, clock.later(days=100))
    projects.end_project(site, actor, "onco", "done")
    with pytest.raises(InputError, match="was ended"):
        flows.renew_grant(site, actor, grant_of(site, "mri").id, clock.later(days=100))


def test_two_stewards_overwrite_nothing(site: Site, actor: Actor, ada: Person, clock: Clock) -> None:
    seen = grant_of(site, "mri")
    flows.renew_grant(site, actor, seen.id, clock.later(days=100), expected=seen)
    with pytest.raises(Conflict, match="meanwhile"):
        flows.renew_grant(site, actor, seen.id, clock.later(days=200), expected=seen)
    with pytest.raises(Conflict, match="meanwhile"):
        flows.revoke_grant(site, actor, seen.id, "why", expected=seen)
    assert grant_of(site, "mri").valid_until == clock.later(days=100)
    flows.revoke_grant(site, actor, seen.id, "why", expected=grant_of(site, "mri"))


# --- what an end would stop ---


def ids(found: tuple[Launch, ...]) -> set[str]:
    return {launch.id for launch in found}


def test_a_revocation_tells_before_what_it_ends(
    site: Site, actor: Actor, run: Callable[..., Launch], record: Record
) -> None:
    alone, both = run("ver-mri"), run("ver-mri", "ver-ct")
    run("ver-ct")
    run()
    run("ver-mri", state=LaunchState.ENDED)
    grant, before = grant_of(site, "mri"), len(record())
    assert ids(grant_ends.by_revoking(site, grant.id)) == {alone.id, both.id}
    assert len(record()) == before
    flows.revoke_grant(site, actor, grant.id, "asked to")
    with site.store.reading() as tx:
        ended = {
            launch.id
            for launch in launches.listing(tx, active=True)
            if coverage(launch, launch_facts.live(tx, launch, site.now())).reasons
        }
    assert ended == {alone.id, both.id}
    assert grant_ends.by_revoking(site, grant.id) == ()  # they go already
    with pytest.raises(NotFound):
        grant_ends.by_revoking(site, "gra-none")


def test_another_grant_that_stands_keeps_a_session(
    site: Site, actor: Actor, run: Callable[..., Launch], clock: Clock
) -> None:
    run("ver-mri")
    first = grant_of(site, "mri")
    flows.add_grant(site, actor, "mri", "onco", valid_until=clock.later(days=9))
    assert grant_ends.by_revoking(site, first.id) == ()


def test_what_other_ends_would_stop(
    site: Site, actor: Actor, run: Callable[..., Launch], ada: Person
) -> None:
    mri, plain = run("ver-mri"), run()
    assert ids(grant_ends.by_withdrawing(site, "mri", 1)) == {mri.id}
    with site.store.reading() as tx:
        (place,) = memberships.listing(tx, person_id=ada.id)
    assert ids(grant_ends.by_ending_membership(site, place.id)) == {mri.id, plain.id}
    assert ids(grant_ends.by_ending_project(site, "onco")) == {mri.id, plain.id}
    assert grant_ends.by_ending_project(site, "cardio") == ()
    assert ids(grant_ends.by_ending_person(site, ada.id)) == {mri.id, plain.id}
    assert grant_ends.by_ending_person(site, "per-none") == ()
    approval = grant_of(site, "mri").approval_id
    assert ids(grant_ends.by_ending_approval(site, approval)) == {mri.id, plain.id}
    approve(site, actor, "CPP-2", 100)
    assert ids(grant_ends.by_ending_approval(site, approval)) == {mri.id}
    withdraw_version(site, actor, "mri", 1, "wrong files")
    assert grant_ends.by_withdrawing(site, "mri", 1) == ()
    with pytest.raises(InputError, match="no version 7"):
        grant_ends.by_withdrawing(site, "mri", 7)


# --- soon ---


def test_grants_that_end_soon_are_told_the_first_end_first(
    site: Site, actor: Actor, ada: Person, clock: Clock
) -> None:
    assert grant_ends.ending_soon(site, timedelta(days=29)) == ()
    assert {ending.grant.dataset for ending in grant_ends.ending_soon(site)} == {"mri", "ct"}
    flows.renew_grant(site, actor, grant_of(site, "ct").id, clock.later(days=300))
    short = approve(site, actor, "CPP-2", 5)
    data.register_dataset(site, actor, "pet", TEXT, TEXT, DatasetClass.CODED)
    flows.add_grant(site, actor, "pet", "onco", valid_until=clock.later(days=5), approval="CPP-2")
    assert [(ending.grant.dataset, ending.at) for ending in grant_ends.ending_soon(site)] == [
        ("pet", clock.later(days=5)),
        ("mri", clock.later(days=30)),
    ]
    projects.end_approval(site, actor, short.id, "refused")
    flows.revoke_grant(site, actor, grant_of(site, "mri").id, "asked to")
    assert grant_ends.ending_soon(site) == ()
    clock.forward(days=400)
    assert grant_ends.ending_soon(site) == ()
    with site.store.reading() as tx:
        assert audit.verify(tx).ok
