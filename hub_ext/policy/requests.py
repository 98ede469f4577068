"""Who may ask for a dataset, and what may be done with a request. An approval comes first and bounds it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from hub_ext.model import Approval, Dataset, Grant, Membership, Project
from hub_ext.model.requests import AccessRequest, RequestState
from hub_ext.model.requests import RequestProblem as Problem
from hub_ext.model.requests import RequestProblemCode as Code
from hub_ext.model.text import visible
from hub_ext.policy.rights import covers, project_reasons

MOST_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class AskFacts:
    """What is known when somebody asks for a dataset in a project.

    `memberships` are theirs, `approvals` and `grants` the project's, `waiting` their own requests in it.
    `key_apart`: a key would meet what it decodes.
    """

    now: datetime
    person_id: str
    project: Project | None
    memberships: Collection[Membership]
    approvals: Collection[Approval]
    dataset: Dataset | None
    grants: Collection[Grant]
    waiting: Collection[AccessRequest] = ()
    key_apart: bool = False


def ask_problems(
    facts: AskFacts, dataset: str, project: str, *, wanted_until: datetime | None = None
) -> tuple[Problem, ...]:
    """Why this may not be asked for; nothing where it may."""
    if not member(facts, project):
        # Whoever is no member is told nothing about the project.
        return (Problem(Code.MEMBERSHIP_NONE, "project", project),)
    found = []
    if project_reasons(project, facts.project, facts.now):
        found.append(Problem(Code.PROJECT_CLOSED, "project", project))
    standing = [
        approval
        for approval in facts.approvals
        if approval.project == project and not approval.ended and approval.valid_until > facts.now
    ]
    if not standing:
        found.append(Problem(Code.APPROVAL_NONE, "project", project))
    if facts.dataset is None or facts.dataset.ended:
        found.append(Problem(Code.DATASET_CLOSED, "dataset", dataset))
    elif facts.key_apart:
        found.append(Problem(Code.KEY_APART, "dataset", dataset))
    if any(grant.dataset == dataset and _gives(grant, facts) for grant in facts.grants):
        found.append(Problem(Code.GRANTED_ALREADY, "dataset", dataset))
    if any(request.dataset == dataset and request.state.waiting for request in facts.waiting):
        found.append(Problem(Code.ASKED_ALREADY, "dataset", dataset))
    if wanted_until is not None and wanted_until <= facts.now:
        found.append(Problem(Code.UNTIL_PAST, "until"))
    elif wanted_until is not None and standing:
        last = max(approval.valid_until for approval in standing)
        if wanted_until > last:
            found.append(Problem(Code.UNTIL_BEYOND, "until", project, (("until", last),)))
    return tuple(found)


def member(facts: AskFacts, project: str) -> bool:
    """Whether the person has a place in the project now. Of its sign-in group the start asks, not this."""
    return any(
        (place.person_id, place.project) == (facts.person_id, project)
        and not place.ended
        and covers(place.valid_from, place.valid_until, facts.now)
        for place in facts.memberships
    )


def text_problems(text: str, field: str) -> tuple[Problem, ...]:
    """Why a text cannot be kept as it is: empty, too long, or with what nobody can see."""
    if not text.strip():
        return (Problem(Code.TEXT_EMPTY, field),)
    if len(text) > MOST_CHARACTERS:
        shown = (("characters", len(text)), ("most", MOST_CHARACTERS))
        return (Problem(Code.TEXT_LONG, field, "", shown),)
    if not all(visible(line) for line in text.replace("\t", " ").splitlines()):
        return (Problem(Code.TEXT_UNSEEN, field),)
    return ()


def decision_problems(request: AccessRequest, decider: Collection[str]) -> tuple[Problem, ...]:
    """Why the request cannot be decided on by these persons: who acts, and for whom."""
    if request.person_id in decider:
        return (Problem(Code.OWN_REQUEST),)
    return _waiting(request)


def question_problems(request: AccessRequest, decider: Collection[str]) -> tuple[Problem, ...]:
    """Why nothing can be asked back by these persons."""
    if found := decision_problems(request, decider):
        return found
    return (Problem(Code.WAITS_FOR_ANSWER),) if request.state is RequestState.ASKED_BACK else ()


def answer_problems(request: AccessRequest, person_id: str) -> tuple[Problem, ...]:
    """Why this person cannot answer."""
    if found := own_problems(request, person_id):
        return found
    return () if request.state is RequestState.ASKED_BACK else (Problem(Code.NO_QUESTION),)


def own_problems(request: AccessRequest, person_id: str) -> tuple[Problem, ...]:
    """Why this person cannot withdraw the request."""
    return (Problem(Code.NOT_THEIRS),) if request.person_id != person_id else _waiting(request)


def _waiting(request: AccessRequest) -> tuple[Problem, ...]:
    if request.state.waiting:
        return ()
    on = (("on", request.decided),) if request.decided else ()
    return (Problem(Code.DECIDED, "", request.state.value, on),)


def _gives(grant: Grant, facts: AskFacts) -> bool:
    """Whether the grant gives this person all that they could ask for."""
    holds = grant.revoked is None and covers(grant.valid_from, grant.valid_until, facts.now)
    return holds and grant.version_id is None and (not grant.members or facts.person_id in grant.members)
