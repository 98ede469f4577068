"""Requests for access: a researcher asks for a dataset in a project, a steward decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RequestState(StrEnum):
    """Stored."""

    OPEN = "open"
    ASKED_BACK = "asked-back"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def waiting(self) -> bool:
        """Whether somebody has yet to act: the steward, or the person who was asked back."""
        return self in (RequestState.OPEN, RequestState.ASKED_BACK)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A person asks that a dataset be given to a project of theirs, until a date if they know one.

    `decided` is set in every state that is not waiting; `grant_id` once approved, `reason` once refused.
    """

    id: str
    dataset: str
    project: str
    person_id: str
    purpose: str
    created: datetime
    state: RequestState = RequestState.OPEN
    wanted_until: datetime | None = None
    decided: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    grant_id: str | None = None


@dataclass(frozen=True, slots=True)
class RequestQuestion:
    """What a steward asked back about a request, and the answer. Only the last one may wait for it."""

    request_id: str
    number: int
    text: str
    asked: datetime
    asked_by: str
    answer: str = ""
    answered: datetime | None = None


class RequestProblemCode(StrEnum):
    """Why a request, or an act on one, is refused. Stored nowhere."""

    PROJECT_CLOSED = "project-closed"
    MEMBERSHIP_NONE = "membership-none"
    APPROVAL_NONE = "approval-none"
    DATASET_CLOSED = "dataset-closed"
    KEY_APART = "key-apart"
    GRANTED_ALREADY = "granted-already"
    ASKED_ALREADY = "asked-already"
    UNTIL_PAST = "until-past"
    UNTIL_BEYOND = "until-beyond"
    TEXT_EMPTY = "text-empty"
    TEXT_LONG = "text-long"
    TEXT_UNSEEN = "text-unseen"
    DECIDED = "decided"
    WAITS_FOR_ANSWER = "waits-for-answer"
    NO_QUESTION = "no-question"
    OWN_REQUEST = "own-request"
    NOT_THEIRS = "not-theirs"
    MEMBER_GONE = "member-gone"


@dataclass(frozen=True, slots=True)
class RequestProblem:
    """One "no", the field of the form that it is about, if one, and the facts that its sentence shows."""

    code: RequestProblemCode
    field: str = ""
    subject: str = ""
    shown: tuple[tuple[str, int | datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestRefusal:
    """An expected "no" to a request, or to an act on one, with every reason. Not an exception."""

    problems: tuple[RequestProblem, ...]
