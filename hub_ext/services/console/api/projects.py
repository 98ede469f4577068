"""Projects, their members, proposals and approvals."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from hub_ext.flows import people, project_overview, proposals
from hub_ext.flows import projects as flows
from hub_ext.model import Approval as ApprovalValue
from hub_ext.model import Ceilings as CeilingsValue
from hub_ext.model import MemberRole, Membership, ProjectState
from hub_ext.model import Project as ProjectValue
from hub_ext.model.duties import Deed, Denial
from hub_ext.model.proposals import MemberProposal, ProposalState
from hub_ext.services.console.api.parts import Both, Reason, Short, Slug, both
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.operations import (
    Answer,
    ApiModel,
    Call,
    Forbidden,
    Listed,
    Operation,
    PageQuery,
)

MOST = 1000


class Ceilings(ApiModel):
    """Upper bounds of one session; null leaves the decision to the others."""

    cpus: Annotated[float, Field(ge=0.1, le=10_000, allow_inf_nan=False)] | None = None
    mem_bytes: Annotated[int, Field(ge=256 * 1024**2, le=2**60)] | None = None
    gpus: Annotated[int, Field(ge=0, le=10_000)] | None = None
    idle_seconds: Annotated[int, Field(ge=60, le=10**9)] | None = None


class Project(ApiModel):
    """A project."""

    slug: str
    title: Both
    state: ProjectState
    ceilings: Ceilings
    created: AwareDatetime
    valid_until: AwareDatetime | None
    retain_until: AwareDatetime | None
    ended: AwareDatetime | None


class NewProject(ApiModel):
    """A project to add. Ends are exclusive."""

    slug: Slug
    title: Both
    ceilings: Ceilings = Ceilings()
    valid_until: AwareDatetime | None = None
    retain_until: AwareDatetime | None = None


class ProjectPatch(ApiModel):
    """What is to be another value; null takes an end away."""

    title: Both | None = None
    state: ProjectState | None = None
    ceilings: Ceilings | None = None
    valid_until: AwareDatetime | None = None
    retain_until: AwareDatetime | None = None


class Member(ApiModel):
    """A place in a project."""

    id: str
    person_id: str
    project: str
    role: MemberRole
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None
    approved_by: str
    group: str | None
    ended: AwareDatetime | None


class Proposal(ApiModel):
    """A place that somebody proposed."""

    id: str
    project: str
    person_id: str
    role: MemberRole
    proposed_by: str
    created: AwareDatetime
    state: ProposalState
    valid_until: AwareDatetime | None
    group: str | None
    decided: AwareDatetime | None
    reason: str
    membership_id: str | None


class NewProposal(ApiModel):
    """Whom to propose, by username or id."""

    username: Short
    role: MemberRole = MemberRole.MEMBER
    valid_until: AwareDatetime | None = None
    group: Short = ""


class Approval(ApiModel):
    """What allows a project to use data."""

    id: str
    project: str
    reference: str
    controller: str
    purpose: str
    legal_basis: str
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    ended: AwareDatetime | None


class NewApproval(ApiModel):
    """An approval to write down. `valid_until` is exclusive."""

    reference: Short
    controller: Short
    purpose: Short
    legal_basis: Short
    valid_until: AwareDatetime
    valid_from: AwareDatetime | None = None


def listing(call: Call) -> Listed[Project]:
    """Projects that the caller may see, by slug."""
    limit = max(1, min(call.query.limit, MOST))
    found = [
        _shown(line.project)
        for line in project_overview.project_lines(call.site)
        if _may_see(call, line.project.slug) and line.project.slug > call.query.after
    ]
    more = found[limit - 1].slug if len(found) > limit else ""
    return Listed[Project](items=tuple(found[:limit]), next=more)


def add(call: Call) -> Answer:
    """A new project, without approval or members."""
    body = call.body
    made = flows.add_project(
        *(call.site, call.actor, body.slug, body.title.localised()),
        ceilings=_ceilings(body.ceilings),
        valid_until=body.valid_until,
        retain_until=body.retain_until,
    )
    return Answer(_shown(made), version=edition_of(made), location=f"projects/{made.slug}")


def one(call: Call) -> Answer:
    """One project."""
    found = _view(call).project
    return Answer(_shown(found), version=edition_of(found))


def change(call: Call) -> Answer:
    """The project with these fields changed."""
    before = seen(_view(call).project, call.version)
    asked: dict[str, Any] = {
        name: getattr(call.body, name)
        for name in call.body.model_fields_set
        if getattr(call.body, name) is not None or name.endswith("_until")
    }
    if "title" in asked:
        asked["title"] = asked["title"].localised()
    if "ceilings" in asked:
        asked["ceilings"] = _ceilings(asked["ceilings"])
    made = flows.change_project(call.site, call.actor, before.slug, expected=before, **asked)
    return Answer(_shown(made), version=edition_of(made))


def end(call: Call) -> Project:
    """The project, ended for good."""
    slug = _view(call).project.slug
    return _shown(flows.end_project(call.site, call.actor, slug, call.body.why))


def members(call: Call) -> Listed[Member]:
    """Every place in it, the newest first."""
    return Listed[Member](items=tuple(_member(place) for place in _view(call).members))


def end_member(call: Call) -> Member:
    """The place, ended now."""
    place, _ = project_overview.membership_of(call.site, call.path["id"])
    call.require(Deed.CONFIRM_MEMBER, project=place.project, requested_by=place.person_id)
    return _member(flows.end_membership(call.site, call.actor, place.id, call.body.why))


def waiting(call: Call) -> Listed[Proposal]:
    """Proposals that wait."""
    return Listed[Proposal](items=tuple(_proposal(one) for one in _view(call).proposals))


def propose(call: Call) -> Answer:
    """Proposes a member; somebody else confirms."""
    slug = _view(call).project.slug
    (person_id,) = people.ids_named(call.site, (call.body.username,))
    made = proposals.propose_member(
        *(call.site, call.actor, slug, person_id, call.body.role),
        valid_until=call.body.valid_until,
        group=call.body.group or None,
    )
    return Answer(_proposal(made), location=f"proposals/{made.id}")


def proposal(call: Call) -> Proposal:
    """One proposal."""
    return _proposal(_proposed(call))


def confirm(call: Call) -> Member:
    """The proposed place, from now."""
    made = proposals.confirm(call.site, call.actor, _deciding(call).id)
    if isinstance(made, Denial):
        raise Forbidden(made)
    return _member(made)


def decline(call: Call) -> Proposal:
    """No place."""
    made = proposals.decline(call.site, call.actor, _deciding(call).id, call.body.why)
    if isinstance(made, Denial):
        raise Forbidden(made)
    return _proposal(made)


def withdraw(call: Call) -> Proposal:
    """Takes one's own proposal back."""
    return _proposal(proposals.withdraw(call.site, call.actor, _proposed(call).id))


