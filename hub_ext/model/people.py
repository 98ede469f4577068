"""Persons, projects, and what gives the one a place in the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.model.text import Localised


class PersonKind(StrEnum):
    """Stored."""

    STAFF = "staff"
    GUEST = "guest"
    STUDENT = "student"
    SERVICE = "service"


class SiteRole(StrEnum):
    """What a person may do beyond launching notebooks. Stored."""

    CURATOR = "curator"
    STEWARD = "steward"
    OPERATOR = "operator"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in, keyed by (issuer, subject): a reused username inherits nothing.

    Other records hold `id` only, so that a name can be erased here and every chain still verifies.
    `uid` is the user id of the person's notebook servers: allocated once, never reused.
    """

    id: str
    issuer: str
    subject: str
    username: str
    display_name: str
    uid: int
    created: datetime
    email: str = ""
    language: str = "en"
    kind: PersonKind = PersonKind.STAFF
    roles: tuple[SiteRole, ...] = ()
    sponsor_id: str | None = None
    valid_until: datetime | None = None
    ended: datetime | None = None


class ProjectState(StrEnum):
    """Stored."""

    ACTIVE = "active"
    FROZEN = "frozen"
    ARCHIVED = "archived"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Upper bounds; None leaves the decision to the other ceilings. The smallest of all applies."""

    cpus: float | None = None
    mem_bytes: int | None = None
    gpus: int | None = None
    idle_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A study: the only place where people, approvals and datasets meet.

    `gid` is the group id of its shared folder and of its members' servers: allocated once.
    """

    slug: str
    title: Localised
    gid: int
    created: datetime
    state: ProjectState = ProjectState.ACTIVE
    ceilings: Ceilings = Ceilings()
    tier: str = "standard"
    network_policy: str = "closed"
    download_policy: str = "allowed"
    valid_until: datetime | None = None
    retain_until: datetime | None = None
    ended: datetime | None = None


class MemberRole(StrEnum):
    """Stored."""

    MEMBER = "member"
    LEAD = "lead"
    DATA_MANAGER = "data-manager"


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's place in a project between two instants.

    `group`, where set, is a sign-in group that must also be held. A provider that is down or leaves
    the claim out means unknown, never "left".
    """

    id: str
    person_id: str
    project: str
    role: MemberRole
    valid_from: datetime
    created: datetime
    valid_until: datetime | None = None
    approved_by: str = ""
    group: str | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupWord:
    """What the sign-in provider last said of whether a person is in a group."""

    person_id: str
    group: str
    held: bool
    told: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """What allows a project to exist: the ethics committee's decision, bounded in time."""

    id: str
    project: str
    reference: str
    controller: str
    purpose: str
    legal_basis: str
    valid_from: datetime
    valid_until: datetime
    created: datetime
    ended: datetime | None = None
