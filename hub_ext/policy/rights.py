"""Which membership, approval and grant cover this person, this dataset and this moment.

Each finder returns what covers now, or the one reason that helps the reader most: what begins later before
what ended, and the latest end among those that ended. Among several that cover, the one that ends last is
chosen. An `ended` or `revoked` time closes a right whatever the clock says: clocks jump.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from hub_ext.model import (
    Approval,
    DatasetFacts,
    DatasetVersion,
    Grant,
    Membership,
    Person,
    Project,
    ProjectState,
    Reason,
    ReasonCode,
    VersionState,
)

ENDLESS = datetime.max.replace(tzinfo=UTC)

Shown = tuple[tuple[str, str | int | float | datetime], ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """A dataset that may be mounted: by which grant and approval, in which version, until when."""

    grant: Grant
    approval: Approval
    version: DatasetVersion

    @property
    def until(self) -> datetime:
        """The earlier end of the grant and of the approval that it rests on."""
        return min(self.grant.valid_until, self.approval.valid_until)


def covers(valid_from: datetime, valid_until: datetime | None, now: datetime) -> bool:
    """Whether `now` lies in [valid_from, valid_until); None is without end."""
    return valid_from <= now and (valid_until is None or now < valid_until)


def earliest(ends: Iterable[datetime | None]) -> datetime | None:
    """The first of these ends; None where nothing ends."""
    return min((end for end in ends if end is not None), default=None)


def person_reasons(person: Person | None, now: datetime) -> tuple[Reason, ...]:
    """Why this person may start nothing at all."""
    if person is None:
        return (Reason(ReasonCode.PERSON_UNKNOWN),)
    if person.ended is not None:
        return (Reason(ReasonCode.PERSON_ENDED, shown=(("on", person.ended),)),)
    if person.valid_until is not None and person.valid_until <= now:
        return (Reason(ReasonCode.PERSON_ENDED, shown=(("until", person.valid_until),)),)
    return ()


def project_reasons(slug: str, project: Project | None, now: datetime) -> tuple[Reason, ...]:
    """Why nothing may be started in this project."""
    if project is None or project.slug != slug:
        return (Reason(ReasonCode.PROJECT_UNKNOWN, slug),)
    reasons = []
    if project.state is not ProjectState.ACTIVE:
        reasons.append(Reason(ReasonCode.PROJECT_NOT_ACTIVE, slug, (("state", project.state.value),)))
    if project.ended is not None:
        reasons.append(Reason(ReasonCode.PROJECT_ENDED, slug, (("on", project.ended),)))
    elif project.valid_until is not None and project.valid_until <= now:
        reasons.append(Reason(ReasonCode.PROJECT_ENDED, slug, (("until", project.valid_until),)))
    return tuple(reasons)


def membership(
    person_id: str,
    project: str,
    memberships: Iterable[Membership],
    groups: frozenset[str] | None,
    now: datetime,
) -> Membership | Reason:
    """The membership that covers now and whose sign-in group, if it asks for one, is held."""
    own = [known for known in memberships if (known.person_id, known.project) == (person_id, project)]
    if not own:
        return Reason(ReasonCode.MEMBERSHIP_MISSING, project)
    current = [
        known for known in own if known.ended is None and covers(known.valid_from, known.valid_until, now)
    ]
    held = [
        known for known in current if known.group is None or (groups is not None and known.group in groups)
    ]
    if held:
        return max(held, key=lambda known: (known.valid_until or ENDLESS, known.id))
    if current:
        group = min(known.group for known in current if known.group is not None)
        code = ReasonCode.GROUP_UNKNOWN if groups is None else ReasonCode.GROUP_MISSING
        return Reason(code, project, (("group", group),))
    future = [known for known in own if known.ended is None and now < known.valid_from]
    if future:
        first = min(known.valid_from for known in future)
        return Reason(ReasonCode.MEMBERSHIP_NOT_YET, project, (("from", first),))
    return Reason(
        ReasonCode.MEMBERSHIP_ENDED, project, _last_end((known.ended, known.valid_until) for known in own)
    )


def approval(project: str, approvals: Iterable[Approval], now: datetime) -> Approval | Reason:
    """The approval under which the project may work now."""
    own = [known for known in approvals if known.project == project]
    current = [known for known in own if _stands(known, now)]
    if current:
        return max(current, key=lambda known: (known.valid_until, known.id))
    if not own:
        return Reason(ReasonCode.APPROVAL_MISSING, project)
    future = [known for known in own if known.ended is None and now < known.valid_from]
    if future:
        first = min(future, key=lambda known: (known.valid_from, known.id))
        begins: Shown = (("reference", first.reference), ("from", first.valid_from))
        return Reason(ReasonCode.APPROVAL_NOT_YET, project, begins)
    last = max(own, key=lambda known: (known.ended or known.valid_until, known.id))
    ended: Shown = (("reference", last.reference), *_last_end([(last.ended, last.valid_until)]))
    return Reason(ReasonCode.APPROVAL_ENDED, project, ended)


def granted(
    facts: DatasetFacts,
    *,
    project: str,
    person_id: str,
    approvals: Iterable[Approval],
    now: datetime,
    version_id: str | None = None,
) -> Granted | tuple[Reason, ...]:
    """The grant, with its approval and version, that lets this person mount the dataset now.

    `version_id` asks for one version: that of a running launch, which keeps the version with which it
    started after another has become current. Whether its folder is there is not looked at here.
    """
    dataset = facts.dataset
    if dataset is None or dataset.slug != facts.slug:
        return (Reason(ReasonCode.DATASET_UNKNOWN, facts.slug),)
    contact: Shown = (("contact", dataset.contact),) if dataset.contact else ()
    reasons = []
    if dataset.ended is not None:
        reasons.append(Reason(ReasonCode.DATASET_ENDED, facts.slug, (("on", dataset.ended), *contact)))
    own = [grant for grant in facts.grants if (grant.dataset, grant.project) == (facts.slug, project)]
    current = [grant for grant in own if _runs(grant, now)]
    usable = [grant for grant in current if not grant.members or person_id in grant.members]
    if not usable:
        return (*reasons, _grant_reason(facts.slug, own, current, contact, now))
    known = {candidate.id: candidate for candidate in approvals if candidate.project == project}
    resting = [
        (grant, known[grant.approval_id])
        for grant in usable
        if grant.approval_id in known and _stands(known[grant.approval_id], now)
    ]
    if not resting:
        return (*reasons, _approval_reason(facts.slug, usable, known, now))
    found = []
    for grant, under in resting:
        version = _version(facts, grant, version_id)
        if version is not None and version.state is not VersionState.WITHDRAWN:
            found.append(Granted(grant, under, version))
    if found and not reasons:
        return max(found, key=lambda right: (right.until, right.version.number, right.grant.id))
    if not found:
        reasons.append(_version_reason(facts, [grant for grant, _ in resting], version_id, contact))
    return tuple(reasons)


def _runs(grant: Grant, now: datetime) -> bool:
    return grant.revoked is None and covers(grant.valid_from, grant.valid_until, now)


def _stands(approval: Approval, now: datetime) -> bool:
    return approval.ended is None and covers(approval.valid_from, approval.valid_until, now)


def _version(facts: DatasetFacts, grant: Grant, version_id: str | None) -> DatasetVersion | None:
    """The version that this grant gives: the asked one, the grant's own, or the current one."""
    own = [version for version in facts.versions if version.dataset == facts.slug]
    if version_id is not None:
        if grant.version_id not in (None, version_id):
            return None
        return next((version for version in own if version.id == version_id), None)
    if grant.version_id is not None:
        return next((version for version in own if version.id == grant.version_id), None)
    current = [version for version in own if version.state is VersionState.CURRENT]
    return max(current, key=lambda version: (version.number, version.id), default=None)