def approvals(call: Call) -> Listed[Approval]:
    """Every approval, the newest first."""
    return Listed[Approval](items=tuple(_approval(known) for known in _view(call).approvals))


def approve(call: Call) -> Approval:
    """Writes an approval down."""
    slug = _view(call).project.slug
    return _approval(flows.add_approval(call.site, call.actor, slug, **dict(call.body)))


def end_approval(call: Call) -> Approval:
    """The approval, ended now, and every grant under it."""
    known = project_overview.approval_of(call.site, call.path["id"])
    call.require(Deed.WRITE_PROJECT, project=known.project)
    return _approval(flows.end_approval(call.site, call.actor, known.id, call.body.why))


def _may_see(call: Call, slug: str) -> bool:
    return (
        call.visitor.may(Deed.READ_DATA) is None
        or call.visitor.may(Deed.PROPOSE_MEMBER, project=slug) is None
    )


def _view(call: Call) -> project_overview.ProjectView:
    if not _may_see(call, call.path["slug"]):
        call.require(Deed.READ_DATA)
    return project_overview.project_view(call.site, call.path["slug"])


def _proposed(call: Call) -> MemberProposal:
    found = proposals.found(call.site, call.path["id"])
    if not _may_see(call, found.project):
        call.require(Deed.READ_DATA)
    return found


