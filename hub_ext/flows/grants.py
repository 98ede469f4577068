"""Grants: a dataset given to a project under an approval, until a date; renewed, revoked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict, Unpack

from hub_ext.adapters.store import Tx, approvals, datasets, grants, memberships, persons, versions
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.data import key_apart, living_dataset, living_grant
from hub_ext.flows.dataset_versions import version_numbered
from hub_ext.flows.projects import living_project
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, Approval, Dataset, Grant, Verb, VersionState
from hub_ext.phrase import Phrase
from hub_ext.policy import never_with


class GrantOptions(TypedDict, total=False):
    """What may be left out of a new grant."""

    valid_from: datetime | None
    approval: str
    version: int | None
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """The new grant, and sentences that its steward should know."""

    grant: Grant
    warnings: tuple[Phrase, ...] = ()


def add_grant(
    site: Site,
    actor: Actor,
    dataset: str,
    project: str,
    *,
    valid_until: datetime,
    **options: Unpack[GrantOptions],
) -> Granted:
    """Give a dataset to a project, from now unless said otherwise, until an exclusive instant.

    `approval` is the id or the reference of the approval it rests on; it may be left out where exactly one
    covers the time. `version` None follows the current version. `members` are persons' ids; empty: all.
    Raises InputError with what to do.
    """
    with site.store.transaction() as tx:
        return add_grant_in(tx, site, actor, dataset, project, valid_until=valid_until, **options)


def add_grant_in(
    tx: Tx,
    site: Site,
    actor: Actor,
    dataset: str,
    project: str,
    *,
    valid_until: datetime,
    valid_from: datetime | None = None,
    approval: str = "",
    version: int | None = None,
    members: tuple[str, ...] = (),
) -> Granted:
    """The same, in the caller's transaction."""
    given = living_dataset(tx, dataset)
    living_project(tx, project)
    start = valid_from or site.now()
    checks.period(start, valid_until, Phrase("grant"))
    if valid_until <= site.now():
        raise InputError(
            "The grant would be over already ({valid_until}).",
            advice="Give a later end.",
            valid_until=valid_until,
        )
    key_apart(site, tx, given, project)
    _members(site, tx, project, members)
    grant = Grant(
        id=new_id("gra"),
        dataset=dataset,
        project=project,
        approval_id=_covering(site, tx, project, approval, start, valid_until).id,
        valid_from=start,
        valid_until=valid_until,
        granted_by=checks.approver(actor),
        created=site.now(),
        version_id=_version(tx, dataset, version),
        members=tuple(dict.fromkeys(members)),
    )
    warnings = _warnings(site, tx, given, grant)
    grants.add(tx, grant)
    told = ("dataset", "project", "approval_id", "valid_from", "valid_until", "granted_by")
    facts = {name: getattr(grant, name) for name in told}
    facts |= {"version": grant.version_id, "members": grant.members}
    site.record(tx, actor, Verb.GRANT_ADDED, grant.id, facts)
    return Granted(grant, warnings)


def renew_grant(
    site: Site,
    actor: Actor,
    grant_id: str,
    valid_until: datetime,
    *,
    approval: str = "",
    expected: Grant | None = None,
) -> Grant:
    """The same grant with a later end; running sessions go on under it. Former ends stay in the record.

    `approval` is the id or the reference of the one it rests on from now; it may be left out where its
    own, or exactly one other, covers the time. Raises InputError for a grant that is over: that time
    without right is not filled in afterwards.
    """
    with site.store.transaction() as tx:
        before = checks.unchanged(grants.get(tx, grant_id), expected)
        if not living_grant(site, before):
            raise InputError(
                "That grant is over ({ended}).",
                advice="Give the dataset again: `hub-ext grant add`.",
                ended=before.revoked or before.valid_until,
            )
        if valid_until <= before.valid_until:
            raise InputError(
                "The grant holds until {valid_until} already.",
                advice="Give a later end; to end it earlier, revoke it.",
                valid_until=before.valid_until,
            )
        given = living_dataset(tx, before.dataset)
        living_project(tx, before.project)
        key_apart(site, tx, given, before.project)
        own = approvals.get(tx, before.approval_id)
        suits = own.ended is None and valid_until <= own.valid_until
        start = max(site.now(), before.valid_from)
        wanted = approval or (own.id if suits else "")
        under = _covering(site, tx, before.project, wanted, start, valid_until)
        grant = replace(before, valid_until=valid_until, approval_id=under.id)
        grants.replace(tx, grant)
        facts = {
            "dataset": grant.dataset,
            "project": grant.project,
            "changed": checks.changed(before, grant),
            "renewed_by": checks.approver(actor),
        }
        site.record(tx, actor, Verb.GRANT_RENEWED, grant.id, facts)
    return grant


