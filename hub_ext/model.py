"""The nouns of hub-ext: frozen values, no behaviour beyond validation.

Times are aware UTC. "until" is an exclusive instant. Sizes are bytes. Ids are opaque and never reused;
slugs are chosen by people, unique for their noun, and never renamed in place.

Enum values and field names marked "stored" below are written to the store or hashed into the audit
chain: add new ones, never rename or reuse one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Localised:
    """One text in the two languages of every page."""

    en: str
    fr: str

    def text(self, language: str) -> str:
        """The French text for "fr", else the English one."""
        return self.fr if language == "fr" else self.en


# --- people ---------------------------------------------------------------------------------------


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


# --- data -----------------------------------------------------------------------------------------


class DatasetClass(StrEnum):
    """How much a dataset says about persons. Stored."""

    OPEN = "open"
    CODED = "coded"
    IDENTIFYING = "identifying"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Confidential files that a steward registered.

    `never_with` holds slugs of datasets and names of classes that must not meet this dataset, in one
    session or in the history of one home. The relation is read in both directions.
    `decodes` names the datasets for which this one is the key.
    `read_gids` are group ids with which the files are read on the host.
    """

    slug: str
    title: Localised
    description: Localised
    data_class: DatasetClass
    created: datetime
    stewards: tuple[str, ...] = ()
    contact: str = ""
    never_with: tuple[str, ...] = ()
    decodes: tuple[str, ...] = ()
    read_gids: tuple[int, ...] = ()
    ended: datetime | None = None


class VersionState(StrEnum):
    """Stored."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """An immutable state of a dataset: a folder and the digest of its manifest of names, sizes, hashes."""

    id: str
    dataset: str
    number: int
    folder: str
    manifest_digest: str
    files: int
    total_bytes: int
    created: datetime
    state: VersionState = VersionState.CURRENT
    node: str = "local"


@dataclass(frozen=True, slots=True)
class Grant:
    """A dataset given to a project under an approval, until a date.

    `version_id` None means the current version. `members` empty means all members of the project.
    """

    id: str
    dataset: str
    project: str
    approval_id: str
    valid_from: datetime
    valid_until: datetime
    granted_by: str
    created: datetime
    version_id: str | None = None
    members: tuple[str, ...] = ()
    revoked: datetime | None = None
    revoked_why: str = ""


# --- images ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImageReference:
    """Where an image's bytes are: a registry's alias, a path and a digest.

    The registry's host comes from the settings, so that moving it rewrites no history.
    """

    alias: str
    path: str
    digest: str

    def __str__(self) -> str:
        return f"{self.alias}/{self.path}@{self.digest}"


class ImageState(StrEnum):
    """Stored."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One line of the catalogue. `tag` is what `refresh` looks at; only `digest`s are ever launched.

    `projects` empty means every project. `revision` is the number of the revision launched now (0: none
    published yet); `version` counts edits, and an edit of a stale version is refused.
    """

    slug: str
    title: Localised
    description: Localised
    alias: str
    path: str
    tag: str
    created: datetime
    state: ImageState = ImageState.DRAFT
    revision: int = 0
    version: int = 1
    projects: tuple[str, ...] = ()
    ceilings: Ceilings = Ceilings()
    interface: str = "jupyterlab"
    start_url: str = "/lab"
    needs_gpu: bool = False
    successor: str | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImageRevision:
    """One digest that an entry has pointed to, with the report of its admission."""

    entry: str
    number: int
    digest: str
    created: datetime
    created_by: str
    published: datetime | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


class FindingCode(StrEnum):
    """What the review of an image, or of an edit of the catalogue, found. Stored."""

    PLATFORM = "platform"
    TOO_LARGE = "too-large"
    TOO_MANY_LAYERS = "too-many-layers"
    VOLUMES = "volumes"
    CONTRACT_MISSING = "contract-missing"
    RESERVED_LABELS = "reserved-labels"
    USER_IGNORED = "user-ignored"
    ENTRYPOINT_IGNORED = "entrypoint-ignored"
    HEALTHCHECK_IGNORED = "healthcheck-ignored"
    ENV_EMPTIED = "env-emptied"
    ENV_OVERRIDDEN = "env-overridden"
    ENV_SECRET = "env-secret"  # noqa: S105 - a name
    REVISION_NONE = "revision-none"
    REVISION_UNKNOWN = "revision-unknown"
    REVISION_CURRENT = "revision-current"
    REVISION_NOT_EARLIER = "revision-not-earlier"
    REVISION_NEVER_PUBLISHED = "revision-never-published"
    EARLIER_NONE = "earlier-none"
    STATE_DRAFT = "state-draft"
    STATE_RETIRED = "state-retired"
    SUCCESSOR_UNKNOWN = "successor-unknown"
    SUCCESSOR_ITSELF = "successor-itself"
    SUCCESSOR_NOT_PUBLISHED = "successor-not-published"
    SUCCESSOR_CIRCLE = "successor-circle"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a curator must know. One that is `blocking` refuses the edit; others are remarks."""

    code: FindingCode
    blocking: bool
    shown: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """An edit of the catalogue that is refused, with every reason. Not an exception."""

    entry: str
    findings: tuple[Finding, ...]


