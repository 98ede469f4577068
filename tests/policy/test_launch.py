"""The decision as a whole: the plan, and what holds in every world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from hub_ext.model import (
    Dataset,
    DatasetFacts,
    DiskFacts,
    Facts,
    ImageState,
    LaunchPlan,
    LaunchRequest,
    ProjectState,
    Refusal,
    VersionState,
)
from hub_ext.policy.launch import decide

from .worlds import (
    APPROVAL,
    FACTS,
    IMAGE,
    NOW,
    PERSON,
    PROJECT,
    REQUEST,
    WHOLE_PLAN,
    dataset,
    facts_of,
    grant,
    launch,
    lease,
    on,
    version,
    worlds,
)

World = tuple[LaunchRequest, Facts]


def test_the_whole_plan():
    assert decide(REQUEST, FACTS) == WHOLE_PLAN


def test_the_grant_that_ends_last_is_used_with_its_version():
    facts = replace(
        FACTS,
        datasets=(
            facts_of(
                "mri",
                versions=(version("mri", 1, state=VersionState.SUPERSEDED), version("mri", 2)),
                grants=(
                    grant("mri", id="gra-a", valid_until=on(60), version_id="ver-mri-1"),
                    grant("mri", id="gra-b", valid_until=on(20)),
                ),
            ),
        ),
    )
    plan = decide(replace(REQUEST, datasets=("mri",)), facts)
    assert isinstance(plan, LaunchPlan)
    assert (plan.data[0].version_id, plan.expires_at) == ("ver-mri-1", on(60))


def test_a_grant_ends_with_the_approval_that_it_rests_on():
    facts = replace(
        FACTS,
        approvals=(APPROVAL, replace(APPROVAL, id="apr-2", valid_until=on(5))),
        datasets=(facts_of("mri", grants=(grant("mri", approval_id="apr-2"),)), facts_of("labs")),
    )
    plan = decide(REQUEST, facts)
    assert isinstance(plan, LaunchPlan)
    assert plan.expires_at == on(5)


@given(worlds())
def test_a_decision_is_a_plan_or_reasons(world: World):
    decision = decide(*world)
    event(type(decision).__name__)
    if isinstance(decision, Refusal):
        assert decision.reasons
        assert len(set(decision.reasons)) == len(decision.reasons)


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_facts_changes_nothing(world: World, random: Any):
    request, facts = world

    def shuffled(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(values, len(values)))

    mixed = replace(
        facts,
        datasets=shuffled(
            tuple(
                replace(known, versions=shuffled(known.versions), grants=shuffled(known.grants))
                for known in facts.datasets
            )
        ),
        **{
            name: shuffled(getattr(facts, name))
            for name in ("memberships", "approvals", "exposed", "gpus", "leases", "active_launches", "sizes")
        },
    )
    assert decide(request, mixed) == decide(request, facts)


@given(worlds())
def test_a_plan_expires_with_its_first_right(world: World):
    request, facts = world
    plan = decide(request, facts)
    assume(isinstance(plan, LaunchPlan))
    assert plan.expires_at is not None
    assert plan.expires_at > NOW
    rights: list[list[Any]] = [
        [facts.person],
        [facts.project],
        [known for known in facts.memberships if known.ended is None],
        [known for known in facts.approvals if known.ended is None],
        *(
            [known for known in given_to.grants if known.revoked is None]
            for given_to in facts.datasets
            if given_to.slug in request.datasets
        ),
    ]
    for kind in rights:
        ends = [right.valid_until for right in kind]
        assert None in ends or plan.expires_at <= max(ends)


@given(worlds())
def test_a_plan_stays_under_every_ceiling(world: World):
    request, facts = world
    plan = decide(request, facts)
    assume(isinstance(plan, LaunchPlan))
    for ceilings in (facts.site_ceilings, facts.project.ceilings, facts.image.ceilings):
        assert ceilings.cpus is None or plan.cpus <= ceilings.cpus
        assert ceilings.mem_bytes is None or plan.mem_bytes <= ceilings.mem_bytes
        assert ceilings.gpus is None or len(plan.gpus) <= ceilings.gpus
        assert ceilings.idle_seconds is None or plan.idle_seconds <= ceilings.idle_seconds


@given(worlds())
def test_a_plan_mounts_what_was_asked_for_and_no_more(world: World):
    request, facts = world
    plan = decide(request, facts)
    assume(isinstance(plan, LaunchPlan))
    assert [mount.slug for mount in plan.data] == list(dict.fromkeys(request.datasets))
    held = {known.slug: known for known in facts.datasets}
    for mount in plan.data:
        mounted = next(known for known in held[mount.slug].versions if known.id == mount.version_id)
        assert mounted.state is not VersionState.WITHDRAWN
        assert mount.folder == mounted.folder
        assert {None, mounted.id} & {known.version_id for known in held[mount.slug].grants}
    assert len(plan.gpus) == len(plan.shares) == request.gpus
    taken = {(known.gpu_id, known.share) for known in facts.leases}
    assert not taken & {(known.id, share) for known, share in zip(plan.gpus, plan.shares, strict=True)}


# --- a world with less in it never admits more ---------------------------------------------------------


@given(worlds(), st.data())
def test_taking_a_right_away_never_admits_more(world: World, data: st.DataObject):
    request, facts = world
    poorer = data.draw(st.sampled_from([*_without_one(facts)]))
    if isinstance(decide(request, poorer), LaunchPlan):
        event("admitted all the same")
        assert isinstance(decide(request, facts), LaunchPlan)


def _without_one(facts: Facts) -> list[Facts]:
    # Where a device is missing, whoever waits for several cannot be served, and those behind go first.
    gpus = () if facts.line.rows else ("gpus",)
    worse = [
        replace(facts, **{name: (*held[:place], *held[place + 1 :])})
        for name in ("memberships", "approvals", "sizes", "datasets", *gpus)
        for held in (getattr(facts, name),)
        for place in range(len(held))
    ]
    for place, known in enumerate(facts.datasets):
        for number in range(len(known.grants)):
            fewer = replace(known, grants=(*known.grants[:number], *known.grants[number + 1 :]))
            worse.append(_with_dataset(facts, place, fewer))
    return worse


@given(worlds(), st.data())
def test_a_fact_that_speaks_against_it_never_admits_more(world: World, data: st.DataObject):
    request, facts = world
    worsen = data.draw(st.sampled_from(WORSE))
    if isinstance(decide(request, worsen(facts)), LaunchPlan):
        event("admitted all the same")
        assert isinstance(decide(request, facts), LaunchPlan)


def _with_dataset(facts: Facts, place: int, known: DatasetFacts) -> Facts:
    return replace(facts, datasets=(*facts.datasets[:place], known, *facts.datasets[place + 1 :]))


def _every_dataset(change: Callable[[DatasetFacts], DatasetFacts]) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, datasets=tuple(change(known) for known in facts.datasets))


def _revoke_first(known: DatasetFacts) -> DatasetFacts:
    return replace(known, grants=(replace(known.grants[0], revoked=NOW), *known.grants[1:]))


def _withdraw_last(known: DatasetFacts) -> DatasetFacts:
    last = replace(known.versions[-1], state=VersionState.WITHDRAWN)
    return replace(known, versions=(*known.versions[:-1], last))


def _kept_apart(known: DatasetFacts) -> DatasetFacts:
    assert isinstance(known.dataset, Dataset)
    never_with = (*known.dataset.never_with, "mri", "identifying")
    return replace(known, dataset=replace(known.dataset, never_with=never_with))


IN_CARDIO = launch(id="lau-8", server_name="fourth", project="cardio")
WORSE: list[Callable[[Facts], Facts]] = [
    lambda facts: replace(facts, person=replace(PERSON, ended=on(-1))),
    lambda facts: replace(facts, project=replace(PROJECT, state=ProjectState.ARCHIVED)),
    lambda facts: replace(facts, image=replace(IMAGE, state=ImageState.RETIRED)),
    lambda facts: replace(facts, groups=None),
    lambda facts: replace(facts, groups=frozenset()),
    lambda facts: replace(facts, leases=(*facts.leases, lease(0), lease(0, 1))),
    lambda facts: replace(facts, exposed=(*facts.exposed, dataset("names", never_with=("coded", "labs")))),
    lambda facts: replace(facts, disk=DiskFacts(0, 1)),
    lambda facts: replace(facts, one_project_at_a_time=True),
    lambda facts: replace(facts, active_launches=(*facts.active_launches, IN_CARDIO)),
    _every_dataset(_revoke_first),
    _every_dataset(_withdraw_last),
    _every_dataset(_kept_apart),
    _every_dataset(lambda known: replace(known, folder_present=None)),
]
