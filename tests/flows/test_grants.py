"""Grants: under an approval, until a date; a key and what it decodes never in one project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from hub_ext.adapters.store import exposures, grants, images, launches, revisions, versions, volumes
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import data, dataset_versions, people, projects
from hub_ext.flows import grants as flows
from hub_ext.flows.site import Site, new_id
from hub_ext.model import (
    Actor,
    Approval,
    AuditEvent,
    DatasetClass,
    DatasetVersion,
    Exposure,
    ImageEntry,
    ImageRevision,
    Launch,
    LaunchState,
    Localised,
    Person,
    Verb,
    VersionState,
    Volume,
    VolumeKind,
)
from tests.flows.conftest import Clock

AddPerson = Callable[..., Person]
Record = Callable[[], list[AuditEvent]]
Grant = Callable[..., flows.Granted]
TEXT = Localised("text", "texte")


@pytest.fixture
def approval(site: Site, actor: Actor, clock: Clock) -> Approval:
    """The approval of the project onco, for a year from now."""
    projects.add_project(site, actor, "onco", TEXT)
    return approve(site, actor, "CPP-1", clock.later(days=365))


def approve(site: Site, actor: Actor, reference: str, until: datetime, **more: Any) -> Approval:
    return projects.add_approval(
        site,
        actor,
        "onco",
        reference=reference,
        controller="CHU",
        purpose="Outcomes",
        legal_basis="GDPR 9(2)(j)",
        valid_until=until,
        **more,
    )


@pytest.fixture
def register(site: Site, actor: Actor) -> Callable[..., None]:
    """Registers datasets by slug."""

    def add(slug: str, kind: DatasetClass = DatasetClass.CODED, **more: Any) -> None:
        data.register_dataset(site, actor, slug, TEXT, TEXT, kind, **more)

    return add


@pytest.fixture
def give(site: Site, actor: Actor, approval: Approval, clock: Clock) -> Grant:
    """Grants a dataset to onco for 30 days."""

    def add(dataset: str, **more: Any) -> flows.Granted:
        return flows.add_grant(site, actor, dataset, "onco", **{"valid_until": clock.later(days=30)} | more)

    return add


def add_version(site: Site, dataset: str, state: VersionState = VersionState.CURRENT) -> DatasetVersion:
    version = DatasetVersion(
        new_id("ver"), dataset, 1, f"/data/{dataset}", "sha256:" + "0" * 64, 1, 1, site.now(), state
    )
    with site.store.transaction() as tx:
        versions.add(tx, version)
    return version


# --- granting ---


def test_a_grant_is_recorded(
    site: Site, actor: Actor, register: Any, give: Grant, approval: Approval, record: Record
) -> None:
    register("mri")
    add_version(site, "mri")
    given = give("mri")

    assert given.warnings == ()
    with site.store.reading() as tx:
        assert grants.listing(tx, project="onco") == (given.grant,)
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.GRANT_ADDED, given.grant.id, actor)
    assert event.facts == {
        "dataset": "mri",
        "project": "onco",
        "approval_id": approval.id,
        "valid_from": "2026-05-04T08:00:00.000000Z",
        "valid_until": "2026-06-03T08:00:00.000000Z",
        "granted_by": "per-steward",
        "version": None,
        "members": [],
    }


def test_a_grant_never_outlasts_its_approval(
    register: Any, give: Grant, approval: Approval, clock: Clock, record: Record
) -> None:
    register("mri")
    before = len(record())
    with pytest.raises(InputError, match="No approval covers") as refused:
        give("mri", valid_until=clock.later(days=365, seconds=1))
    assert "CPP-1" in refused.value.advice
    with pytest.raises(InputError, match="No approval covers"):
        give("mri", valid_from=clock.later(seconds=-1))
    assert len(record()) == before
    assert give("mri", valid_until=approval.valid_until).grant.approval_id == approval.id


def test_an_ended_or_past_approval_covers_nothing(
    site: Site, actor: Actor, register: Any, give: Grant, approval: Approval, clock: Clock
) -> None:
    register("mri")
    projects.end_approval(site, actor, approval.id, "withdrawn")
    with pytest.raises(InputError, match="no approval now"):
        give("mri")
    approve(site, actor, "CPP-2", clock.later(days=40))
    give("mri")
    clock.forward(days=41)
    with pytest.raises(InputError, match="no approval now"):
        give("mri")


def test_among_several_approvals_one_must_be_named(
    site: Site, actor: Actor, register: Any, give: Grant, approval: Approval, clock: Clock
) -> None:
    register("mri")
    other = approve(site, actor, "CPP-2", clock.later(days=100))
    with pytest.raises(InputError, match="More than one approval"):
        give("mri")
    assert give("mri", approval="CPP-2").grant.approval_id == other.id
    assert give("mri", approval=approval.id).grant.approval_id == approval.id
    # Only one covers so long a time.
    assert give("mri", valid_until=clock.later(days=200)).grant.approval_id == approval.id
    with pytest.raises(InputError, match="no approval 'CPP-3'"):
        give("mri", approval="CPP-3")


def test_what_is_over_or_unknown_is_refused(
    site: Site, actor: Actor, register: Any, give: Grant, clock: Clock
) -> None:
    with pytest.raises(InputError, match="no dataset"):
        give("mri")
    register("mri")
    with pytest.raises(InputError, match="before it begins"):
        give("mri", valid_until=clock.moment)
    with pytest.raises(InputError, match="over already"):
        give("mri", valid_from=clock.later(days=-2), valid_until=clock.later(days=-1))
    with pytest.raises(InputError, match="no project"):
        flows.add_grant(site, actor, "mri", "cardio", valid_until=clock.later(days=1))
    data.end_dataset(site, actor, "mri", "closed")
    with pytest.raises(InputError, match="was ended"):
        give("mri")
    register("ct")
    projects.end_project(site, actor, "onco", "closed")
    with pytest.raises(InputError, match="was ended"):
        give("ct")


def test_one_version_may_be_named_but_no_withdrawn_one(
    site: Site, actor: Actor, register: Any, give: Grant
) -> None:
    register("mri")
    with pytest.raises(InputError, match="no version 1"):
        give("mri", version=1)
    made = add_version(site, "mri")
    assert give("mri", version=1).grant.version_id == made.id
    dataset_versions.withdraw_version(site, actor, "mri", 1, "wrong files")
    with pytest.raises(InputError, match="was withdrawn"):
        give("mri", version=1)


def test_members_named_are_members(
    site: Site, actor: Actor, register: Any, give: Grant, add_person: AddPerson
) -> None:
    register("mri")
    marie, pierre = add_person("marie"), add_person("pierre")
    place = projects.add_member(site, actor, "onco", marie.id)
    assert give("mri", members=(marie.id, marie.id)).grant.members == (marie.id,)
    with pytest.raises(InputError, match="not a member"):
        give("mri", members=(marie.id, pierre.id))
    projects.end_membership(site, actor, place.id, "changed teams")
    with pytest.raises(InputError, match="not a member"):
        give("mri", members=(marie.id,))


def test_warnings_do_not_refuse(site: Site, register: Any, give: Grant) -> None:
    register("names", DatasetClass.IDENTIFYING)
    register("cohort", never_with=("identifying",))
    (missing,) = give("names").warnings
    assert "no current version" in str(missing)
    add_version(site, "cohort")
    (apart,) = give("cohort").warnings
    assert "'cohort' must never meet 'names'" in str(apart)
    # Read in both directions.
    add_version(site, "names")
    (apart,) = give("names").warnings
    assert "'names' must never meet 'cohort'" in str(apart)


# --- keys ---


@pytest.fixture
def key(register: Any) -> None:
    """A coded dataset, and the key that decodes it."""
    register("cohort")
    register("decoder", DatasetClass.KEY, decodes=("cohort",))


@pytest.mark.parametrize(("first", "second"), [("cohort", "decoder"), ("decoder", "cohort")])
def test_a_key_and_what_it_decodes_are_never_granted_to_one_project(
    key: None, give: Grant, record: Record, first: str, second: str
) -> None:
    give(first)
    before = len(record())
    with pytest.raises(InputError, match="'decoder' is the key of 'cohort'"):
        give(second)
    assert len(record()) == before


def test_a_grant_to_come_counts_as_well(key: None, give: Grant, clock: Clock) -> None:
    give("cohort", valid_from=clock.later(days=10))
    with pytest.raises(InputError, match="is the key of"):
        give("decoder")


def test_another_project_may_have_the_key(
    site: Site, actor: Actor, key: None, give: Grant, clock: Clock
) -> None:
    give("cohort")
    projects.add_project(site, actor, "trust", TEXT)
    projects.add_approval(
        site,
        actor,
        "trust",
        reference="T",
        controller="c",
        purpose="p",
        legal_basis="l",
        valid_until=clock.later(days=99),
    )
    flows.add_grant(site, actor, "decoder", "trust", valid_until=clock.later(days=9))


def test_after_a_grant_without_use_the_key_may_be_given(
    site: Site, actor: Actor, key: None, give: Grant
) -> None:
    flows.revoke_grant(site, actor, give("cohort").grant.id, "mistake")
    give("decoder")


def test_after_use_the_key_may_not_be_given(
    site: Site, actor: Actor, key: None, give: Grant, add_person: AddPerson
) -> None:
    volume = expose(site, add_version(site, "cohort"), add_person("marie"), give)
    flows.revoke_all(site, actor, "cohort", "onco", "study closed")
    with pytest.raises(InputError, match="holds or held"):
        give("decoder")
    with site.store.transaction() as tx:
        volumes.replace(tx, replace(volume, ended=site.now()))
    give("decoder")


def test_no_change_of_a_dataset_makes_it_the_key_of_what_is_beside_it(
    site: Site, actor: Actor, register: Any, give: Grant
) -> None:
    register("cohort")
    register("codes", DatasetClass.IDENTIFYING)
    give("cohort")
    given = give("codes").grant
    change = {"data_class": DatasetClass.KEY, "decodes": ("cohort",)}
    with pytest.raises(InputError, match="is the key of"):
        data.change_dataset(site, actor, "codes", **change)
    flows.revoke_grant(site, actor, given.id, "it is a key")
    data.change_dataset(site, actor, "codes", **change)


def expose(site: Site, version: DatasetVersion, person: Person, give: Grant) -> Volume:
    """A home beside which the version was once mounted."""
    give(version.dataset)
    now = site.now()
    volume = Volume(new_id("vol"), "v", VolumeKind.HOME, "local", "onco", now, person_id=person.id)
    launch = Launch(
        id=new_id("lau"),
        kind="server",
        person_id=person.id,
        username=person.username,
        server_name="",
        project="onco",
        node="local",
        image="python",
        revision=1,
        digest="sha256:" + "0" * 64,
        version_ids=(version.id,),
        volume_ids=(volume.id,),
        size="s",
        gpus=0,
        mem_bytes=1,
        cpus=1.0,
        idle_seconds=1,
        state=LaunchState.ENDED,
        admitted=now,
    )
    with site.store.transaction() as tx:
        images.add(tx, ImageEntry("python", TEXT, TEXT, "local", "p", "1", now))
        revisions.add(tx, ImageRevision("python", 1, launch.digest, now, "me"))
        launches.add(tx, launch)
        volumes.add(tx, volume)
        exposures.add(tx, Exposure(volume.id, version.id, version.dataset, now, launch.id))
    return volume


# --- revoking ---


def test_a_revocation_is_recorded_and_final(
    site: Site, actor: Actor, register: Any, give: Grant, record: Record, clock: Clock
) -> None:
    register("mri")
    given = give("mri").grant
    clock.forward(days=1)
    revoked = flows.revoke_grant(site, actor, given.id, "consent withdrawn")

    assert revoked == replace(given, revoked=clock.moment, revoked_why="consent withdrawn")
    with site.store.reading() as tx:
        assert grants.get(tx, given.id) == revoked
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.GRANT_REVOKED, given.id)
    assert event.facts == {"dataset": "mri", "project": "onco", "why": "consent withdrawn"}
    with pytest.raises(InputError, match="already"):
        flows.revoke_grant(site, actor, given.id, "again")
    with pytest.raises(NotFound):
        flows.revoke_grant(site, actor, "gra-none", "why")


def test_all_living_grants_of_a_dataset_are_revoked_at_once(
    site: Site, actor: Actor, register: Any, give: Grant, clock: Clock, add_person: AddPerson
) -> None:
    register("mri")
    register("ct")
    past = give("mri", valid_until=clock.later(days=1)).grant
    other = give("ct").grant
    clock.forward(days=2)
    living = {give("mri").grant.id, give("mri", valid_from=clock.later(days=5)).grant.id}
    revoked = flows.revoke_all(site, actor, "mri", "onco", "consent withdrawn")

    assert {grant.id for grant in revoked} == living
    with site.store.reading() as tx:
        assert grants.get(tx, past.id).revoked is None
        assert grants.get(tx, other.id).revoked is None
    with pytest.raises(InputError, match="not granted"):
        flows.revoke_all(site, actor, "mri", "onco", "again")


def test_a_reason_is_needed(site: Site, actor: Actor, register: Any, give: Grant) -> None:
    register("mri")
    given = give("mri").grant
    with pytest.raises(InputError, match="reason is empty"):
        flows.revoke_grant(site, actor, given.id, "")
    with site.store.reading() as tx:
        assert grants.get(tx, given.id).revoked is None


def test_an_ended_person_is_no_member_to_grant_to(
    site: Site, actor: Actor, register: Any, give: Grant, add_person: AddPerson
) -> None:
    register("mri")
    marie = add_person("marie")
    projects.add_member(site, actor, "onco", marie.id)
    people.end_person(site, actor, marie.id, "left")
    with pytest.raises(InputError, match="not a member"):
        give("mri", members=(marie.id,))
