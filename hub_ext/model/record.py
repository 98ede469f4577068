"""Who did what: the rows of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ActorKind(StrEnum):
    """Stored and hashed."""

    PERSON = "person"
    SERVICE = "service"
    HOST_USER = "host-user"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a person's id, a service's name, or the host user who ran a command.

    `on_behalf` is the person who is said to have approved what a host user typed.
    """

    kind: ActorKind
    id: str
    on_behalf: str = ""


class Verb(StrEnum):
    """What happened: <noun>.<past participle>. Stored and hashed."""

    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    PERSON_ENDED = "person.ended"
    PERSON_LOOKED_UP = "person.looked-up"
    PERSON_ERASED = "person.erased"
    PERSON_LEFT_GROUP = "person.left-group"
    PERSON_JOINED_GROUP = "person.joined-group"
    PROJECT_ADDED = "project.added"
    PROJECT_CHANGED = "project.changed"
    PROJECT_ENDED = "project.ended"
    MEMBERSHIP_ADDED = "membership.added"
    MEMBERSHIP_ENDED = "membership.ended"
    PROPOSAL_ADDED = "proposal.added"
    PROPOSAL_CONFIRMED = "proposal.confirmed"
    PROPOSAL_DECLINED = "proposal.declined"
    PROPOSAL_WITHDRAWN = "proposal.withdrawn"
    APPROVAL_ADDED = "approval.added"
    APPROVAL_ENDED = "approval.ended"
    DATASET_REGISTERED = "dataset.registered"
    DATASET_CHANGED = "dataset.changed"
    DATASET_ENDED = "dataset.ended"
    TERMS_ADDED = "terms.added"
    TERMS_ACCEPTED = "terms.accepted"
    VERSION_REGISTERED = "version.registered"
    VERSION_WITHDRAWN = "version.withdrawn"
    REQUEST_ADDED = "request.added"
    REQUEST_ASKED_BACK = "request.asked-back"
    REQUEST_ANSWERED = "request.answered"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REFUSED = "request.refused"
    REQUEST_WITHDRAWN = "request.withdrawn"
    GRANT_ADDED = "grant.added"
    GRANT_RENEWED = "grant.renewed"
    GRANT_REVOKED = "grant.revoked"
    IMAGE_ADDED = "image.added"
    IMAGE_CHANGED = "image.changed"
    IMAGE_REFRESHED = "image.refreshed"
    IMAGE_PUBLISHED = "image.published"
    IMAGE_DEPRECATED = "image.deprecated"
    IMAGE_RETIRED = "image.retired"
    IMAGE_ROLLED_BACK = "image.rolled-back"
    IMAGE_REFUSED = "image.refused"
    IMAGE_CHECKED = "image.checked"
    GPU_FOUND = "gpu.found"
    GPU_LOST = "gpu.lost"
    GPU_LIMITED = "gpu.limited"
    GPU_HELD_OUTSIDE = "gpu.held-outside"
    GPU_TAKEN_OUT = "gpu.taken-out"
    GPU_PUT_BACK = "gpu.put-back"
    GPU_SHARED = "gpu.shared"
    LEASE_LOST = "lease.lost"
    QUEUE_JOINED = "queue.joined"
    QUEUE_CALLED = "queue.called"
    QUEUE_PUT_BACK = "queue.put-back"
    QUEUE_STARTED = "queue.started"
    QUEUE_CANCELLED = "queue.cancelled"
    QUEUE_FAILED = "queue.failed"
    VOLUME_CREATED = "volume.created"
    VOLUME_QUARANTINED = "volume.quarantined"
    VOLUME_RELEASED = "volume.released"
    VOLUME_ENDED = "volume.ended"
    VOLUME_DELETED = "volume.deleted"
    LAUNCH_ADMITTED = "launch.admitted"
    LAUNCH_REFUSED = "launch.refused"
    LAUNCH_STARTED = "launch.started"
    LAUNCH_FAILED = "launch.failed"
    LAUNCH_WARNED = "launch.warned"
    LAUNCH_STOPPING = "launch.stopping"
    LAUNCH_STOPPED = "launch.stopped"
    RECONCILE_MENDED = "reconcile.mended"
    BACK_DOOR_USED = "back-door.used"
    BLOCK_ADDED = "block.added"
    BLOCK_LIFTED = "block.lifted"
    CULL_BRAKED = "cull.braked"
    CULL_WARNED = "cull.warned"
    LAUNCH_EXTENDED = "launch.extended"
    AUDIT_EXPORTED = "audit.exported"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row of the record. `hash` covers every other field and the previous row's hash."""

    sequence: int
    time: datetime
    actor: Actor
    verb: Verb
    subject: str
    facts: Mapping[str, Any]
    previous_hash: str
    hash: str
    segment: int = 0