# --- machines -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """An engine."""

    id: str
    engine_url: str
    created: datetime
    ended: datetime | None = None


class GpuHealth(StrEnum):
    """Stored."""

    OK = "ok"
    HELD_OUTSIDE = "held-outside"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that launches may hold. `device` is its qualified CDI name, such as "nvidia.com/gpu=1"."""

    id: str
    node: str
    device: str
    model: str
    mem_bytes: int
    created: datetime
    shares: int = 1
    health: GpuHealth = GpuHealth.OK
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """One share of a GPU held by a launch. Active while `ended` is None."""

    id: str
    gpu_id: str
    share: int
    launch_id: str
    since: datetime
    until: datetime | None = None
    ended: datetime | None = None


class VolumeKind(StrEnum):
    """Stored."""

    HOME = "home"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Volume:
    """A home (person × project) or a project's shared folder, as a volume of a node's engine.

    `used_bytes` is the last measurement; None before the first.
    """

    id: str
    name: str
    kind: VolumeKind
    node: str
    project: str
    created: datetime
    person_id: str | None = None
    allowed_bytes: int = 0
    used_bytes: int | None = None
    measured: datetime | None = None
    seeded: datetime | None = None
    quarantined_why: str = ""
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """A dataset version that was once mounted beside a volume: where copies may be."""

    volume_id: str
    version_id: str
    dataset: str
    first: datetime
    launch_id: str


# --- launches -------------------------------------------------------------------------------------


class LaunchState(StrEnum):
    """Stored. A launch holds its resources in every state but the last two."""

    ADMITTED = "admitted"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether the launch still holds what it was given."""
        return self not in (LaunchState.ENDED, LaunchState.FAILED)


class StopReason(StrEnum):
    """Why a server was stopped, or how it ended by itself. Stored as `Launch.stop_reason`."""

    PERSON = "stopped-by-person"
    OPERATOR = "stopped-by-operator"
    IDLE = "idle"
    BUSY_CEILING = "busy-ceiling"
    RIGHT_ENDED = "right-ended"
    OUT_OF_MEMORY = "out-of-memory"
    ENDED_BY_ITSELF = "ended-by-itself"
    START_FAILED = "start-failed"
    CONTAINER_LOST = "container-lost"
    NO_ANSWER = "no-answer"


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of one notebook server, and what it held."""

    id: str
    kind: str
    person_id: str
    username: str
    server_name: str
    project: str
    node: str
    image: str
    revision: int
    digest: str
    version_ids: tuple[str, ...]
    volume_ids: tuple[str, ...]
    size: str
    gpus: int
    mem_bytes: int
    cpus: float
    idle_seconds: int
    state: LaunchState
    admitted: datetime
    expires_at: datetime | None = None
    container_id: str = ""
    started: datetime | None = None
    stop_reason: str = ""
    outcome: str = ""
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for, after strict parsing, with the id that the launch will have."""

    launch_id: str
    person_id: str
    server_name: str
    project: str
    environment: str
    datasets: tuple[str, ...]
    size: str
    gpus: int


