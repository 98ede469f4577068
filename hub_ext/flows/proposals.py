"""Members: proposed by one person, confirmed or declined by another; never by the member themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hub_ext.adapters.store import Tx, proposals
from hub_ext.errors import InputError
from hub_ext.flows import checks, outbox
from hub_ext.flows.people import living_person
from hub_ext.flows.projects import add_member_in, check_free, living_project
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, MemberRole, Membership, Verb
from hub_ext.model.duties import Deed, Denial, DenialCode
from hub_ext.model.letters import LetterKind
from hub_ext.model.proposals import MemberProposal, ProposalState
from hub_ext.phrase import Phrase


def propose_member(
    site: Site,
    actor: Actor,
    project: str,
    person_id: str,
    role: MemberRole = MemberRole.MEMBER,
    *,
    valid_until: datetime | None = None,
    group: str | None = None,
) -> MemberProposal:
    """A place for a person, to be confirmed by somebody else. `group` is a sign-in group to be held as well.

    Raises InputError where they have a place already, or one is proposed.
    """
    with site.store.transaction() as tx:
        living_project(tx, project)
        person = living_person(tx, person_id)
        checks.period(site.now(), valid_until, Phrase("membership"))
        check_free(tx, person, project, site.now(), valid_until)
        if any(one.person_id == person_id for one in _waiting(tx, project)):
            raise InputError(
                "{username} is proposed for {project!r} already.",
                advice="Wait until that is confirmed or declined.",
                username=person.username,
                project=project,
            )
        made = MemberProposal(
            id=new_id("pro"),
            project=project,
            person_id=person_id,
            role=role,
            proposed_by=checks.approver(actor),
            created=site.now(),
            valid_until=valid_until,
            group=checks.line(group, Phrase("group"), most=255) or None if group else None,
        )
        proposals.add(tx, made)
        facts = {"person": person_id, "project": project, "role": role, "valid_until": valid_until}
        site.record(tx, actor, Verb.PROPOSAL_ADDED, made.id, facts | {"group": made.group})
        others = outbox.placed(tx, site, project, MemberRole.DATA_MANAGER) or outbox.stewards(tx)
        others -= {made.proposed_by, person_id}
        outbox.tell(tx, site, LetterKind.PROPOSAL_WAITS, others, "projects")
    return made


def found(site: Site, proposal_id: str) -> MemberProposal:
    """The proposal of that id. Raises NotFound."""
    with site.store.reading() as tx:
        return proposals.get(tx, proposal_id)


def waiting(site: Site, project: str | None = None) -> tuple[MemberProposal, ...]:
    """Proposals that nobody has decided on, the oldest first."""
    with site.store.reading() as tx:
        return _waiting(tx, project)


def confirm(site: Site, actor: Actor, proposal_id: str) -> Membership | Denial:
    """The place, from now. Neither whoever proposed it nor the new member confirms it.

    Raises InputError where it is decided already, or the person got a place meanwhile.
    """
    with site.store.transaction() as tx:
        proposal = proposals.get(tx, proposal_id)
        if denial := _denied(proposal, actor):
            return denial
        _still_waits(proposal)
        made = add_member_in(
            *(tx, site, actor, proposal.project, proposal.person_id, proposal.role),
            valid_until=proposal.valid_until,
            group=proposal.group,
        )
        _decide(site, tx, actor, proposal, ProposalState.CONFIRMED, membership_id=made.id)
    return made


def decline(site: Site, actor: Actor, proposal_id: str, why: str) -> MemberProposal | Denial:
    """No place. Whoever proposed it withdraws instead, which needs no reason of another's."""
    with site.store.transaction() as tx:
        proposal = proposals.get(tx, proposal_id)
        if denial := _denied(proposal, actor):
            return denial
        _still_waits(proposal)
        reason = checks.line(why, Phrase("reason"), required=True)
        return _decide(site, tx, actor, proposal, ProposalState.DECLINED, reason=reason)


def withdraw(site: Site, actor: Actor, proposal_id: str) -> MemberProposal:
    """Taken back by whoever proposed it. Raises InputError for anybody else."""
    with site.store.transaction() as tx:
        proposal = proposals.get(tx, proposal_id)
        if checks.approver(actor) != proposal.proposed_by:
            raise InputError("Somebody else proposed this.", advice="Decline it instead.")
        _still_waits(proposal)
        return _decide(site, tx, actor, proposal, ProposalState.WITHDRAWN)


def _waiting(tx: Tx, project: str | None) -> tuple[MemberProposal, ...]:
    return proposals.listing(tx, project=project, state=ProposalState.WAITING)


def _denied(proposal: MemberProposal, actor: Actor) -> Denial | None:
    own = {proposal.proposed_by, proposal.person_id} & {actor.id, actor.on_behalf}
    return Denial(DenialCode.OWN_REQUEST, Deed.CONFIRM_MEMBER, proposal.project) if own else None


def _still_waits(proposal: MemberProposal) -> None:
    if proposal.state is not ProposalState.WAITING:
        raise InputError(
            "This proposal is {state} already.", advice="Propose anew.", state=Phrase(proposal.state.value)
        )


def _decide(
    site: Site,
    tx: Tx,
    actor: Actor,
    proposal: MemberProposal,
    state: ProposalState,
    *,
    reason: str = "",
    membership_id: str | None = None,
) -> MemberProposal:
    verb = {
        ProposalState.CONFIRMED: Verb.PROPOSAL_CONFIRMED,
        ProposalState.DECLINED: Verb.PROPOSAL_DECLINED,
        ProposalState.WITHDRAWN: Verb.PROPOSAL_WITHDRAWN,
    }[state]
    decided = replace(
        proposal,
        state=state,
        decided=site.now(),
        decided_by=checks.approver(actor),
        reason=reason,
        membership_id=membership_id,
    )
    proposals.replace(tx, decided)
    facts = {"person": proposal.person_id, "project": proposal.project, "membership": membership_id}
    site.record(tx, actor, verb, proposal.id, facts | ({"why": reason} if reason else {}))
    if state is not ProposalState.WITHDRAWN:
        outbox.tell(tx, site, LetterKind.PROPOSAL_DECIDED, (proposal.proposed_by,), "projects")
    return decided
