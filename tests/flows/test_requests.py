"""Requests for access: asked, asked back, answered, approved, refused, withdrawn; each on record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub_ext.adapters.store import audit, grants, request_questions, requests
from hub_ext.errors import Conflict, InputError, NotFound
from hub_ext.flows import data, projects
from hub_ext.flows import grants as grant_flows
from hub_ext.flows import requests as flows
from hub_ext.flows.grants import Granted
from hub_ext.flows.requests import Told
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    ActorKind,
    AuditEvent,
    DatasetClass,
    Localised,
    Person,
    SiteRole,
    Verb,
)
from hub_ext.model.requests import AccessRequest, RequestRefusal, RequestState
from hub_ext.model.requests import RequestProblemCode as Code
from tests.flows.conftest import Clock

Record = Callable[[], list[AuditEvent]]
TEXT = Localised("text", "texte")
PURPOSE = "Size of tumours.\nDr Who's idea."


def approved_project(site: Site, actor: Actor, slug: str, clock: Clock) -> None:
    projects.add_project(site, actor, slug, TEXT)
    projects.add_approval(
        *(site, actor, slug),
        reference=f"CPP-{slug}",
        controller="CHU",
        purpose="Outcomes",
        legal_basis="GDPR 9(2)(j)",
        valid_until=clock.later(days=365),
    )


@pytest.fixture
def ada(site: Site, actor: Actor, add_person: Callable[..., Person], clock: Clock) -> Actor:
    """A member of onco, for which mri and ct can be asked."""
    approved_project(site, actor, "onco", clock)
    for slug in ("mri", "ct"):
        data.register_dataset(site, actor, slug, TEXT, TEXT, DatasetClass.CODED)
    person = add_person("ada")
    projects.add_member(site, actor, "onco", person.id, valid_until=clock.later(days=200))
    return Actor(ActorKind.PERSON, person.id)


@pytest.fixture
def lise(add_person: Callable[..., Person]) -> Actor:
    """A steward."""
    return Actor(ActorKind.PERSON, add_person("lise", roles=(SiteRole.STEWARD,)).id)


@pytest.fixture
def asked(site: Site, ada: Actor) -> AccessRequest:
    """Ada's request for mri in onco."""
    request = flows.ask_access(site, ada, "mri", "onco", PURPOSE)
    assert isinstance(request, AccessRequest)
    return request


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def codes(answer: object) -> list[Code]:
    assert isinstance(answer, RequestRefusal), answer
    return [problem.code for problem in answer.problems]


def test_a_request_is_recorded_without_its_words(
    site: Site, ada: Actor, clock: Clock, record: Record
) -> None:
    until = clock.later(days=90)
    request = flows.ask_access(site, ada, "mri", "onco", PURPOSE + "  \r\n\n", wanted_until=until)
    assert isinstance(request, AccessRequest)
    assert (request.state, request.purpose, request.wanted_until) == (RequestState.OPEN, PURPOSE, until)
    assert flows.told(site, request.id) == Told(request)
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.REQUEST_ADDED, request.id, ada)
    assert event.facts == {
        "dataset": "mri",
        "project": "onco",
        "person": ada.id,
        "wanted_until": "2026-08-02T08:00:00.000000Z",
        "sha256_purpose": digest(PURPOSE),
    }
    assert "Who" not in str([event.facts for event in record()])


def test_a_refused_request_gives_every_reason_and_leaves_nothing(
    site: Site, ada: Actor, clock: Clock, record: Record
) -> None:
    before = len(record())
    refusal = flows.ask_access(site, ada, "pet", "onco", "\0", wanted_until=clock.later(days=-1))
    assert codes(refusal) == [Code.DATASET_CLOSED, Code.UNTIL_PAST, Code.TEXT_UNSEEN]
    assert codes(flows.ask_access(site, ada, "mri", "cardio", PURPOSE)) == [Code.MEMBERSHIP_NONE]
    with site.store.reading() as tx:
        assert requests.listing(tx) == ()
    assert len(record()) == before


def test_nobody_asks_for_somebody_else(site: Site, ada: Actor, actor: Actor) -> None:
    for other in (actor, Actor(ActorKind.PERSON, "per-x", on_behalf=ada.id), Actor(ActorKind.SERVICE, "x")):
        with pytest.raises(InputError, match="themselves"):
            flows.ask_access(site, other, "mri", "onco", PURPOSE)


