"""Members are proposed by one and confirmed by another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub_ext.adapters.store import memberships, proposals
from hub_ext.errors import Conflict, InputError, NotFound
from hub_ext.flows import people, projects
from hub_ext.flows import proposals as flows
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, AuditEvent, Localised, MemberRole, Membership, Person, Verb
from hub_ext.model.duties import Denial, DenialCode
from hub_ext.model.proposals import MemberProposal, ProposalState
from tests.flows.conftest import Clock

Record = Callable[[], list[AuditEvent]]
AddPerson = Callable[..., Person]
TEXT = Localised("text", "texte")


@pytest.fixture(autouse=True)
def onco(site: Site, actor: Actor) -> None:
    """A project."""
    projects.add_project(site, actor, "onco", TEXT)


@pytest.fixture
def lead(add_person: AddPerson) -> Actor:
    """Who proposes."""
    return Actor(ActorKind.PERSON, add_person("magda").id)


@pytest.fixture
def keeper(add_person: AddPerson) -> Actor:
    """Who confirms."""
    return Actor(ActorKind.PERSON, add_person("dora").id)


@pytest.fixture
def marie(add_person: AddPerson) -> Person:
    """Who is proposed."""
    return add_person("marie")


@pytest.fixture
def proposed(site: Site, lead: Actor, marie: Person, clock: Clock) -> MemberProposal:
    """Marie, as a member whose sign-in group counts, for a hundred days."""
    return flows.propose_member(
        site, lead, "onco", marie.id, valid_until=clock.later(days=100), group="oncology"
    )


def test_a_proposal_gives_no_place_and_is_recorded(
    site: Site, lead: Actor, marie: Person, proposed: MemberProposal, record: Record
) -> None:
    with site.store.reading() as tx:
        assert memberships.listing(tx) == ()
    assert flows.waiting(site) == flows.waiting(site, "onco") == (proposed,)
    assert flows.waiting(site, "cardio") == ()
    assert flows.found(site, proposed.id) == proposed
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.PROPOSAL_ADDED, proposed.id, lead)
    assert event.facts == {
        "person": marie.id,
        "project": "onco",
        "role": "member",
        "valid_until": "2026-08-12T08:00:00.000000Z",
        "group": "oncology",
    }


def test_a_confirmation_gives_the_place_as_it_was_proposed(
    site: Site, keeper: Actor, marie: Person, proposed: MemberProposal, clock: Clock, record: Record
) -> None:
    clock.forward(days=1)
    place = flows.confirm(site, keeper, proposed.id)
    assert isinstance(place, Membership)
    assert (place.person_id, place.role, place.group) == (marie.id, MemberRole.MEMBER, "oncology")
    assert (place.valid_from, place.valid_until) == (clock.moment, proposed.valid_until)
    assert place.approved_by == keeper.id
    decided = flows.found(site, proposed.id)
    assert (decided.state, decided.decided_by, decided.membership_id) == (
        *(ProposalState.CONFIRMED, keeper.id),
        place.id,
    )
    added, confirmed = record()[-2:]
    assert (added.verb, added.subject) == (Verb.MEMBERSHIP_ADDED, place.id)
    assert (confirmed.verb, confirmed.subject) == (Verb.PROPOSAL_CONFIRMED, proposed.id)
    assert flows.waiting(site) == ()
    with pytest.raises(InputError, match="confirmed already"):
        flows.confirm(site, keeper, proposed.id)


def test_nobody_confirms_what_they_proposed_nor_their_own_place(
    site: Site, lead: Actor, marie: Person, proposed: MemberProposal, record: Record
) -> None:
    before = len(record())
    typed = Actor(ActorKind.HOST_USER, "root", on_behalf=lead.id)
    for actor in (lead, Actor(ActorKind.PERSON, marie.id), typed):
        for answer in (
            flows.confirm(site, actor, proposed.id),
            flows.decline(site, actor, proposed.id, "no"),
        ):
            assert isinstance(answer, Denial)
            assert answer.code is DenialCode.OWN_REQUEST
    assert len(record()) == before
    assert flows.waiting(site) == (proposed,)


def test_a_refusal_has_its_reason_and_a_withdrawal_is_the_proposers(
    site: Site, lead: Actor, keeper: Actor, marie: Person, proposed: MemberProposal, record: Record
) -> None:
    with pytest.raises(InputError, match="reason is empty"):
        flows.decline(site, keeper, proposed.id, " ")
    with pytest.raises(InputError, match="Somebody else proposed"):
        flows.withdraw(site, keeper, proposed.id)
    declined = flows.decline(site, keeper, proposed.id, "not of this study")
    assert isinstance(declined, MemberProposal)
    assert (declined.state, declined.reason) == (ProposalState.DECLINED, "not of this study")
    event = record()[-1]
    assert (event.verb, event.facts["why"]) == (Verb.PROPOSAL_DECLINED, "not of this study")
    again = flows.propose_member(site, lead, "onco", marie.id, MemberRole.LEAD)
    assert flows.withdraw(site, lead, again.id).state is ProposalState.WITHDRAWN
    assert (record()[-1].verb, record()[-1].subject) == (Verb.PROPOSAL_WITHDRAWN, again.id)
    with pytest.raises(InputError, match="withdrawn already"):
        flows.withdraw(site, lead, again.id)
    with site.store.reading() as tx:
        assert memberships.listing(tx) == ()


def test_what_cannot_be_proposed(
    site: Site, actor: Actor, lead: Actor, marie: Person, proposed: MemberProposal, clock: Clock
) -> None:
    with pytest.raises(InputError, match="is proposed"):
        flows.propose_member(site, lead, "onco", marie.id)
    with pytest.raises(Conflict), site.store.transaction() as tx:
        proposals.add(tx, MemberProposal("pro-2", "onco", marie.id, MemberRole.LEAD, "x", clock()))
    with pytest.raises(InputError, match="would end"):
        flows.propose_member(site, lead, "onco", lead.id, valid_until=clock())
    with pytest.raises(InputError, match="no project"):
        flows.propose_member(site, lead, "cardio", marie.id)
    with pytest.raises(NotFound):
        flows.propose_member(site, lead, "onco", "per-none")
    projects.add_member(site, actor, "onco", lead.id)
    with pytest.raises(InputError, match="in that time already"):
        flows.propose_member(site, actor, "onco", lead.id)


def test_what_changed_meanwhile_counts(
    site: Site, actor: Actor, keeper: Actor, marie: Person, proposed: MemberProposal
) -> None:
    place = projects.add_member(site, actor, "onco", marie.id)
    with pytest.raises(InputError, match="in that time already"):
        flows.confirm(site, keeper, proposed.id)
    projects.end_membership(site, actor, place.id, "mistake")
    people.end_person(site, actor, marie.id, "left")
    with pytest.raises(InputError, match="was ended"):
        flows.confirm(site, keeper, proposed.id)
    with site.store.reading() as tx:
        assert proposals.get(tx, proposed.id).state is ProposalState.WAITING
