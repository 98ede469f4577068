"""The form and the decision agree, in every world: what is shown is admitted, what is not is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import event, given

from hub_ext.model import Ceilings, Facts, GpuHealth, ImageState, LaunchPlan, LaunchRequest, Reason, Refusal
from hub_ext.model import ReasonCode as Code
from hub_ext.model.gpu_limits import LimitKind
from hub_ext.policy.choices import Choices, EnvironmentChoice, FormFacts, FormProject, choices
from hub_ext.policy.launch import decide
from hub_ext.policy.queue import PASSING

from .worlds import (
    FACTS,
    IMAGE,
    PROJECT,
    REQUEST,
    REVISION,
    dataset,
    facts_of,
    grant,
    launch,
    lease,
    on,
    worlds,
)


def form_of(facts: Facts, **changed: Any) -> FormFacts:
    """The same world, as the form reads it."""
    assert facts.project is not None
    assert facts.image is not None
    standings = {standing.kind: standing for standing in facts.gpu_standings}
    project = FormProject(
        *(facts.project, facts.approvals, facts.datasets, facts.home, facts.project_folder, facts.exposed),
        gpu_standing=standings.get(LimitKind.PROJECT),
    )
    values: dict[str, Any] = {
        "projects": (project,),
        "images": ((facts.image, facts.revision),),
        "gpu_standing": standings.get(LimitKind.PERSON),
        **{
            name: getattr(facts, name)
            for name in FormFacts.__dataclass_fields__
            if name not in ("projects", "images", "gpu_standing", "may_wait")
        },
        **changed,
    }
    return FormFacts(**values)


def shown(offered: Choices, server_name: str = "") -> set[tuple[Any, ...]]:
    """Every choice that the form lets somebody make, of at most two datasets."""
    found = set()
    for project in offered.projects:
        apart = {dataset.slug: dataset.excludes for dataset in project.datasets}
        picks = [()] + [pick for size in (1, 2) for pick in combinations(apart, size)]
        for environment in project.environments:
            for size in environment.sizes:
                for gpus in environment.gpus:
                    found |= {
                        (project.slug, environment.slug, pick, size.slug, gpus)
                        for pick in picks
                        if not any(other in apart[one] for one in pick for other in pick)
                    }
    return found


def admitted(facts: Facts, request: LaunchRequest) -> set[tuple[Any, ...]]:
    """Every choice, of at most two datasets, that the decision admits where all terms are accepted."""
    request = replace(
        request, accepts=tuple((known.slug, known.terms.number) for known in facts.datasets if known.terms)
    )
    slugs = sorted(known.slug for known in facts.datasets)
    return {
        (request.project, request.environment, pick, size.slug, gpus)
        for pick in [(), *combinations(slugs, 1), *combinations(slugs, 2)]
        for size in facts.sizes
        for gpus in range(4)
        if isinstance(decide(replace(request, datasets=pick, size=size.slug, gpus=gpus), facts), LaunchPlan)
    }


@given(worlds())
def test_the_form_shows_what_would_be_admitted_and_nothing_else(world: tuple[LaunchRequest, Facts]):
    request, facts = world
    found = shown(choices(form_of(facts), request.server_name))
    event("something to choose" if found else "nothing to choose")
    assert found == admitted(facts, request)


@given(worlds())
def test_what_can_be_waited_for_lacks_free_gpus_alone(world: tuple[LaunchRequest, Facts]):
    request, facts = world
    assert all(not one.gpus_later for one in environments(choices(form_of(facts), request.server_name)))
    offered = choices(form_of(facts, may_wait=True), request.server_name)
    accepts = tuple((known.slug, known.terms.number) for known in facts.datasets if known.terms)
    for one in environments(offered):
        for size, gpus in product(one.sizes, one.gpus_later):
            asked = replace(request, datasets=(), size=size.slug, gpus=gpus, accepts=accepts)
            decision = decide(asked, facts)
            assert isinstance(decision, Refusal)
            assert PASSING.issuperset(reason.code for reason in decision.reasons)
            assert gpus <= sum(gpu.health is GpuHealth.OK for gpu in facts.gpus)


def test_a_gpu_that_others_hold_can_be_waited_for():
    taken = replace(FACTS, leases=(lease(0), lease(1)))
    told = [(one.gpus, one.gpus_later) for one in environments(choices(form_of(taken, may_wait=True)))]
    assert told == [((0,), (1, 2))]
    needs = replace(IMAGE, needs_gpu=True)
    only = form_of(taken, may_wait=True, images=((needs, REVISION),))
    assert [(one.gpus, one.gpus_later) for one in environments(choices(only))] == [((), (1, 2))]
    assert environments(choices(replace(only, may_wait=False))) == []


def environments(offered: Choices) -> list[EnvironmentChoice]:
    return [one for project in offered.projects for one in project.environments]


@given(worlds())
def test_where_nothing_can_be_chosen_there_is_a_reason(world: tuple[LaunchRequest, Facts]):
    request, facts = world
    offered = choices(form_of(facts), request.server_name)
    if not offered.projects:
        assert offered.reasons or all(closed.reasons for closed in offered.closed_projects)
        assert offered.reasons or offered.closed_projects
    for project in offered.projects:
        assert project.environments
        assert all(environment.sizes and environment.gpus for environment in project.environments)
        assert {known.slug for known in facts.datasets} == {
            *(known.slug for known in project.datasets),
            *(known.slug for known in project.closed_datasets),
        }
        assert all(known.reasons for known in project.closed_datasets)


def test_what_a_dataset_may_not_meet_is_said_on_both():
    facts = replace(
        FACTS,
        exposed=(),
        datasets=(facts_of("labs"), facts_of("mri", dataset=dataset("mri", never_with=("labs",)))),
    )
    (project,) = choices(form_of(facts)).projects
    assert [(known.slug, known.excludes) for known in project.datasets] == [
        ("labs", ("mri",)),
        ("mri", ("labs",)),
    ]
    assert [known.until for known in project.datasets] == [on(30), on(30)]


def test_a_closed_dataset_says_why():
    facts = replace(FACTS, datasets=(facts_of("mri", grants=(grant("mri", revoked=on(-1)),)),))
    (project,) = choices(form_of(facts)).projects
    (closed,) = project.closed_datasets
    assert [reason.code for reason in closed.reasons] == [Code.GRANT_REVOKED]


@pytest.mark.parametrize(
    "changed",
    [
        {"projects": ("cardio",)},
        {"ceilings": Ceilings(cpus=0.5)},
        {"needs_gpu": True, "ceilings": Ceilings(gpus=0)},
    ],
)
def test_a_project_without_environment_that_could_start_says_so(changed: dict[str, Any]):
    offered = choices(form_of(FACTS, images=((replace(IMAGE, **changed), REVISION),)))
    assert offered.projects == ()
    (closed,) = offered.closed_projects
    assert closed.reasons == (Reason(Code.IMAGE_NONE, "onco"),)


def test_a_server_that_runs_closes_everything():
    offered = choices(form_of(FACTS, active_launches=(launch(server_name="b"),)), "b")
    assert offered == Choices((), (), (Reason(Code.ALREADY_RUNNING, "b"),))
    assert choices(form_of(FACTS, active_launches=(launch(server_name="b"),)), "c").projects


def test_a_server_of_another_project_closes_this_one_where_all_share_an_origin():
    elsewhere = (launch(server_name="b", project="cardio"),)
    assert choices(form_of(FACTS, active_launches=elsewhere)).projects
    offered = choices(form_of(FACTS, active_launches=elsewhere, one_project_at_a_time=True))
    assert offered.projects == ()
    (closed,) = offered.closed_projects
    assert (closed.slug, [reason.code for reason in closed.reasons]) == ("onco", [Code.OTHER_PROJECT_RUNNING])
    same = (launch(server_name="b"),)
    assert choices(form_of(FACTS, active_launches=same, one_project_at_a_time=True)).projects


def test_projects_environments_and_datasets_come_sorted():
    other = replace(IMAGE, slug="julia", revision=1, state=ImageState.DEPRECATED, successor="python")
    revision = replace(REVISION, entry="julia", number=1)
    form = form_of(FACTS, images=((IMAGE, REVISION), (other, revision)))
    (project,) = choices(form).projects
    assert [environment.slug for environment in project.environments] == ["julia", "python"]
    assert (project.environments[0].deprecated, project.environments[0].successor) == (True, "python")
    assert [known.slug for known in project.datasets] == ["labs", "mri"]
    assert project.slug == PROJECT.slug


def test_the_decision_has_the_last_word():
    assert isinstance(decide(replace(REQUEST, environment="julia"), FACTS), Refusal)
