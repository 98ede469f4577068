"""What operators stop: no launch there, what runs ends at once or by a time, and nobody else is concerned."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import (
    Block,
    BlockKind,
    BlockScope,
    Facts,
    LaunchPlan,
    LaunchRequest,
    Quarantine,
    Reason,
    Refusal,
    StopReason,
    UnsafeImage,
)
from hub_ext.model import ReasonCode as Code
from hub_ext.policy.blocks import concerns
from hub_ext.policy.choices import FormFacts, FormProject, ProjectChoice, choices
from hub_ext.policy.launch import coverage, decide, stop_reason

from .test_coverage import LIVE
from .worlds import FACTS, HOME, IMAGE, NOW, REQUEST, REVISION, launch, on, worlds

OWN = {
    BlockScope.PERSON: "per-1",
    BlockScope.PROJECT: "onco",
    BlockScope.DATASET: "mri",
    BlockScope.IMAGE: "python",
    BlockScope.NODE: "local",
    BlockScope.EVERYTHING: "",
}
OTHERS = {**dict.fromkeys(BlockScope, "other")}
SCOPES = tuple(BlockScope)


def block(scope: BlockScope, subject: str | None = None, kind: BlockKind = BlockKind.STOP, **more) -> Block:
    """A block on what the launch of `worlds` has to do with, unless it says otherwise."""
    name = OWN[scope] if subject is None else subject
    return Block("blo-1", kind, scope, name, "new disk", on(-1), "per-9", **more)


@st.composite
def any_block(draw: st.DrawFn) -> Block:
    """One of any kind, on anything, standing or not."""
    scope = draw(st.sampled_from(SCOPES))
    return block(
        scope,
        draw(st.sampled_from([OWN[scope], OTHERS[scope]])),
        draw(st.sampled_from(list(BlockKind))),
        end_by=draw(st.sampled_from([None, on(-1), on(1)])),
        until=draw(st.sampled_from([None, NOW, on(1)])),
        lifted=draw(st.sampled_from([None, NOW])),
    )


@given(worlds(), any_block())
def test_a_block_never_admits_more(world: tuple[LaunchRequest, Facts], added: Block):
    request, facts = world
    before = decide(request, facts)
    after = decide(request, replace(facts, blocks=(added,)))
    if isinstance(before, Refusal):
        assert isinstance(after, Refusal)
        assert set(before.reasons) <= set(after.reasons)
    else:
        assert after == before or {reason.code for reason in after.reasons} == {Code.BLOCKED}


@pytest.mark.parametrize("kind", list(BlockKind))
@pytest.mark.parametrize("scope", SCOPES)
def test_a_block_refuses_what_it_is_on_and_nothing_else(scope: BlockScope, kind: BlockKind):
    blocked = decide(REQUEST, replace(FACTS, blocks=(block(scope, kind=kind),)))
    assert isinstance(blocked, Refusal)
    (reason,) = blocked.reasons
    subject = "" if scope is BlockScope.PERSON else OWN[scope]
    assert reason == Reason(Code.BLOCKED, subject, (("scope", scope.value), ("why", "new disk")))
    if scope is not BlockScope.EVERYTHING:
        other = replace(FACTS, blocks=(block(scope, "other", kind=kind),))
        assert isinstance(decide(REQUEST, other), LaunchPlan)


@pytest.mark.parametrize("over", [{"lifted": NOW}, {"until": NOW}, {"until": on(-1)}])
def test_a_block_that_is_over_refuses_and_ends_nothing(over: dict[str, datetime]):
    added = block(BlockScope.EVERYTHING, **over)
    assert isinstance(decide(REQUEST, replace(FACTS, blocks=(added,))), LaunchPlan)
    assert coverage(launch(), replace(LIVE, blocks=(added,))) == coverage(launch(), LIVE)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_stop_ends_what_runs_under_it(scope: BlockScope):
    covered = coverage(launch(), replace(LIVE, blocks=(block(scope),)))
    assert [reason.code for reason in covered.reasons] == [Code.BLOCKED]
    assert stop_reason(covered.reasons) is StopReason.BLOCKED
    if scope is not BlockScope.EVERYTHING:
        assert coverage(launch(), replace(LIVE, blocks=(block(scope, "other"),))) == coverage(launch(), LIVE)


def test_a_drain_ends_what_runs_by_its_time():
    draining = block(BlockScope.EVERYTHING, kind=BlockKind.DRAIN, end_by=on(1))
    before = coverage(launch(), replace(LIVE, blocks=(draining,)))
    assert (before.reasons, before.expires_at) == ((), on(1))
    after = coverage(launch(), replace(LIVE, blocks=(draining,), now=on(1)))
    assert [reason.code for reason in after.reasons] == [Code.BLOCKED]


def test_a_drain_without_a_time_lets_what_runs_go_on():
    draining = block(BlockScope.EVERYTHING, kind=BlockKind.DRAIN)
    assert coverage(launch(), replace(LIVE, blocks=(draining,))) == coverage(launch(), LIVE)


def test_a_drain_that_is_over_before_its_time_ends_nothing():
    draining = block(BlockScope.EVERYTHING, kind=BlockKind.DRAIN, end_by=on(2), until=on(1))
    assert coverage(launch(), replace(LIVE, blocks=(draining,))) == coverage(launch(), LIVE)


def test_an_image_retired_for_a_security_reason_is_neither_started_nor_goes_on():
    unsafe = UnsafeImage("python", "CVE-2026-1", NOW)
    assert decide(REQUEST, replace(FACTS, unsafe_image=unsafe)) == Refusal(
        (Reason(Code.IMAGE_UNSAFE, "python"),)
    )
    covered = coverage(launch(), replace(LIVE, unsafe_image=unsafe))
    assert covered.reasons == (Reason(Code.IMAGE_UNSAFE, "python"),)
    assert stop_reason(covered.reasons) is StopReason.IMAGE_UNSAFE
    cleared = replace(unsafe, cleared=NOW)
    assert coverage(launch(), replace(LIVE, unsafe_image=cleared)).reasons == ()
    assert isinstance(decide(REQUEST, replace(FACTS, unsafe_image=cleared)), LaunchPlan)


def test_a_session_ends_with_the_quarantine_of_a_folder_of_its_own():
    held = replace(HOME, quarantined_why="Ada copied it")
    known = Quarantine(
        "qua-1", "vol-1", "mri", "Ada copied it", "Copies are looked for.", "m@x", NOW, "per-9"
    )
    facts = replace(LIVE, volumes=(held,), quarantines=(known,))
    shown = (("volume", "home"), ("told", "Copies are looked for."), ("contact", "m@x"))
    covered = coverage(launch(), facts)
    assert covered.reasons == (Reason(Code.VOLUME_QUARANTINED, "onco", shown),)
    assert stop_reason(covered.reasons) is StopReason.QUARANTINED
    assert coverage(launch(volume_ids=("vol-9",)), facts).reasons == ()


def form(*blocks: Block) -> FormFacts:
    """What the form reads of the same world."""
    return FormFacts(
        now=NOW,
        person=FACTS.person,
        memberships=FACTS.memberships,
        projects=(FormProject(FACTS.project, FACTS.approvals, FACTS.datasets, HOME),),
        images=((IMAGE, REVISION), (replace(IMAGE, slug="r"), replace(REVISION, entry="r"))),
        gpus=(),
        leases=(),
        active_launches=(),
        sizes=FACTS.sizes,
        site_ceilings=FACTS.site_ceilings,
        disk=FACTS.disk,
        blocks=blocks,
    )


def test_the_form_says_why_where_it_offers_nothing():
    for scope in (BlockScope.PERSON, BlockScope.NODE, BlockScope.EVERYTHING):
        assert [reason.code for reason in choices(form(block(scope))).reasons] == [Code.BLOCKED]
    (closed,) = choices(form(block(BlockScope.PROJECT))).closed_projects
    assert [reason.code for reason in closed.reasons] == [Code.BLOCKED]
    (offered,) = choices(form(block(BlockScope.DATASET))).projects
    assert isinstance(offered, ProjectChoice)
    assert [one.slug for one in offered.datasets] == ["labs"]
    assert [[reason.code for reason in one.reasons] for one in offered.closed_datasets] == [[Code.BLOCKED]]
    (offered,) = choices(form(block(BlockScope.IMAGE))).projects
    assert [one.slug for one in offered.environments] == ["r"]


def test_a_banner_tells_whom_it_concerns():
    known = {"person_id": "per-1", "projects": {"onco"}, "datasets": {"mri"}}
    nobody = {"person_id": "", "projects": (), "datasets": ()}
    for scope in SCOPES:
        assert concerns(block(scope), **known)
        of_one = scope in (BlockScope.PERSON, BlockScope.PROJECT, BlockScope.DATASET)
        assert concerns(block(scope, "other"), **known) != of_one
        assert concerns(block(scope), **nobody) != of_one
