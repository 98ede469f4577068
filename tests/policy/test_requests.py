"""Who may ask for what, each reason alone; who may act on a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub_ext.model import ProjectState
from hub_ext.model.requests import AccessRequest, RequestProblem, RequestState
from hub_ext.model.requests import RequestProblemCode as Code
from hub_ext.policy.requests import (
    MOST_CHARACTERS,
    AskFacts,
    answer_problems,
    ask_problems,
    decision_problems,
    own_problems,
    question_problems,
    text_problems,
)

from .worlds import APPROVAL, MEMBERSHIP, NOW, PROJECT, dataset, grant, on

FACTS = AskFacts(NOW, "per-1", PROJECT, (MEMBERSHIP,), (APPROVAL,), dataset("mri"), (grant("labs"),))
REQUEST = AccessRequest("req-1", "mri", "onco", "per-1", "why", on(-1))


def problems(until: Any = None, **changed: Any) -> list[tuple[Code, str]]:
    found = ask_problems(replace(FACTS, **changed), "mri", "onco", wanted_until=until)
    return [(problem.code, problem.field) for problem in found]


def test_a_member_of_an_approved_project_may_ask():
    assert problems() == problems(on(80)) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"project": None}, (Code.PROJECT_CLOSED, "project")),
        ({"project": replace(PROJECT, state=ProjectState.FROZEN)}, (Code.PROJECT_CLOSED, "project")),
        ({"project": replace(PROJECT, valid_until=NOW)}, (Code.PROJECT_CLOSED, "project")),
        ({"memberships": ()}, (Code.MEMBERSHIP_NONE, "project")),
        ({"memberships": (replace(MEMBERSHIP, person_id="per-2"),)}, (Code.MEMBERSHIP_NONE, "project")),
        ({"memberships": (replace(MEMBERSHIP, project="cardio"),)}, (Code.MEMBERSHIP_NONE, "project")),
        ({"memberships": (replace(MEMBERSHIP, ended=NOW),)}, (Code.MEMBERSHIP_NONE, "project")),
        ({"memberships": (replace(MEMBERSHIP, valid_until=NOW),)}, (Code.MEMBERSHIP_NONE, "project")),
        ({"memberships": (), "project": None, "approvals": ()}, (Code.MEMBERSHIP_NONE, "project")),
        ({"approvals": ()}, (Code.APPROVAL_NONE, "project")),
        ({"approvals": (replace(APPROVAL, ended=on(-1)),)}, (Code.APPROVAL_NONE, "project")),
        ({"approvals": (replace(APPROVAL, valid_until=NOW),)}, (Code.APPROVAL_NONE, "project")),
        ({"approvals": (replace(APPROVAL, project="cardio"),)}, (Code.APPROVAL_NONE, "project")),
        ({"dataset": None}, (Code.DATASET_CLOSED, "dataset")),
        ({"dataset": dataset("mri", ended=on(-1))}, (Code.DATASET_CLOSED, "dataset")),
        ({"key_apart": True}, (Code.KEY_APART, "dataset")),
        ({"grants": (grant("mri"),)}, (Code.GRANTED_ALREADY, "dataset")),
        ({"grants": (grant("mri", members=("per-1",)),)}, (Code.GRANTED_ALREADY, "dataset")),
        ({"waiting": (REQUEST,)}, (Code.ASKED_ALREADY, "dataset")),
        ({"waiting": (replace(REQUEST, state=RequestState.ASKED_BACK),)}, (Code.ASKED_ALREADY, "dataset")),
        ({"until": NOW}, (Code.UNTIL_PAST, "until")),
        ({"until": on(81)}, (Code.UNTIL_BEYOND, "until")),
    ],
)
def test_one_thing_wrong_is_one_reason(changed: dict[str, Any], code: tuple[Code, str]):
    assert problems(**changed) == [code]


@pytest.mark.parametrize(
    "changed",
    [
        {"grants": (grant("mri", members=("per-2",)),)},
        {"grants": (grant("mri", version_id="ver-mri-1"),)},
        {"grants": (grant("mri", revoked=on(-1)),)},
        {"grants": (grant("mri", valid_until=NOW),)},
        {"waiting": (replace(REQUEST, state=RequestState.REFUSED), replace(REQUEST, dataset="labs"))},
        {"approvals": (replace(APPROVAL, valid_from=on(3)),)},
    ],
)
def test_what_is_no_reason(changed: dict[str, Any]):
    assert problems(**changed) == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Tumours.\r\n\tAnd their size : « small ».", []),
        ("x" * MOST_CHARACTERS, []),
        ("<script>alert(1)</script>", []),
        (" \n\t", [Code.TEXT_EMPTY]),
        ("x" * 2**20, [Code.TEXT_LONG]),
        ("a\0b", [Code.TEXT_UNSEEN]),
        ("safe \u202egnp.exe", [Code.TEXT_UNSEEN]),
        ("half \ud800", [Code.TEXT_UNSEEN]),
    ],
)
def test_texts(text: str, codes: list[Code]):
    found = text_problems(text, "purpose")
    assert [problem.code for problem in found] == codes
    assert len(str(found)) < 500


def codes(found: tuple[RequestProblem, ...]) -> list[Code]:
    return [problem.code for problem in found]


def test_nobody_decides_on_a_request_of_their_own():
    for decider in (("per-1",), ("root", "per-1"), ("per-1", "per-9")):
        assert codes(decision_problems(REQUEST, decider)) == [Code.OWN_REQUEST]
        assert codes(question_problems(REQUEST, decider)) == [Code.OWN_REQUEST]
    assert decision_problems(REQUEST, ("per-2", "")) == question_problems(REQUEST, ("per-2", "")) == ()


def test_who_was_asked_answers():
    asked = replace(REQUEST, state=RequestState.ASKED_BACK)
    assert answer_problems(asked, "per-1") == decision_problems(asked, ("per-2",)) == ()
    assert codes(question_problems(asked, ("per-2",))) == [Code.WAITS_FOR_ANSWER]
    assert codes(answer_problems(REQUEST, "per-1")) == [Code.NO_QUESTION]
    assert codes(answer_problems(asked, "per-2")) == codes(own_problems(asked, "per-2")) == [Code.NOT_THEIRS]
    assert own_problems(asked, "per-1") == own_problems(REQUEST, "per-1") == ()


@pytest.mark.parametrize("state", [state for state in RequestState if not state.waiting])
def test_what_is_closed_stays_closed(state: RequestState):
    closed = replace(REQUEST, state=state, decided=on(-1))
    for found in (
        decision_problems(closed, ("per-2",)),
        question_problems(closed, ("per-2",)),
        answer_problems(closed, "per-1"),
        own_problems(closed, "per-1"),
    ):
        assert [(problem.code, problem.subject) for problem in found] == [(Code.DECIDED, state.value)]
