"""Whether a running launch may go on: as long as its rights stand, and not an instant longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub_ext.model import Facts, Launch, LaunchPlan, LaunchRequest, ProjectState, Reason, VersionState
from hub_ext.model import ReasonCode as Code
from hub_ext.policy.launch import Coverage, LiveFacts, coverage, decide

from .worlds import (
    APPROVAL,
    FACTS,
    MEMBERSHIP,
    NOW,
    PERSON,
    PROJECT,
    dataset,
    facts_of,
    grant,
    launch,
    on,
    version,
    worlds,
)


def live(facts: Facts, now: datetime = NOW, **changed: Any) -> LiveFacts:
    """The same world, as the sweep reads it."""
    names = ("person", "project", "memberships", "approvals", "datasets", "blocks")
    values = {**{name: getattr(facts, name) for name in names}, **changed}
    return LiveFacts(now=now, **values)


LIVE = live(FACTS)


def started(plan: LaunchPlan) -> Launch:
    """The launch of this plan."""
    versions = tuple(mount.version_id for mount in plan.data)
    return launch(id=plan.launch_id, version_ids=versions, expires_at=plan.expires_at)


@given(worlds(), st.floats(0, 60))
def test_a_launch_is_covered_until_it_expires(world: tuple[LaunchRequest, Facts], days: float):
    request, facts = world
    plan = decide(request, facts)
    assume(isinstance(plan, LaunchPlan))
    assert plan.expires_at is not None
    running = started(plan)
    now = coverage(running, live(facts))
    assert now.reasons == ()
    assert now.expires_at is not None
    assert now.expires_at >= plan.expires_at
    assert coverage(running, live(facts, on(days))).reasons == () or on(days) >= plan.expires_at


@given(worlds())
def test_a_launch_ends_with_the_last_of_its_rights(world: tuple[LaunchRequest, Facts]):
    request, facts = world
    plan = decide(request, facts)
    assume(isinstance(plan, LaunchPlan))
    assert coverage(started(plan), live(facts, on(90))).reasons


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"person": None}, Reason(Code.PERSON_UNKNOWN)),
        ({"person": replace(PERSON, id="per-2")}, Reason(Code.PERSON_UNKNOWN)),
        ({"person": replace(PERSON, ended=NOW)}, Reason(Code.PERSON_ENDED, shown=(("on", NOW),))),
        ({"project": None}, Reason(Code.PROJECT_UNKNOWN, "onco")),
        (
            {"project": replace(PROJECT, state=ProjectState.FROZEN)},
            Reason(Code.PROJECT_NOT_ACTIVE, "onco", (("state", "frozen"),)),
        ),
        ({"memberships": ()}, Reason(Code.MEMBERSHIP_MISSING, "onco")),
        (
            {"memberships": (replace(MEMBERSHIP, group="nurses"),), "left": frozenset({"nurses"})},
            Reason(Code.GROUP_MISSING, "onco", (("group", "nurses"),)),
        ),
        (
            {"datasets": (facts_of("mri", dataset=dataset("mri", ended=NOW, contact="")),)},
            Reason(Code.DATASET_ENDED, "mri", (("on", NOW),)),
        ),
        (
            {"datasets": (facts_of("mri", grants=(grant("mri", revoked=NOW),)),)},
            Reason(Code.GRANT_REVOKED, "mri", (("on", NOW), ("contact", "mri@example.org"))),
        ),
        (
            {"datasets": (facts_of("mri", versions=(version("mri", state=VersionState.WITHDRAWN),)),)},
            Reason(Code.VERSION_WITHDRAWN, "mri", (("version", 1), ("contact", "mri@example.org"))),
        ),
        (
            {"datasets": (facts_of("mri", grants=(grant("mri", version_id="ver-mri-2"),)),)},
            Reason(Code.VERSION_MISSING, "mri", (("contact", "mri@example.org"),)),
        ),
        ({"datasets": ()}, Reason(Code.DATASET_UNKNOWN)),
    ],
)
def test_what_ends_a_session(changed, reason):
    assert coverage(launch(), replace(LIVE, **changed)).reasons == (reason,)


@pytest.mark.parametrize(
    "changed",
    [
        # A provider that is down says nothing, and nothing is not "left".
        {"memberships": (replace(MEMBERSHIP, group="nurses"),), "left": frozenset({"doctors"})},
        # The launch keeps the version with which it started.
        {
            "datasets": (
                facts_of(
                    "mri",
                    versions=(version("mri", state=VersionState.SUPERSEDED), version("mri", 2)),
                ),
            )
        },
        {"datasets": (facts_of("mri", folder_present=False),)},
    ],
)
def test_what_ends_no_session(changed):
    assert coverage(launch(), replace(LIVE, **changed)).reasons == ()


def test_a_renewed_right_carries_a_session_on():
    renewed = facts_of("mri", grants=(grant("mri"), grant("mri", id="gra-2", valid_until=on(70))))
    assert coverage(launch(expires_at=on(30)), replace(LIVE, datasets=(renewed,))) == Coverage((), on(70))


def test_an_approval_that_ends_is_said_of_project_and_dataset():
    ended = replace(LIVE, approvals=(replace(APPROVAL, ended=NOW),))
    codes = [reason.code for reason in coverage(launch(), ended).reasons]
    assert codes == [Code.APPROVAL_ENDED, Code.GRANT_APPROVAL_ENDED]
