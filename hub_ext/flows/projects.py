"""Projects, their members and approvals: added, changed, ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from hub_ext.adapters.store import Tx, approvals, memberships, projects
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.people import living_person
from hub_ext.flows.site import Site, new_id
from hub_ext.model import (
    Actor,
    Approval,
    Ceilings,
    Localised,
    MemberRole,
    Membership,
    Person,
    Project,
    ProjectState,
    Verb,
)
from hub_ext.phrase import Phrase

NO_CEILINGS = Ceilings()

# From a state to those that a person may set. Deleting removes volumes, which is another verb's work.
NEXT_STATES = {
    ProjectState.ACTIVE: (ProjectState.FROZEN, ProjectState.ARCHIVED),
    ProjectState.FROZEN: (ProjectState.ACTIVE, ProjectState.ARCHIVED),
    ProjectState.ARCHIVED: (ProjectState.FROZEN, ProjectState.ACTIVE),
    ProjectState.DELETED: (),
}


class ProjectChanges(TypedDict, total=False):
    """What may be changed of a project."""

    title: Localised
    state: ProjectState
    ceilings: Ceilings
    valid_until: datetime | None
    retain_until: datetime | None


# --- projects ---


def project_named(tx: Tx, slug: str) -> Project:
    """The project with that slug, ended or not. Raises InputError."""
    project = projects.find(tx, slug)
    if project is None:
        raise InputError(
            "There is no project {slug!r}.", advice="`hub-ext project list` shows them all.", slug=slug
        )
    return project


def add_project(
    site: Site,
    actor: Actor,
    slug: str,
    title: Localised,
    *,
    ceilings: Ceilings = NO_CEILINGS,
    valid_until: datetime | None = None,
    retain_until: datetime | None = None,
) -> Project:
    """A new active project with a gid of its own. Nobody can start anything in it before an approval
    and a membership. Raises InputError where the slug is taken, also by an ended project."""
    with site.store.transaction() as tx:
        project = Project(
            slug=checks.slug(slug, Phrase("project")),
            title=title,
            gid=projects.next_gid(tx),
            created=site.now(),
            ceilings=ceilings,
            valid_until=valid_until,
            retain_until=retain_until,
        )
        project = _checked(project)
        if projects.find(tx, slug):
            raise InputError(
                "There is a project {slug!r} already.",
                advice="Slugs are never reused; choose another.",
                slug=slug,
            )
        projects.add(tx, project)
        facts = {
            "gid": project.gid,
            "ceilings": ceilings,
            "valid_until": valid_until,
        }
        site.record(tx, actor, Verb.PROJECT_ADDED, slug, facts)
    return project


def change_project(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    expected: Project | None = None,
    **changes: Unpack[ProjectChanges],
) -> Project:
    """The project with these fields changed. Only an active project's servers start or go on running."""
    with site.store.transaction() as tx:
        before = checks.unchanged(living_project(tx, slug), expected)
        after = _checked(replace(before, **changes))
        if after.state != before.state and after.state not in NEXT_STATES[before.state]:
            allowed = tuple(Phrase(state.value) for state in NEXT_STATES[before.state])
            raise InputError(
                "A project that is {before} cannot become {after}.",
                advice="It may become: {allowed}.",
                before=Phrase(before.state.value),
                after=Phrase(after.state.value),
                allowed=allowed or Phrase("none"),
            )
        facts = {"changed": checks.changed(before, after)}
        projects.replace(tx, after)
        site.record(tx, actor, Verb.PROJECT_CHANGED, slug, facts)
    return after


def end_project(
    site: Site, actor: Actor, slug: str, why: str, *, retain_until: datetime | None = None
) -> Project:
    """The project, archived and ended for good: nothing starts in it. Its volumes stay until removed."""
    with site.store.transaction() as tx:
        before = living_project(tx, slug)
        project = replace(
            before,
            state=ProjectState.ARCHIVED,
            ended=site.now(),
            retain_until=retain_until or before.retain_until,
        )
        projects.replace(tx, project)
        facts = {
            "why": checks.line(why, Phrase("reason"), required=True),
            "retain_until": project.retain_until,
        }
        site.record(tx, actor, Verb.PROJECT_ENDED, slug, facts)
    return project


def living_project(tx: Tx, slug: str) -> Project:
    """The project, not ended. Raises InputError."""
    project = project_named(tx, slug)
    if project.ended:
        raise InputError(
            "The project {slug!r} was ended on {ended}.",
            advice="Add a new project.",
            slug=slug,
            ended=project.ended,
        )
    return project


def _checked(project: Project) -> Project:
    ceilings = project.ceilings
    for name, least in (("cpus", 0.1), ("mem_bytes", 256 * 1024**2), ("gpus", 0), ("idle_seconds", 60)):
        value = getattr(ceilings, name)
        if value is not None and value < least:
            raise InputError(
                "The ceiling {name} is {value}.",
                advice="Give at least {least}, or leave it out.",
                name=name,
                value=value,
                least=least,
            )
    if project.valid_until is not None:
        checks.period(project.created, project.valid_until, Phrase("project"))
    return replace(project, title=checks.localised(project.title, Phrase("title"), required=True))


# --- memberships ---