def test_one_waits_for_a_dataset_in_a_project(site: Site, ada: Actor, asked: AccessRequest) -> None:
    assert codes(flows.ask_access(site, ada, "mri", "onco", PURPOSE)) == [Code.ASKED_ALREADY]
    with pytest.raises(Conflict), site.store.transaction() as tx:
        requests.add(tx, AccessRequest("req-2", "mri", "onco", ada.id, "x", site.now()))
    assert isinstance(flows.withdraw(site, ada, asked.id), AccessRequest)
    assert isinstance(flows.ask_access(site, ada, "mri", "onco", PURPOSE), AccessRequest)


def test_two_clicks_at_once_make_one_request(site: Site, ada: Actor) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: flows.ask_access(site, ada, "mri", "onco", PURPOSE), range(4)))
    assert sum(isinstance(one, AccessRequest) for one in made) == 1


def test_an_approval_is_a_grant_in_the_same_breath(
    site: Site, lise: Actor, asked: AccessRequest, clock: Clock, record: Record
) -> None:
    clock.forward(days=1)
    until = clock.later(days=30)
    given = flows.approve(site, lise, asked.id, valid_until=until)
    assert isinstance(given, Granted)
    assert (given.grant.dataset, given.grant.project, given.grant.members) == ("mri", "onco", ())
    assert (given.grant.valid_until, given.grant.granted_by) == (until, lise.id)
    request = flows.told(site, asked.id).request
    assert (request.state, request.decided, request.decided_by, request.grant_id) == (
        *(RequestState.APPROVED, clock.moment, lise.id),
        given.grant.id,
    )
    granted, decided = record()[-2:]
    assert (granted.verb, granted.subject) == (Verb.GRANT_ADDED, given.grant.id)
    assert (decided.verb, decided.subject, decided.actor) == (Verb.REQUEST_APPROVED, asked.id, lise)
    assert decided.facts["grant"] == given.grant.id


def test_it_may_be_given_to_them_alone(site: Site, lise: Actor, ada: Actor, asked: AccessRequest) -> None:
    given = flows.approve(site, lise, asked.id, valid_until=site.now().replace(month=12), only_them=True)
    assert isinstance(given, Granted)
    assert given.grant.members == (ada.id,)


def test_an_approval_is_bounded_by_the_committees(
    site: Site, lise: Actor, actor: Actor, asked: AccessRequest, clock: Clock, record: Record
) -> None:
    before = len(record())
    with pytest.raises(InputError, match="No approval covers"):
        flows.approve(site, lise, asked.id, valid_until=clock.later(days=366))
    assert len(record()) == before
    with site.store.reading() as tx:
        assert grants.listing(tx) == ()
    assert flows.told(site, asked.id).request.state is RequestState.OPEN


def test_whoever_left_the_project_gets_nothing(
    site: Site, lise: Actor, asked: AccessRequest, clock: Clock
) -> None:
    clock.forward(days=201)
    answer = flows.approve(site, lise, asked.id, valid_until=clock.later(days=9))
    assert codes(answer) == [Code.MEMBER_GONE]
    with site.store.reading() as tx:
        assert grants.listing(tx) == ()


def test_a_refusal_says_why_to_whoever_asked(
    site: Site, lise: Actor, asked: AccessRequest, record: Record
) -> None:
    assert codes(flows.refuse(site, lise, asked.id, " ")) == [Code.TEXT_EMPTY]
    request = flows.refuse(site, lise, asked.id, "Coded data suffice.")
    assert isinstance(request, AccessRequest)
    assert (request.state, request.reason) == (RequestState.REFUSED, "Coded data suffice.")
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.REQUEST_REFUSED, asked.id)
    assert event.facts["sha256_reason"] == digest("Coded data suffice.")


def test_a_question_and_its_answer(
    site: Site, lise: Actor, ada: Actor, asked: AccessRequest, clock: Clock, record: Record
) -> None:
    told = flows.ask_back(site, lise, asked.id, "All of it?")
    assert isinstance(told, Told)
    assert told.request.state is RequestState.ASKED_BACK
    assert codes(flows.ask_back(site, lise, asked.id, "Really?")) == [Code.WAITS_FOR_ANSWER]
    assert codes(flows.answer(site, lise, asked.id, "Yes.")) == [Code.NOT_THEIRS]
    assert codes(flows.answer(site, ada, asked.id, "x" * 2001)) == [Code.TEXT_LONG]
    clock.forward(hours=1)
    told = flows.answer(site, ada, asked.id, "The head.")
    assert told == flows.told(site, asked.id)
    assert isinstance(told, Told)
    (question,) = told.questions
    assert (question.text, question.asked_by, question.answer) == ("All of it?", lise.id, "The head.")
    assert (question.answered, told.request.state) == (clock.moment, RequestState.OPEN)
    assert codes(flows.answer(site, ada, asked.id, "And more.")) == [Code.NO_QUESTION]
    back, answered = record()[-2:]
    assert (back.verb, back.actor, back.facts["sha256_question"]) == (
        *(Verb.REQUEST_ASKED_BACK, lise),
        digest("All of it?"),
    )
    assert (answered.verb, answered.actor, answered.facts["sha256_answer"]) == (
        *(Verb.REQUEST_ANSWERED, ada),
        digest("The head."),
    )
    again = flows.ask_back(site, lise, asked.id, "Which dates?")
    assert isinstance(again, Told)
    assert [one.number for one in again.questions] == [1, 2]


