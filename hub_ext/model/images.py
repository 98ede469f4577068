"""The catalogue of images, and what is found when one is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hub_ext.model.interfaces import JUPYTER, Interface
from hub_ext.model.people import Ceilings
from hub_ext.model.text import Localised


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
    published yet); `version` counts edits, and an edit of a stale version is refused. `allowed_env` are the
    variables of the image's environment that stay as they are although they are usually emptied.
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
    interface: Interface = JUPYTER
    start_url: str = "/lab"
    needs_gpu: bool = False
    allowed_env: tuple[str, ...] = ()
    successor: str | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnsafeImage:
    """An entry that was retired for a security reason: what runs of it ends. `cleared` when it came back."""

    entry: str
    why: str
    since: datetime
    cleared: datetime | None = None


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
    VOLUMES_EMPTY = "volumes-empty"
    CONTRACT_MISSING = "contract-missing"  # in earlier reports alone
    RESERVED_LABELS = "reserved-labels"
    USER_IGNORED = "user-ignored"
    ENTRYPOINT_IGNORED = "entrypoint-ignored"
    HEALTHCHECK_IGNORED = "healthcheck-ignored"
    ENV_EMPTIED = "env-emptied"
    ENV_ALLOWED = "env-allowed"
    ENV_UNSAFE = "env-unsafe"
    ENV_OVERRIDDEN = "env-overridden"
    ENV_SECRET = "env-secret"  # noqa: S105 - a name
    REVISION_NONE = "revision-none"
    REVISION_UNKNOWN = "revision-unknown"
    REVISION_CURRENT = "revision-current"
    CHECK_FAILED = "check-failed"
    REVISION_NOT_EARLIER = "revision-not-earlier"
    REVISION_NEVER_PUBLISHED = "revision-never-published"
    EARLIER_NONE = "earlier-none"
    STATE_DRAFT = "state-draft"
    STATE_RETIRED = "state-retired"
    SUCCESSOR_UNKNOWN = "successor-unknown"
    SUCCESSOR_ITSELF = "successor-itself"
    SUCCESSOR_NOT_PUBLISHED = "successor-not-published"
    SUCCESSOR_CIRCLE = "successor-circle"
    IMAGE_MOVED = "image-moved"
    DIGEST_OTHER = "digest-other"
    DIGEST_GONE = "digest-gone"
    STATE_NO_DRAFT = "state-no-draft"
    REVISION_RETIRED = "revision-retired"
    PROJECT_UNKNOWN = "project-unknown"
    REGISTRY_UNKNOWN = "registry-unknown"


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
