"""Deeds of those who look after the site, and the "no" to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """What somebody may do beside launching notebooks. Stored nowhere."""

    READ_IMAGES = "images.read"
    WRITE_IMAGES = "images.write"
    READ_DATA = "data.read"
    WRITE_DATASET = "datasets.write"
    WRITE_GRANT = "grants.write"
    DECIDE_REQUEST = "requests.decide"
    WRITE_PROJECT = "projects.write"
    PROPOSE_MEMBER = "members.propose"
    CONFIRM_MEMBER = "members.confirm"
    WRITE_PERSON = "persons.write"
    READ_SESSIONS = "sessions.read"
    STOP_SESSION = "sessions.stop"
    WRITE_BLOCK = "blocks.write"
    WRITE_GPU = "gpus.write"
    READ_ACCOUNTS = "accounts.read"
    QUARANTINE_VOLUME = "volumes.quarantine"
    READ_AUDIT = "audit.read"
    LOOK_UP_PERSON = "persons.look-up"

    @property
    def changes(self) -> bool:
        """Whether it changes anything. Looking somebody up does not; it is recorded all the same."""
        return self not in READING


READING = frozenset(
    {
        *(Deed.READ_IMAGES, Deed.READ_DATA, Deed.READ_SESSIONS, Deed.READ_ACCOUNTS),
        *(Deed.READ_AUDIT, Deed.LOOK_UP_PERSON),
    }
)


class DenialCode(StrEnum):
    """Why somebody may not. Stored nowhere."""

    PERSON_ENDED = "person-ended"
    ROLE_MISSING = "role-missing"
    READS_ONLY = "reads-only"
    OTHER_DATASET = "other-dataset"
    OTHER_PROJECT = "other-project"
    OWN_REQUEST = "own-request"


@dataclass(frozen=True, slots=True)
class Denial:
    """An expected "no" to a deed, with the slug that it is about. Not an exception."""

    code: DenialCode
    deed: Deed
    subject: str = ""
