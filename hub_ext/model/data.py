"""Confidential files: datasets, their versions, and who may use them until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.model.text import Localised


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


@dataclass(frozen=True, slots=True)
class TermsVersion:
    """The terms of use of a dataset. Immutable; the highest number is the one to be accepted."""

    dataset: str
    number: int
    text: Localised
    created: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class TermsAcceptance:
    """A person accepted one version of a dataset's terms. `launch_id` is "" where no start was under way."""

    person_id: str
    dataset: str
    number: int
    accepted: datetime
    launch_id: str = ""