@dataclass(frozen=True, slots=True)
class Size:
    """One choice of the spawn form."""

    slug: str
    title: Localised
    cpus: float
    mem_bytes: int


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What is known of one requested dataset. `dataset` None: there is no such dataset.

    `grants` are all grants of this dataset to the requested project, ended ones included.
    `folder_present` None: could not be checked.
    """

    slug: str
    dataset: Dataset | None = None
    versions: tuple[DatasetVersion, ...] = ()
    grants: tuple[Grant, ...] = ()
    folder_present: bool | None = True


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Room where homes and images lie. None: could not be measured."""

    free_bytes: int | None
    reserve_bytes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that `policy.launch.decide` may look at, read in one transaction at `now`.

    `groups` are the person's sign-in groups; None means unknown.
    `exposed` are all datasets in the history of the volumes that would be mounted.
    `active_launches` are all active launches of this person.
    `gpus` and `leases` are all GPUs of the node and all active leases on it.
    """

    now: datetime
    person: Person | None
    project: Project | None
    memberships: tuple[Membership, ...]
    approvals: tuple[Approval, ...]
    image: ImageEntry | None
    revision: ImageRevision | None
    datasets: tuple[DatasetFacts, ...]
    home: Volume | None
    project_folder: Volume | None
    exposed: tuple[Dataset, ...]
    gpus: tuple[Gpu, ...]
    leases: tuple[Lease, ...]
    active_launches: tuple[Launch, ...]
    sizes: tuple[Size, ...]
    site_ceilings: Ceilings
    disk: DiskFacts
    groups: frozenset[str] | None = None
    node: str = "local"


class ReasonCode(StrEnum):
    """Why a launch is refused. Stored in the audit trail."""

    PERSON_UNKNOWN = "person-unknown"
    PERSON_ENDED = "person-ended"
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
    ALREADY_RUNNING = "already-running"
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


@dataclass(frozen=True, slots=True)
class DataMount:
    """A dataset version in a container: read-only, forced recursive, at /data/<slug>."""

    slug: str
    version_id: str
    version_number: int
    folder: str
    title: Localised


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What `decide` allows, complete enough to create the container from, and nothing about how.

    `home` and `project_folder` are None where the volume is yet to be made by the flow.
    `expires_at` is the earliest end of any right that the launch rests on.
    """

    launch_id: str
    node: str
    person_id: str
    server_name: str
    project: str
    image: str
    revision: int
    reference: ImageReference
    uid: int
    gid: int
    groups: tuple[int, ...]
    size: str
    cpus: float
    mem_bytes: int
    idle_seconds: int
    start_url: str
    data: tuple[DataMount, ...]
    gpus: tuple[Gpu, ...]
    shares: tuple[int, ...]
    expires_at: datetime | None


# --- the record -----------------------------------------------------------------------------------


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
    PROJECT_ADDED = "project.added"
    PROJECT_CHANGED = "project.changed"
    PROJECT_ENDED = "project.ended"
    MEMBERSHIP_ADDED = "membership.added"
    MEMBERSHIP_ENDED = "membership.ended"
    APPROVAL_ADDED = "approval.added"
    APPROVAL_ENDED = "approval.ended"
    DATASET_REGISTERED = "dataset.registered"
    DATASET_CHANGED = "dataset.changed"
    DATASET_ENDED = "dataset.ended"
    VERSION_REGISTERED = "version.registered"
    VERSION_WITHDRAWN = "version.withdrawn"
    GRANT_ADDED = "grant.added"
    GRANT_REVOKED = "grant.revoked"
    IMAGE_ADDED = "image.added"
    IMAGE_CHANGED = "image.changed"
    IMAGE_REFRESHED = "image.refreshed"
    IMAGE_PUBLISHED = "image.published"
    IMAGE_DEPRECATED = "image.deprecated"
    IMAGE_RETIRED = "image.retired"
    IMAGE_ROLLED_BACK = "image.rolled-back"
    IMAGE_REFUSED = "image.refused"
    GPU_FOUND = "gpu.found"
    GPU_LOST = "gpu.lost"
    VOLUME_CREATED = "volume.created"
    VOLUME_QUARANTINED = "volume.quarantined"
    VOLUME_RELEASED = "volume.released"
    LAUNCH_ADMITTED = "launch.admitted"
    LAUNCH_REFUSED = "launch.refused"
    LAUNCH_STARTED = "launch.started"
    LAUNCH_FAILED = "launch.failed"
    LAUNCH_STOPPING = "launch.stopping"
    LAUNCH_STOPPED = "launch.stopped"
    RECONCILE_MENDED = "reconcile.mended"
    CULL_BRAKED = "cull.braked"
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