def _deciding(call: Call) -> MemberProposal:
    found = _proposed(call)
    call.require(Deed.CONFIRM_MEMBER, project=found.project, requested_by=found.proposed_by)
    return found


def _ceilings(given: Ceilings) -> CeilingsValue:
    return CeilingsValue(given.cpus, given.mem_bytes, given.gpus, given.idle_seconds)


def _shown(project: ProjectValue) -> Project:
    told = {name: getattr(project, name) for name in Project.model_fields}
    limits = project.ceilings
    ceilings = Ceilings.model_construct(
        cpus=limits.cpus, mem_bytes=limits.mem_bytes, gpus=limits.gpus, idle_seconds=limits.idle_seconds
    )
    return Project.model_construct(**(told | {"title": both(project.title), "ceilings": ceilings}))


def _member(place: Membership) -> Member:
    return Member(**{name: getattr(place, name) for name in Member.model_fields})


def _proposal(known: MemberProposal) -> Proposal:
    return Proposal(**{name: getattr(known, name) for name in Proposal.model_fields})


def _approval(known: ApprovalValue) -> Approval:
    return Approval(**{name: getattr(known, name) for name in Approval.model_fields})


ROOT = "/projects/{slug}"
WRITE: dict[str, Any] = {"deed": Deed.WRITE_PROJECT, "about": {"project": "slug"}}
PROPOSE: dict[str, Any] = {"deed": Deed.PROPOSE_MEMBER, "about": {"project": "slug"}}
OPERATIONS = (
    Operation("GET", "/projects", "Projects", listing, query=PageQuery, answer=Listed[Project]),
    Operation(
        *("POST", "/projects", "Add a project", add),
        deed=Deed.WRITE_PROJECT,
        body=NewProject,
        answer=Project,
        status=201,
    ),
    Operation("GET", ROOT, "One project", one, answer=Project),
    Operation(
        *("PATCH", ROOT, "Change it", change), **WRITE, body=ProjectPatch, answer=Project, conditional=True
    ),
    Operation("POST", f"{ROOT}/end", "End it for good", end, **WRITE, body=Reason, answer=Project),
    Operation("GET", f"{ROOT}/members", "Its members", members, answer=Listed[Member]),
    Operation("POST", "/memberships/{id}/end", "End a place", end_member, body=Reason, answer=Member),
    Operation("GET", f"{ROOT}/proposals", "Members who are proposed", waiting, answer=Listed[Proposal]),
    Operation(
        *("POST", f"{ROOT}/proposals", "Propose a member", propose),
        **PROPOSE,
        body=NewProposal,
        answer=Proposal,
        status=201,
    ),
    Operation("GET", "/proposals/{id}", "One proposal", proposal, answer=Proposal),
    Operation("POST", "/proposals/{id}/confirm", "Confirm it", confirm, answer=Member),
    Operation("POST", "/proposals/{id}/decline", "Decline it", decline, body=Reason, answer=Proposal),
    Operation("POST", "/proposals/{id}/withdraw", "Take it back", withdraw, answer=Proposal),
    Operation("GET", f"{ROOT}/approvals", "Its approvals", approvals, answer=Listed[Approval]),
    Operation(
        *("POST", f"{ROOT}/approvals", "Write an approval down", approve),
        **WRITE,
        body=NewApproval,
        answer=Approval,
        status=201,
    ),
    Operation("POST", "/approvals/{id}/end", "End an approval", end_approval, body=Reason, answer=Approval),
)
