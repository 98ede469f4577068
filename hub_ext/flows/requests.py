"""Requests for access: asked by a researcher, asked back about, decided by a steward, withdrawn.

Texts stay in the store; the record holds their digests, for people write about people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hub_ext.adapters.store import (
    Tx,
    approvals,
    datasets,
    grants,
    memberships,
    projects,
    request_questions,
    requests,
)
from hub_ext.errors import InputError
from hub_ext.flows import checks, outbox
from hub_ext.flows.data import key_apart
from hub_ext.flows.grants import Granted, add_grant_in
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, ActorKind, Dataset, Project, Verb
from hub_ext.model.letters import LetterKind
from hub_ext.model.requests import (
    AccessRequest,
    RequestProblem,
    RequestProblemCode,
    RequestQuestion,
    RequestRefusal,
    RequestState,
)
from hub_ext.policy import requests as rules

WAITING = tuple(state for state in RequestState if state.waiting)


@dataclass(frozen=True, slots=True)
class Told:
    """A request with all that was asked back."""

    request: AccessRequest
    questions: tuple[RequestQuestion, ...] = ()


@dataclass(frozen=True, slots=True)
class ToAsk:
    """A project of a person, and the datasets that they may ask for in it."""

    project: Project
    datasets: tuple[Dataset, ...]


# --- looking ---


def told(site: Site, request_id: str) -> Told:
    """The request of that id. Raises NotFound."""
    with site.store.reading() as tx:
        return Told(requests.get(tx, request_id), request_questions.listing(tx, request_id=request_id))


def listing(
    site: Site,
    *,
    person_id: str | None = None,
    project: str | None = None,
    dataset: str | None = None,
    states: Collection[RequestState] | None = None,
) -> tuple[Told, ...]:
    """Requests, the oldest first. `states` WAITING are those in which somebody has yet to act."""
    with site.store.reading() as tx:
        found = requests.listing(tx, person_id=person_id, project=project, dataset=dataset, states=states)
        return tuple(Told(request, request_questions.listing(tx, request_id=request.id)) for request in found)


def to_ask(site: Site, person_id: str) -> tuple[ToAsk, ...]:
    """What this person may ask for now, by project; projects in which there is nothing are left out."""
    with site.store.reading() as tx:
        known = datasets.listing(tx)
        keyed = {slug for key in known for slug in (key.slug, *key.decodes) if key.decodes}
        slugs = {place.project for place in memberships.listing(tx, person_id=person_id)}
        found = []
        for project in projects.listing(tx, slugs=slugs):
            base = _facts(tx, site, person_id, project.slug)
            open_ones = tuple(
                dataset
                for dataset in known
                if not rules.ask_problems(
                    _about(tx, site, base, dataset, keyed=dataset.slug in keyed), dataset.slug, project.slug
                )
            )
            if open_ones:
                found.append(ToAsk(project, open_ones))
        return tuple(found)


def _facts(tx: Tx, site: Site, person_id: str, project: str) -> rules.AskFacts:
    """What is known of the person and the project, whatever dataset they ask for."""
    return rules.AskFacts(
        now=site.now(),
        person_id=person_id,
        project=projects.find(tx, project),
        memberships=memberships.listing(tx, person_id=person_id, project=project),
        approvals=approvals.listing(tx, project=project),
        dataset=None,
        grants=grants.listing(tx, project=project),
        waiting=requests.listing(tx, person_id=person_id, project=project, states=WAITING),
    )


def _about(
    tx: Tx, site: Site, base: rules.AskFacts, dataset: Dataset | None, *, keyed: bool = True
) -> rules.AskFacts:
    """The same with what is known of one dataset. `keyed` False: it is no key, and has none."""
    apart = False
    if keyed and dataset is not None and base.project is not None:
        apart = _meets_its_key(site, tx, dataset, base.project.slug)
    return replace(base, dataset=dataset, key_apart=apart)


def _meets_its_key(site: Site, tx: Tx, given: Dataset, project: str) -> bool:
    try:
        key_apart(site, tx, given, project)
    except InputError:
        return True
    return False


# --- the person who asks ---


def ask_access(
    site: Site,
    actor: Actor,
    dataset: str,
    project: str,
    purpose: str,
    *,
    wanted_until: datetime | None = None,
) -> AccessRequest | RequestRefusal:
    """The actor asks that the dataset be given to a project of theirs. Nobody asks for somebody else.

    Raises InputError where the actor is no person.
    """
    person_id = _themselves(actor)
    with site.store.transaction() as tx:
        base = _facts(tx, site, person_id, project)
        facts = _about(tx, site, base, datasets.find(tx, dataset))
        problems = rules.ask_problems(facts, dataset, project, wanted_until=wanted_until)
        problems += rules.text_problems(purpose, "purpose")
        if problems:
            return RequestRefusal(problems)
        request = AccessRequest(
            id=new_id("req"),
            dataset=dataset,
            project=project,
            person_id=person_id,
            purpose=_kept(purpose),
            created=site.now(),
            wanted_until=wanted_until,
        )
        requests.add(tx, request)
        more = {"wanted_until": wanted_until, "sha256_purpose": _digest(request.purpose)}
        _record(site, tx, actor, Verb.REQUEST_ADDED, request, more)
        _tell_stewards(tx, site, request)
    return request


def answer(site: Site, actor: Actor, request_id: str, text: str) -> Told | RequestRefusal:
    """The person who asked answers what they were asked back; the request waits for a steward again."""
    person_id = _themselves(actor)
    with site.store.transaction() as tx:
        request = requests.get(tx, request_id)
        problems = rules.answer_problems(request, person_id) or rules.text_problems(text, "answer")
        if problems:
            return RequestRefusal(problems)
        *before, last = request_questions.listing(tx, request_id=request_id)
        last = replace(last, answer=_kept(text), answered=site.now())
        request_questions.replace(tx, last)
        request = replace(request, state=RequestState.OPEN)
        requests.replace(tx, request)
        more = {"question": last.number, "sha256_answer": _digest(last.answer)}
        _record(site, tx, actor, Verb.REQUEST_ANSWERED, request, more)
        _tell_stewards(tx, site, request)
        return Told(request, (*before, last))


def withdraw(site: Site, actor: Actor, request_id: str) -> AccessRequest | RequestRefusal:
    """The person who asked takes the request back, before it is decided."""
    person_id = _themselves(actor)
    with site.store.transaction() as tx:
        request = requests.get(tx, request_id)
        if problems := rules.own_problems(request, person_id):
            return RequestRefusal(problems)
        request = _close(site, tx, actor, request, RequestState.WITHDRAWN)
        _record(site, tx, actor, Verb.REQUEST_WITHDRAWN, request, {})
    return request


# --- the steward ---


def ask_back(site: Site, actor: Actor, request_id: str, text: str) -> Told | RequestRefusal:
    """A question to the person who asked; the request waits for their answer."""
    with site.store.transaction() as tx:
        request = requests.get(tx, request_id)
        problems = rules.question_problems(request, _deciders(actor)) or rules.text_problems(text, "question")
        if problems:
            return RequestRefusal(problems)
        before = request_questions.listing(tx, request_id=request_id)
        question = RequestQuestion(
            request_id, len(before) + 1, _kept(text), site.now(), checks.approver(actor)
        )
        request_questions.add(tx, question)
        request = replace(request, state=RequestState.ASKED_BACK)
        requests.replace(tx, request)
        more = {"question": question.number, "sha256_question": _digest(question.text)}
        _record(site, tx, actor, Verb.REQUEST_ASKED_BACK, request, more)
        _tell_them(tx, site, request, LetterKind.REQUEST_ASKED_BACK)
        return Told(request, (*before, question))


def approve(
    site: Site,
    actor: Actor,
    request_id: str,
    *,
    valid_until: datetime,
    approval: str = "",
    only_them: bool = False,
) -> Granted | RequestRefusal:
    """The dataset is granted to the project, or in it to the person who asked alone, from now.

    In one transaction with the grant. Whoever left the project meanwhile gets nothing. Raises InputError
    where the grant itself may not be: beyond every approval, a key beside what it decodes.
    """
    with site.store.transaction() as tx:
        request = requests.get(tx, request_id)
        problems = rules.decision_problems(request, _deciders(actor))
        facts = _facts(tx, site, request.person_id, request.project)
        if not problems and not rules.member(facts, request.project):
            gone = RequestProblemCode.MEMBER_GONE
            problems = (RequestProblem(gone, "", request.project),)
        if problems:
            return RequestRefusal(problems)
        given = add_grant_in(
            *(tx, site, actor, request.dataset, request.project),
            valid_until=valid_until,
            approval=approval,
            members=(request.person_id,) if only_them else (),
        )
        request = _close(site, tx, actor, request, RequestState.APPROVED, grant_id=given.grant.id)
        _record(site, tx, actor, Verb.REQUEST_APPROVED, request, {"grant": given.grant.id})
        _tell_them(tx, site, request, LetterKind.REQUEST_DECIDED)
    return given


def refuse(site: Site, actor: Actor, request_id: str, reason: str) -> AccessRequest | RequestRefusal:
    """Nothing is granted; the person who asked reads the reason."""
    with site.store.transaction() as tx:
        request = requests.get(tx, request_id)
        problems = rules.decision_problems(request, _deciders(actor)) or rules.text_problems(reason, "reason")
        if problems:
            return RequestRefusal(problems)
        request = _close(site, tx, actor, request, RequestState.REFUSED, reason=_kept(reason))
        _record(site, tx, actor, Verb.REQUEST_REFUSED, request, {"sha256_reason": _digest(request.reason)})
        _tell_them(tx, site, request, LetterKind.REQUEST_DECIDED)
    return request


def _tell_stewards(tx: Tx, site: Site, request: AccessRequest) -> None:
    people = outbox.stewards_of(tx, request.dataset) - {request.person_id}
    outbox.tell(tx, site, LetterKind.REQUEST_WAITS, people, f"requests/{request.id}")


def _tell_them(tx: Tx, site: Site, request: AccessRequest, kind: LetterKind) -> None:
    outbox.tell(tx, site, kind, (request.person_id,), f"requests/{request.id}")


def _close(
    site: Site,
    tx: Tx,
    actor: Actor,
    request: AccessRequest,
    state: RequestState,
    *,
    reason: str = "",
    grant_id: str | None = None,
) -> AccessRequest:
    closed = replace(
        request,
        state=state,
        decided=site.now(),
        decided_by=checks.approver(actor),
        reason=reason,
        grant_id=grant_id,
    )
    requests.replace(tx, closed)
    return closed


def _record(
    site: Site, tx: Tx, actor: Actor, verb: Verb, request: AccessRequest, more: Mapping[str, object]
) -> None:
    facts = {"dataset": request.dataset, "project": request.project, "person": request.person_id, **more}
    site.record(tx, actor, verb, request.id, facts)


def _themselves(actor: Actor) -> str:
    """The id of the person who acts for themselves. Raises InputError."""
    if actor.kind is not ActorKind.PERSON or actor.on_behalf:
        raise InputError("Only the person themselves asks for access.", advice="Ask them to do it.")
    return actor.id


def _deciders(actor: Actor) -> tuple[str, ...]:
    """Who acts, and for whom: neither may be the person who asked."""
    return (actor.id, actor.on_behalf)


def _kept(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
