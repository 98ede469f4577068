"""Proposals of members: somebody of a project proposes, another person confirms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.model.people import MemberRole


class ProposalState(StrEnum):
    """Stored."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class MemberProposal:
    """A place in a project that somebody proposed for a person, with the fields that it would have.

    `decided` is set in every state but waiting; `membership_id` once confirmed, `reason` once declined.
    """

    id: str
    project: str
    person_id: str
    role: MemberRole
    proposed_by: str
    created: datetime
    state: ProposalState = ProposalState.WAITING
    valid_until: datetime | None = None
    group: str | None = None
    decided: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    membership_id: str | None = None