def _version_reason(
    facts: DatasetFacts, grants: list[Grant], version_id: str | None, contact: Shown
) -> Reason:
    wanted = {version_id or grant.version_id for grant in grants}
    withdrawn = [
        version.number
        for version in facts.versions
        if version.state is VersionState.WITHDRAWN and (version.id in wanted or None in wanted)
    ]
    if withdrawn:
        shown = (("version", max(withdrawn)), *contact)
        return Reason(ReasonCode.VERSION_WITHDRAWN, facts.slug, shown)
    return Reason(ReasonCode.VERSION_MISSING, facts.slug, contact)


def _grant_reason(slug: str, own: list[Grant], current: list[Grant], contact: Shown, now: datetime) -> Reason:
    if not own:
        return Reason(ReasonCode.GRANT_MISSING, slug, contact)
    future = [grant for grant in own if grant.revoked is None and now < grant.valid_from]
    if future:
        first = min(grant.valid_from for grant in future)
        return Reason(ReasonCode.GRANT_NOT_YET, slug, (("from", first), *contact))
    if current:
        return Reason(ReasonCode.GRANT_OTHER_MEMBERS, slug, contact)
    last = max(own, key=lambda grant: (grant.revoked or grant.valid_until, grant.id))
    if last.revoked is not None:
        return Reason(ReasonCode.GRANT_REVOKED, slug, (("on", last.revoked), *contact))
    return Reason(ReasonCode.GRANT_ENDED, slug, (("until", last.valid_until), *contact))


def _approval_reason(slug: str, grants: list[Grant], known: dict[str, Approval], now: datetime) -> Reason:
    under = [known[grant.approval_id] for grant in grants if grant.approval_id in known]
    found = approval(under[0].project, under, now) if under else None
    codes = {
        ReasonCode.APPROVAL_NOT_YET: ReasonCode.GRANT_APPROVAL_NOT_YET,
        ReasonCode.APPROVAL_ENDED: ReasonCode.GRANT_APPROVAL_ENDED,
    }
    if isinstance(found, Reason) and found.code in codes:
        return Reason(codes[found.code], slug, found.shown)
    return Reason(ReasonCode.GRANT_APPROVAL_MISSING, slug)


def _last_end(ends: Iterable[tuple[datetime | None, datetime | None]]) -> Shown:
    """The latest of these (ended on, valid until) pairs, as the sentence shows it."""
    shown = [("on", ended) if ended is not None else ("until", until or ENDLESS) for ended, until in ends]
    return (max(shown, key=lambda pair: (pair[1], pair[0])),)
