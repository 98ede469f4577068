"""Who may do what: for any person, any roles, any places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import Dataset, DatasetClass, Localised, MemberRole, Membership, Person, SiteRole
from hub_ext.model.duties import Deed, DenialCode
from hub_ext.policy.duties import BY_PLACE, BY_ROLE, Duties, duties_of, may

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PERSON = Person("per-1", "demo", "ada", "ada", "Ada", 20000, NOW - DAY)
TITLE = Localised("a", "b")

ids = st.sampled_from(["per-1", "per-2", "per-3"])
slugs = st.sampled_from(["mri", "codes", "table"])
projects = st.sampled_from(["onco", "cardio"])
roles = st.frozensets(st.sampled_from(SiteRole))
duties = st.builds(
    Duties,
    person_id=ids,
    roles=roles,
    tended=st.dictionaries(slugs, st.frozensets(ids, min_size=1)).map(lambda held: tuple(held.items())),
    places=st.frozensets(st.tuples(projects, st.sampled_from(MemberRole))),
    ended=st.booleans(),
)
targets = st.fixed_dictionaries({"dataset": st.none() | slugs, "project": st.none() | projects})
deeds = st.sampled_from(Deed)


def dataset(slug: str, *stewards: str) -> Dataset:
    return Dataset(slug, TITLE, TITLE, DatasetClass.CODED, NOW, stewards=stewards)


def place(project: str, role: MemberRole, **other: Any) -> Membership:
    return Membership(
        **{
            "id": "mem-1",
            "person_id": "per-1",
            "project": project,
            "role": role,
            "valid_from": NOW - DAY,
            "created": NOW - DAY,
        }
        | other
    )


def held(*roles: SiteRole, **other: Any) -> Duties:
    return Duties("per-1", frozenset(roles), **other)


@given(duties, deeds, targets)
def test_nobody_decides_on_a_request_of_their_own(who: Duties, deed: Deed, target: dict[str, Any]) -> None:
    assert may(who, deed, requested_by=who.person_id, **target) is not None


@given(duties, deeds, targets, ids)
def test_who_has_ended_may_nothing(who: Duties, deed: Deed, target: dict[str, Any], asked: str) -> None:
    denial = may(replace(who, ended=True), deed, requested_by=asked, **target)
    assert denial is not None
    assert denial.code is DenialCode.PERSON_ENDED


@given(deeds.filter(lambda deed: deed.changes), targets)
def test_a_mere_auditor_changes_nothing(deed: Deed, target: dict[str, Any]) -> None:
    denial = may(held(SiteRole.AUDITOR), deed, **target)
    assert denial is not None
    assert denial.code is DenialCode.READS_ONLY


@given(duties, deeds, targets)
def test_being_an_auditor_adds_no_deed_that_changes_anything(
    who: Duties, deed: Deed, target: dict[str, Any]
) -> None:
    with_it = replace(who, roles=who.roles | {SiteRole.AUDITOR})
    if deed.changes and may(who, deed, **target) is not None:
        assert may(with_it, deed, **target) is not None


@given(duties, deeds, targets, roles)
def test_taking_a_role_away_never_allows_more(
    who: Duties, deed: Deed, target: dict[str, Any], gone: frozenset[SiteRole]
) -> None:
    if may(who, deed, **target) is not None:
        assert may(replace(who, roles=who.roles - gone), deed, **target) is not None


@given(duties, deeds, targets)
def test_taking_places_and_care_away_never_allows_more(
    who: Duties, deed: Deed, target: dict[str, Any]
) -> None:
    tended = tuple((slug, stewards - {who.person_id} | {"per-9"}) for slug, stewards in who.tended)
    if may(who, deed, **target) is not None:
        assert may(replace(who, places=frozenset(), tended=tended), deed, **target) is not None


@given(deeds, targets)
def test_who_is_nothing_may_nothing(deed: Deed, target: dict[str, Any]) -> None:
    denial = may(held(), deed, **target)
    assert denial is not None
    assert denial.code is DenialCode.ROLE_MISSING


def test_every_deed_has_its_roles() -> None:
    assert set(BY_ROLE) == set(Deed)
    assert all(BY_ROLE.values())
    assert set(BY_PLACE) <= set(Deed)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (SiteRole.CURATOR, {Deed.READ_IMAGES, Deed.WRITE_IMAGES}),
        (
            SiteRole.STEWARD,
            {
                Deed.READ_IMAGES,
                Deed.READ_DATA,
                Deed.WRITE_DATASET,
                Deed.WRITE_GRANT,
                Deed.DECIDE_REQUEST,
                Deed.WRITE_PROJECT,
                Deed.PROPOSE_MEMBER,
                Deed.CONFIRM_MEMBER,
                Deed.WRITE_PERSON,
                Deed.QUARANTINE_VOLUME,
            },
        ),
        (
            SiteRole.OPERATOR,
            {
                Deed.READ_IMAGES,
                Deed.READ_SESSIONS,
                Deed.STOP_SESSION,
                Deed.WRITE_BLOCK,
                Deed.WRITE_GPU,
                Deed.READ_ACCOUNTS,
            },
        ),
        (
            SiteRole.AUDITOR,
            {
                Deed.READ_IMAGES,
                Deed.READ_DATA,
                Deed.READ_SESSIONS,
                Deed.READ_ACCOUNTS,
                Deed.READ_AUDIT,
                Deed.LOOK_UP_PERSON,
            },
        ),
    ],
)
def test_what_each_role_may(role: SiteRole, allowed: set[Deed]) -> None:
    assert {deed for deed in Deed if may(held(role), deed) is None} == allowed


def test_a_department_grants_its_own_datasets_only() -> None:
    known = (dataset("mri", "per-1"), dataset("codes", "per-2"), dataset("table"))
    mine = duties_of(PERSON, known, (), NOW)
    assert may(mine, Deed.WRITE_GRANT, dataset="mri") is None
    assert may(mine, Deed.READ_DATA) is None
    assert may(mine, Deed.READ_DATA, dataset="codes") is not None
    assert may(mine, Deed.WRITE_GRANT) is not None
    other = may(mine, Deed.WRITE_GRANT, dataset="codes")
    assert other is not None
    assert (other.code, other.subject) == (DenialCode.OTHER_DATASET, "codes")
    # What nobody in particular looks after is any steward's; what somebody does is not.
    general = duties_of(replace(PERSON, roles=(SiteRole.STEWARD,), id="per-3"), known, (), NOW)
    assert may(general, Deed.WRITE_GRANT, dataset="table") is None
    assert may(general, Deed.WRITE_GRANT, dataset="mri") is not None


def test_a_lead_proposes_and_the_data_manager_confirms() -> None:
    lead = duties_of(PERSON, (), (place("onco", MemberRole.LEAD),), NOW)
    data_manager = duties_of(PERSON, (), (place("onco", MemberRole.DATA_MANAGER),), NOW)
    member = duties_of(PERSON, (), (place("onco", MemberRole.MEMBER),), NOW)
    assert may(lead, Deed.PROPOSE_MEMBER, project="onco") is None
    assert may(lead, Deed.CONFIRM_MEMBER, project="onco") is not None
    assert may(data_manager, Deed.CONFIRM_MEMBER, project="onco", requested_by="per-2") is None
    assert may(data_manager, Deed.CONFIRM_MEMBER, project="onco", requested_by="per-1") is not None
    assert may(member, Deed.PROPOSE_MEMBER, project="onco") is not None
    other = may(lead, Deed.PROPOSE_MEMBER, project="cardio")
    assert other is not None
    assert (other.code, other.subject) == (DenialCode.OTHER_PROJECT, "cardio")


@pytest.mark.parametrize(
    "over",
    [
        {"ended": NOW - DAY},
        {"valid_until": NOW},
        {"valid_from": NOW + DAY},
        {"person_id": "per-2"},
    ],
)
def test_a_place_counts_while_it_holds(over: dict[str, Any]) -> None:
    was = duties_of(PERSON, (), (place("onco", MemberRole.LEAD, **over),), NOW)
    assert may(was, Deed.PROPOSE_MEMBER, project="onco") is not None


@pytest.mark.parametrize("over", [{"ended": NOW - DAY}, {"valid_until": NOW}])
def test_a_person_counts_while_they_are_here(over: dict[str, Any]) -> None:
    gone = duties_of(replace(PERSON, roles=(SiteRole.CURATOR,), **over), (), (), NOW)
    assert may(gone, Deed.READ_IMAGES) is not None


def test_what_the_provider_vouches_for_counts_beside_the_store() -> None:
    both = duties_of(replace(PERSON, roles=(SiteRole.CURATOR,)), (), (), NOW, given={SiteRole.OPERATOR})
    assert both.roles == {SiteRole.CURATOR, SiteRole.OPERATOR}