def revoke_grant(
    site: Site, actor: Actor, grant_id: str, why: str, *, expected: Grant | None = None
) -> Grant:
    """The grant, revoked now: running sessions with the data end at the next sweep.

    What was copied cannot be unlearnt: `exposures` says where copies may be.
    """
    with site.store.transaction() as tx:
        return _revoke(site, tx, actor, checks.unchanged(grants.get(tx, grant_id), expected), why)


def revoke_all(site: Site, actor: Actor, dataset: str, project: str, why: str) -> tuple[Grant, ...]:
    """Every living grant of a dataset to a project, revoked. Raises InputError where there is none."""
    with site.store.transaction() as tx:
        living = [
            grant
            for grant in grants.listing(tx, project=project, dataset=dataset)
            if living_grant(site, grant)
        ]
        if not living:
            raise InputError(
                "{dataset!r} is not granted to {project!r} now.",
                advice="`hub-ext grant list --all` shows ended grants too.",
                dataset=dataset,
                project=project,
            )
        return tuple(_revoke(site, tx, actor, grant, why) for grant in living)


def _revoke(site: Site, tx: Tx, actor: Actor, before: Grant, why: str) -> Grant:
    if before.revoked:
        raise InputError(
            "That grant was revoked on {revoked} already.",
            advice="`hub-ext grant list` shows those that still hold.",
            revoked=before.revoked,
        )
    grant = replace(before, revoked=site.now(), revoked_why=checks.line(why, Phrase("reason"), required=True))
    grants.replace(tx, grant)
    facts = {"dataset": grant.dataset, "project": grant.project, "why": grant.revoked_why}
    site.record(tx, actor, Verb.GRANT_REVOKED, grant.id, facts)
    return grant


def _covering(site: Site, tx: Tx, project: str, wanted: str, start: datetime, end: datetime) -> Approval:
    """The approval of the project, by id or reference or the only one, that covers the time."""
    living = [
        approval
        for approval in approvals.listing(tx, project=project)
        if approval.ended is None and approval.valid_until > site.now()
    ]
    if not living:
        raise InputError(
            "The project {project!r} has no approval now.",
            advice="Add one: `hub-ext project approve`.",
            project=project,
        )
    named = [known for known in living if not wanted or wanted in (known.id, known.reference)]
    if not named:
        raise InputError(
            "The project {project!r} has no approval {wanted!r} now.",
            advice="It has: {references}.",
            project=project,
            wanted=wanted,
            references=tuple(known.reference for known in living),
        )
    covering = [known for known in named if known.valid_from <= start and end <= known.valid_until]
    if not covering:
        spans = tuple(
            Phrase(
                "{reference} from {start} until {end}",
                reference=known.reference,
                start=known.valid_from,
                end=known.valid_until,
            )
            for known in named
        )
        raise InputError(
            "No approval covers {start} until {end}.",
            advice="Stay within: {spans}. Or add an approval: `hub-ext project approve`.",
            start=start,
            end=end,
            spans=spans,
        )
    if len(covering) > 1:
        raise InputError(
            "More than one approval covers that time.",
            advice="Name one: {references}.",
            references=tuple(known.reference for known in covering),
        )
    return covering[0]


def _version(tx: Tx, dataset: str, number: int | None) -> str | None:
    if number is None:
        return None
    version = version_numbered(tx, dataset, number)
    if version.state is VersionState.WITHDRAWN:
        raise InputError(
            "Version {number} of {dataset!r} was withdrawn.",
            advice="Name another version.",
            number=number,
            dataset=dataset,
        )
    return version.id


def _members(site: Site, tx: Tx, project: str, members: tuple[str, ...]) -> None:
    """Nothing where each of these persons is or will be a member. Raises InputError."""
    known = {
        membership.person_id
        for membership in memberships.listing(tx, project=project)
        if membership.ended is None
        and (membership.valid_until is None or membership.valid_until > site.now())
        and persons.get(tx, membership.person_id).ended is None
    }
    if set(members) - known:
        raise InputError(
            "Somebody named is not a member of {project!r}.",
            advice="`hub-ext project show {project}` lists its members.",
            project=project,
        )


def _warnings(site: Site, tx: Tx, given: Dataset, grant: Grant) -> tuple[Phrase, ...]:
    found = []
    if grant.version_id is None and versions.current(tx, given.slug) is None:
        found.append(
            Phrase(
                "{dataset!r} has no current version: nobody can mount it before one is registered.",
                dataset=given.slug,
            )
        )
    for slug in sorted(
        {other.dataset for other in grants.listing(tx, project=grant.project) if living_grant(site, other)}
        - {given.slug}
    ):
        other = datasets.get(tx, slug)
        if never_with.apart(given, other):
            found.append(
                Phrase(
                    "{dataset!r} must never meet {other!r}, which the project has too: "
                    "no session and no home will have both.",
                    dataset=given.slug,
                    other=slug,
                )
            )
    return tuple(found)
