"""Projects for whoever looks after them: each with members, approvals and grants, in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub_ext.adapters.store import approvals, grants, memberships, persons, projects, proposals
from hub_ext.errors import NotFound
from hub_ext.flows.overview import GrantView, views_of
from hub_ext.flows.site import Site
from hub_ext.model import Approval, Membership, Person, Project
from hub_ext.model.proposals import MemberProposal, ProposalState
from hub_ext.policy.rights import covers


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project, how many have a place in it now, and until when it is approved; None: it is not."""

    project: Project
    members: int
    approved_until: datetime | None


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project with all that belongs to it, the newest first. `names` are usernames, by id."""

    project: Project
    members: tuple[Membership, ...]
    proposals: tuple[MemberProposal, ...]
    approvals: tuple[Approval, ...]
    grants: tuple[GrantView, ...]
    names: dict[str, str]
    now: datetime

    def holds(self, right: Membership | Approval) -> bool:
        """Whether a place, or an approval, stands now."""
        return right.ended is None and covers(right.valid_from, right.valid_until, self.now)


def project_lines(site: Site) -> tuple[ProjectLine, ...]:
    """Every project, ended ones included."""
    now = site.now()
    with site.store.reading() as tx:
        held = memberships.listing(tx)
        under = approvals.listing(tx)
        known = projects.listing(tx)
    members: dict[str, set[str]] = {}
    for place in held:
        if place.ended is None and covers(place.valid_from, place.valid_until, now):
            members.setdefault(place.project, set()).add(place.person_id)
    until: dict[str, datetime] = {}
    for approval in under:
        if approval.ended is None and covers(approval.valid_from, approval.valid_until, now):
            until[approval.project] = max(until.get(approval.project, now), approval.valid_until)
    return tuple(
        ProjectLine(project, len(members.get(project.slug, ())), until.get(project.slug)) for project in known
    )


def project_view(site: Site, slug: str) -> ProjectView:
    """One project. Raises NotFound."""
    with site.store.reading() as tx:
        project = projects.find(tx, slug)
        if project is None:
            raise NotFound("There is no project {slug!r}.", slug=slug)
        members = memberships.listing(tx, project=slug)[::-1]
        waiting = proposals.listing(tx, project=slug, state=ProposalState.WAITING)
        ids = {place.person_id for place in members} | {place.approved_by for place in members}
        ids |= {one.person_id for one in waiting} | {one.proposed_by for one in waiting}
        return ProjectView(
            project,
            members,
            waiting,
            approvals.listing(tx, project=slug)[::-1],
            views_of(tx, site, grants.listing(tx, project=slug))[::-1],
            {known.id: known.username for known in persons.listing(tx, ids=ids)},
            site.now(),
        )


def membership_of(site: Site, membership_id: str) -> tuple[Membership, Person]:
    """A place and whose it is. Raises NotFound."""
    with site.store.reading() as tx:
        place = memberships.get(tx, membership_id)
        return place, persons.get(tx, place.person_id)


def approval_of(site: Site, approval_id: str) -> Approval:
    """An approval. Raises NotFound."""
    with site.store.reading() as tx:
        return approvals.get(tx, approval_id)