def add_member(
    site: Site,
    actor: Actor,
    project: str,
    person_id: str,
    role: MemberRole = MemberRole.MEMBER,
    *,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    approved_by: str = "",
    group: str | None = None,
) -> Membership:
    """A person's place in a project, from now unless said otherwise.

    `approved_by` is a person's id; by default whoever the actor acts for. `group` is a sign-in group that
    must be held as well. Raises InputError where the person has a membership in that time already.
    """
    with site.store.transaction() as tx:
        return add_member_in(
            *(tx, site, actor, project, person_id, role),
            valid_from=valid_from,
            valid_until=valid_until,
            approved_by=approved_by,
            group=group,
        )


def add_member_in(
    tx: Tx,
    site: Site,
    actor: Actor,
    project: str,
    person_id: str,
    role: MemberRole,
    *,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    approved_by: str = "",
    group: str | None = None,
) -> Membership:
    """The same, in the caller's transaction."""
    living_project(tx, project)
    person = living_person(tx, person_id)
    membership = Membership(
        id=new_id("mem"),
        person_id=person_id,
        project=project,
        role=role,
        valid_from=valid_from or site.now(),
        created=site.now(),
        valid_until=valid_until,
        approved_by=approved_by or checks.approver(actor),
        group=checks.line(group, Phrase("group"), required=True, most=255) if group is not None else None,
    )
    checks.period(membership.valid_from, valid_until, Phrase("membership"))
    check_free(tx, person, project, membership.valid_from, valid_until)
    memberships.add(tx, membership)
    facts = {
        "person": person_id,
        "project": project,
        "role": role,
        "valid_from": membership.valid_from,
        "valid_until": valid_until,
        "approved_by": membership.approved_by,
        "group": membership.group,
    }
    site.record(tx, actor, Verb.MEMBERSHIP_ADDED, membership.id, facts)
    return membership


def check_free(tx: Tx, person: Person, project: str, start: datetime, end: datetime | None) -> None:
    """Nothing where the person has no place in the project in that time. Raises InputError."""
    for other in memberships.listing(tx, person_id=person.id, project=project):
        if _overlap(other, start, end):
            raise InputError(
                "{username} is a {role} of {project!r} in that time already.",
                advice="End that membership first (`hub-ext project member end`).",
                username=person.username,
                role=Phrase(other.role.value),
                project=project,
            )


def end_membership(site: Site, actor: Actor, membership_id: str, why: str) -> Membership:
    """The membership, ended now; running servers of it end at the next sweep."""
    with site.store.transaction() as tx:
        membership = memberships.get(tx, membership_id)
        if membership.ended:
            raise InputError(
                "That membership was ended on {ended} already.",
                advice="`hub-ext project show {project}` lists all of them.",
                ended=membership.ended,
                project=membership.project,
            )
        membership = replace(membership, ended=site.now())
        memberships.replace(tx, membership)
        facts = {
            "person": membership.person_id,
            "project": membership.project,
            "why": checks.line(why, Phrase("reason"), required=True),
        }
        site.record(tx, actor, Verb.MEMBERSHIP_ENDED, membership.id, facts)
    return membership


def _overlap(other: Membership, start: datetime, end: datetime | None) -> bool:
    if other.ended:
        return False
    starts_late = other.valid_until is not None and start >= other.valid_until
    ends_early = end is not None and end <= other.valid_from
    return not (starts_late or ends_early)


# --- approvals ---


def add_approval(
    site: Site,
    actor: Actor,
    project: str,
    *,
    reference: str,
    controller: str,
    purpose: str,
    legal_basis: str,
    valid_until: datetime,
    valid_from: datetime | None = None,
) -> Approval:
    """What allows the project to use data, from now unless said otherwise, until an exclusive instant."""
    with site.store.transaction() as tx:
        living_project(tx, project)
        approval = Approval(
            id=new_id("apr"),
            project=project,
            reference=checks.line(reference, Phrase("reference"), required=True),
            controller=checks.line(controller, Phrase("controller"), required=True),
            purpose=checks.line(purpose, Phrase("purpose"), required=True),
            legal_basis=checks.line(legal_basis, Phrase("legal basis"), required=True),
            valid_from=valid_from or site.now(),
            valid_until=valid_until,
            created=site.now(),
        )
        checks.period(approval.valid_from, valid_until, Phrase("approval"))
        approvals.add(tx, approval)
        facts = {
            "project": project,
            "reference": approval.reference,
            "valid_from": approval.valid_from,
            "valid_until": valid_until,
        }
        site.record(tx, actor, Verb.APPROVAL_ADDED, approval.id, facts)
    return approval


def end_approval(site: Site, actor: Actor, approval_id: str, why: str) -> Approval:
    """The approval, ended now, and with it every grant that rests on it."""
    with site.store.transaction() as tx:
        approval = approvals.get(tx, approval_id)
        if approval.ended:
            raise InputError(
                "That approval was ended on {ended} already.",
                advice="`hub-ext project show {project}` lists all of them.",
                ended=approval.ended,
                project=approval.project,
            )
        approval = replace(approval, ended=site.now())
        approvals.replace(tx, approval)
        facts = {"project": approval.project, "why": checks.line(why, Phrase("reason"), required=True)}
        site.record(tx, actor, Verb.APPROVAL_ENDED, approval_id, facts)
    return approval
