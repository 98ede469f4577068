"""Requests for access: asked, asked back about, decided, withdrawn."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from hub_ext.expression.requests import problem_words
from hub_ext.flows import requests as flows
from hub_ext.flows.requests import Told
from hub_ext.model.duties import Deed
from hub_ext.model.requests import RequestRefusal, RequestState
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation, Problem

Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
Words = Annotated[str, Field(max_length=10_000)]


class Question(ApiModel):
    """What was asked back, and the answer; "" while it is waited for."""

    number: int
    text: str
    asked: AwareDatetime
    answer: str
    answered: AwareDatetime | None


class Request(ApiModel):
    """A request for access."""

    id: str
    dataset: str
    project: str
    person_id: str
    purpose: str
    created: AwareDatetime
    state: RequestState
    wanted_until: AwareDatetime | None
    decided: AwareDatetime | None
    reason: str
    grant_id: str | None
    questions: tuple[Question, ...]


class NewRequest(ApiModel):
    """What is asked for. `wanted_until` is exclusive."""

    dataset: Slug
    project: Slug
    purpose: Words
    wanted_until: AwareDatetime | None = None


class Saying(ApiModel):
    """A question, an answer, or a reason."""

    text: Words


class Approval(ApiModel):
    """Until when, exclusive; under which of the project's approvals; for whoever asked alone."""

    valid_until: AwareDatetime
    approval: Annotated[str, Field(max_length=255)] = ""
    only_them: bool = False


class RequestQuery(ApiModel):
    """`mine`: one's own; else those of others that one may see. `waiting`: not closed yet."""

    mine: bool = True
    waiting: bool = False


def listing(call: Call) -> Listed[Request]:
    """Requests, the oldest first."""
    person = call.visitor.person.id
    states = flows.WAITING if call.query.waiting else None
    found = flows.listing(call.site, person_id=person if call.query.mine else None, states=states)
    items = tuple(_shown(told) for told in found if call.query.mine or _may_see(call, told))
    return Listed[Request](items=items)


def one(call: Call) -> Request:
    """One request."""
    return _shown(_found(call))


def ask(call: Call) -> Answer:
    """Asks for a dataset in a project of one's own."""
    made = flows.ask_access(
        *(call.site, call.actor, call.body.dataset, call.body.project, call.body.purpose),
        wanted_until=call.body.wanted_until,
    )
    if isinstance(made, RequestRefusal):
        raise _no(call, made)
    return Answer(_shown(Told(made)), location=f"requests/{made.id}")


def answer(call: Call) -> Request:
    """Answers what was asked back."""
    return _told(call, flows.answer(call.site, call.actor, _found(call).request.id, call.body.text))


def withdraw(call: Call) -> Request:
    """Takes one's own request back."""
    return _after(call, flows.withdraw(call.site, call.actor, _found(call).request.id))


def ask_back(call: Call) -> Request:
    """Asks whoever asked."""
    return _told(call, flows.ask_back(call.site, call.actor, _deciding(call), call.body.text))


def refuse(call: Call) -> Request:
    """Grants nothing."""
    return _after(call, flows.refuse(call.site, call.actor, _deciding(call), call.body.text))


def approve(call: Call) -> Request:
    """Grants what was asked for."""
    made = flows.approve(
        *(call.site, call.actor, _deciding(call)),
        valid_until=call.body.valid_until,
        approval=call.body.approval,
        only_them=call.body.only_them,
    )
    return _after(call, made)


def _found(call: Call) -> Told:
    told = flows.told(call.site, call.path["id"])
    if not _may_see(call, told):
        call.require(Deed.READ_DATA, dataset=told.request.dataset)
    return told


def _may_see(call: Call, told: Told) -> bool:
    request = told.request
    return (
        request.person_id == call.visitor.person.id
        or call.visitor.may(Deed.DECIDE_REQUEST, dataset=request.dataset) is None
        or call.visitor.may(Deed.READ_DATA, dataset=request.dataset) is None
    )


def _deciding(call: Call) -> str:
    request = _found(call).request
    call.require(Deed.DECIDE_REQUEST, dataset=request.dataset, requested_by=request.person_id)
    return request.id


def _told(call: Call, made: Told | RequestRefusal) -> Request:
    if isinstance(made, RequestRefusal):
        raise _no(call, made)
    return _shown(made)


def _after(call: Call, made: object) -> Request:
    if isinstance(made, RequestRefusal):
        raise _no(call, made)
    return _shown(flows.told(call.site, call.path["id"]))


def _no(call: Call, refusal: RequestRefusal) -> Problem:
    zone = ZoneInfo(call.site.settings.time_zone)
    held = [(one, problem_words(one, call.language, zone)) for one in refusal.problems]
    reasons = tuple({"field": one.field, "reason": words.fact, "advice": words.advice} for one, words in held)
    return Problem(409, "This request cannot be", reasons=reasons)


def _shown(told: Told) -> Request:
    request = told.request
    return Request(
        **{name: getattr(request, name) for name in Request.model_fields if name != "questions"},
        questions=tuple(
            Question(**{name: getattr(one, name) for name in Question.model_fields}) for one in told.questions
        ),
    )


OPERATIONS = (
    Operation("GET", "/requests", "Requests", listing, query=RequestQuery, answer=Listed[Request]),
    Operation("POST", "/requests", "Ask for access", ask, body=NewRequest, answer=Request, status=201),
    Operation("GET", "/requests/{id}", "One request", one, answer=Request),
    Operation("POST", "/requests/{id}/answer", "Answer a question", answer, body=Saying, answer=Request),
    Operation("POST", "/requests/{id}/withdraw", "Take one's own request back", withdraw, answer=Request),
    Operation("POST", "/requests/{id}/ask", "Ask back", ask_back, body=Saying, answer=Request),
    Operation("POST", "/requests/{id}/refuse", "Refuse", refuse, body=Saying, answer=Request),
    Operation("POST", "/requests/{id}/approve", "Grant", approve, body=Approval, answer=Request),
)
