"""An expected "no", and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a launch is refused. Stored in the audit trail."""

    BLOCKED = "blocked"
    PERSON_UNKNOWN = "person-unknown"
    PERSON_ENDED = "person-ended"
    SIGN_IN_OLD = "sign-in-old"
    PROJECT_UNKNOWN = "project-unknown"
    PROJECT_NOT_ACTIVE = "project-not-active"
    PROJECT_ENDED = "project-ended"
    MEMBERSHIP_MISSING = "membership-missing"
    MEMBERSHIP_NOT_YET = "membership-not-yet"
    MEMBERSHIP_ENDED = "membership-ended"
    GROUP_MISSING = "group-missing"
    GROUP_UNKNOWN = "group-unknown"
    APPROVAL_MISSING = "approval-missing"
    APPROVAL_NOT_YET = "approval-not-yet"
    APPROVAL_ENDED = "approval-ended"
    IMAGE_UNKNOWN = "image-unknown"
    IMAGE_DRAFT = "image-draft"
    IMAGE_RETIRED = "image-retired"
    IMAGE_UNSAFE = "image-unsafe"
    IMAGE_OTHER_PROJECT = "image-other-project"
    IMAGE_NEEDS_GPU = "image-needs-gpu"
    IMAGE_NONE = "image-none"
    DATASET_UNKNOWN = "dataset-unknown"
    DATASET_ENDED = "dataset-ended"
    GRANT_MISSING = "grant-missing"
    GRANT_NOT_YET = "grant-not-yet"
    GRANT_ENDED = "grant-ended"
    GRANT_REVOKED = "grant-revoked"
    GRANT_OTHER_MEMBERS = "grant-other-members"
    GRANT_APPROVAL_MISSING = "grant-approval-missing"
    GRANT_APPROVAL_NOT_YET = "grant-approval-not-yet"
    GRANT_APPROVAL_ENDED = "grant-approval-ended"
    TERMS_NOT_ACCEPTED = "terms-not-accepted"
    VERSION_MISSING = "version-missing"
    VERSION_WITHDRAWN = "version-withdrawn"
    FOLDER_MISSING = "folder-missing"
    FOLDER_UNKNOWN = "folder-unknown"
    NEVER_WITH = "never-with"
    NEVER_WITH_HISTORY = "never-with-history"
    KEY_WITH_DECODED = "key-with-decoded"
    KEY_WITH_DECODED_HISTORY = "key-with-decoded-history"
    VOLUME_QUARANTINED = "volume-quarantined"
    SIZE_UNKNOWN = "size-unknown"
    CPUS_ABOVE_CEILING = "cpus-above-ceiling"
    MEM_ABOVE_CEILING = "mem-above-ceiling"
    GPUS_ABOVE_CEILING = "gpus-above-ceiling"
    GPUS_NONE_FREE = "gpus-none-free"
    GPUS_WAITED_FOR = "gpus-waited-for"
    GPUS_IN_LINE = "gpus-in-line"
    LINE_FULL = "line-full"
    LINE_LEFT = "line-left"
    START_NOT_TAKEN = "start-not-taken"
    GPUS_HELD = "gpus-held"
    GPU_HOURS_USED = "gpu-hours-used"
    LEASE_ENDED = "lease-ended"
    SERVER_NAME_RESERVED = "server-name-reserved"
    ALREADY_RUNNING = "already-running"
    OTHER_PROJECT_RUNNING = "other-project-running"
    DISK_RESERVE = "disk-reserve"
    DISK_UNKNOWN = "disk-unknown"
    OPTIONS_INVALID = "options-invalid"
    OPTIONS_EMPTY = "options-empty"


@dataclass(frozen=True, slots=True)
class Reason:
    """One "no": its code, what it is about (a slug), and the facts that its sentence shows.

    `shown` values are str, int, float or aware datetimes; never a host path, never another person's name.
    """

    code: ReasonCode
    subject: str = ""
    shown: tuple[tuple[str, str | int | float | datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An expected "no", with every reason. Not an exception."""

    reasons: tuple[Reason, ...]