def test_a_withdrawal_is_theirs_and_final(
    site: Site, lise: Actor, ada: Actor, asked: AccessRequest, clock: Clock, record: Record
) -> None:
    assert codes(flows.withdraw(site, lise, asked.id)) == [Code.NOT_THEIRS]
    request = flows.withdraw(site, ada, asked.id)
    assert isinstance(request, AccessRequest)
    assert (request.state, request.decided, request.decided_by) == (
        *(RequestState.WITHDRAWN, clock.moment),
        ada.id,
    )
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.REQUEST_WITHDRAWN, asked.id)
    later = clock.later(days=9)
    for answer in (
        flows.withdraw(site, ada, asked.id),
        flows.refuse(site, lise, asked.id, "late"),
        flows.approve(site, lise, asked.id, valid_until=later),
        flows.ask_back(site, lise, asked.id, "late?"),
    ):
        assert codes(answer) == [Code.DECIDED]


def test_nobody_decides_on_their_own(
    site: Site, ada: Actor, asked: AccessRequest, clock: Clock, record: Record
) -> None:
    before = len(record())
    operator = Actor(ActorKind.HOST_USER, "root", on_behalf=ada.id)
    for actor in (ada, operator):
        until: dict[str, Any] = {"valid_until": clock.later(days=9)}
        assert codes(flows.approve(site, actor, asked.id, **until)) == [Code.OWN_REQUEST]
        assert codes(flows.refuse(site, actor, asked.id, "no")) == [Code.OWN_REQUEST]
        assert codes(flows.ask_back(site, actor, asked.id, "why?")) == [Code.OWN_REQUEST]
    assert len(record()) == before


def test_what_may_be_asked_for(
    site: Site, ada: Actor, actor: Actor, asked: AccessRequest, clock: Clock
) -> None:
    approved_project(site, actor, "cardio", clock)

    def offered() -> dict[str, list[str]]:
        return {
            one.project.slug: [dataset.slug for dataset in one.datasets] for one in flows.to_ask(site, ada.id)
        }

    assert offered() == {"onco": ["ct"]}
    grant_flows.add_grant(site, actor, "ct", "onco", valid_until=clock.later(days=9))
    assert offered() == {}
    projects.add_member(site, actor, "cardio", ada.id)
    data.register_dataset(site, actor, "codes", TEXT, TEXT, DatasetClass.KEY, decodes=("ct",))
    assert offered() == {"cardio": ["codes", "ct", "mri"]}  # onco holds what the key decodes
    assert codes(flows.ask_access(site, ada, "codes", "onco", PURPOSE)) == [Code.KEY_APART]
    data.end_dataset(site, actor, "mri", "closed")
    assert offered() == {"cardio": ["codes", "ct"]}
    assert flows.to_ask(site, "per-nobody") == ()


def test_lists_are_the_stewards_and_ones_own(
    site: Site, ada: Actor, lise: Actor, asked: AccessRequest, clock: Clock
) -> None:
    clock.forward(minutes=1)
    other = flows.ask_access(site, ada, "ct", "onco", PURPOSE)
    assert isinstance(other, AccessRequest)
    flows.ask_back(site, lise, asked.id, "All of it?")
    flows.refuse(site, lise, other.id, "no")
    (waiting,) = flows.listing(site, states=flows.WAITING)
    assert (waiting.request.id, waiting.questions[0].text) == (asked.id, "All of it?")
    assert [told.request.id for told in flows.listing(site, person_id=ada.id)] == [asked.id, other.id]
    assert flows.listing(site, person_id=lise.id) == flows.listing(site, project="x") == ()
    assert [told.request.id for told in flows.listing(site, dataset="ct")] == [other.id]
    with pytest.raises(NotFound):
        flows.told(site, "req-none")
    with site.store.reading() as tx:
        assert len(request_questions.listing(tx)) == 1
        assert audit.verify(tx).ok
