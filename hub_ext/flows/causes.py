"""Cause and effect: which event of the record made a reason come true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from hub_ext.adapters.store import (
    Tx,
    approvals,
    audit,
    blocks,
    grants,
    memberships,
    versions,
)
from hub_ext.model import Launch, Reason, Verb
from hub_ext.model import ReasonCode as Code

_Subjects = Callable[[Tx, Launch, Reason], Collection[str]]


def causes(tx: Tx, launch: Launch, reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """For the record: each reason, with the sequence of the newest event that tells of it, and its subject.

    `event` None: nothing in the record tells of it, such as a row that is not there.
    """
    return [
        {"code": reason.code, "subject": reason.subject} | _event(tx, launch, reason) for reason in reasons
    ]


def _event(tx: Tx, launch: Launch, reason: Reason) -> dict[str, Any]:
    subjects, verbs = _TELLS.get(reason.code, (_nothing, ()))
    event = audit.newest(tx, subjects(tx, launch, reason), verbs)
    return {"event": event.sequence if event else None, "of": event.subject if event else ""}


def _nothing(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return ()


def _person(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return (launch.person_id,)


def _project(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return (launch.project,)


def _memberships(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    held = memberships.listing(tx, person_id=launch.person_id, project=launch.project)
    return {known.id for known in held}


def _approvals(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return {known.id for known in approvals.listing(tx, project=launch.project)}


def _grants(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return {known.id for known in grants.listing(tx, project=launch.project, dataset=reason.subject)}


def _versions(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return {known.id for known in versions.listing(tx, ids=launch.version_ids)}


def _subject(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return (reason.subject,)


def _launch(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return (launch.id,)


def _volumes(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    return launch.volume_ids


def _blocks(tx: Tx, launch: Launch, reason: Reason) -> Collection[str]:
    scope = dict(reason.shown).get("scope")
    subject = launch.person_id if scope == "person" else reason.subject
    return {
        known.id for known in blocks.listing(tx) if (known.scope.value, known.subject) == (scope, subject)
    }


# An end by a date is told by the event that set the date.
_TELLS: dict[Code, tuple[_Subjects, tuple[Verb, ...]]] = {
    Code.BLOCKED: (_blocks, (Verb.BLOCK_ADDED,)),
    Code.PERSON_ENDED: (_person, (Verb.PERSON_ENDED, Verb.PERSON_CHANGED, Verb.PERSON_ADDED)),
    Code.PROJECT_NOT_ACTIVE: (_project, (Verb.PROJECT_CHANGED, Verb.PROJECT_ENDED)),
    Code.PROJECT_ENDED: (_project, (Verb.PROJECT_ENDED, Verb.PROJECT_CHANGED, Verb.PROJECT_ADDED)),
    Code.MEMBERSHIP_ENDED: (_memberships, (Verb.MEMBERSHIP_ENDED, Verb.MEMBERSHIP_ADDED)),
    Code.GROUP_MISSING: (_person, (Verb.PERSON_LEFT_GROUP,)),
    Code.APPROVAL_ENDED: (_approvals, (Verb.APPROVAL_ENDED, Verb.APPROVAL_ADDED)),
    Code.IMAGE_UNSAFE: (_subject, (Verb.IMAGE_RETIRED,)),
    Code.DATASET_ENDED: (_subject, (Verb.DATASET_ENDED,)),
    Code.GRANT_REVOKED: (_grants, (Verb.GRANT_REVOKED,)),
    Code.GRANT_ENDED: (_grants, (Verb.GRANT_RENEWED, Verb.GRANT_ADDED)),
    Code.GRANT_APPROVAL_ENDED: (_approvals, (Verb.APPROVAL_ENDED, Verb.APPROVAL_ADDED)),
    Code.VERSION_WITHDRAWN: (_versions, (Verb.VERSION_WITHDRAWN,)),
    Code.LEASE_ENDED: (_launch, (Verb.LAUNCH_ADMITTED,)),
    Code.VOLUME_QUARANTINED: (_volumes, (Verb.VOLUME_QUARANTINED,)),
}
