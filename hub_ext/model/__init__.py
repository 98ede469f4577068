"""The nouns of hub-ext: frozen values, no behaviour beyond validation.

Times are aware UTC. "until" is an exclusive instant. Sizes are bytes. Ids are opaque and never reused;
slugs are chosen by people, unique for their noun, and never renamed in place.

Enum values and field names marked "stored" below are written to the store or hashed into the audit
chain: add new ones, never rename or reuse one.
"""

from hub_ext.model.blocks import Block, BlockKind, BlockScope
from hub_ext.model.catalogue_plan import EntryPlan, FieldChange, ImportPlan, ImportStep, Stated
from hub_ext.model.data import (
    Dataset,
    DatasetClass,
    DatasetVersion,
    Grant,
    TermsAcceptance,
    TermsVersion,
    VersionState,
)
from hub_ext.model.decisions import (
    DataMount,
    DatasetFacts,
    DiskFacts,
    Facts,
    LaunchPlan,
    LaunchRequest,
    Size,
)
from hub_ext.model.images import (
    Finding,
    FindingCode,
    ImageEntry,
    ImageReference,
    ImageRevision,
    ImageState,
    Rejection,
    UnsafeImage,
)
from hub_ext.model.launches import Launch, LaunchState, StopReason
from hub_ext.model.machines import Exposure, Gpu, GpuHealth, Lease, Node, Quarantine, Volume, VolumeKind
from hub_ext.model.people import (
    Approval,
    Ceilings,
    GroupWord,
    MemberRole,
    Membership,
    Person,
    PersonKind,
    Project,
    ProjectState,
    SiteRole,
)
from hub_ext.model.reasons import Reason, ReasonCode, Refusal
from hub_ext.model.record import Actor, ActorKind, AuditEvent, Verb
from hub_ext.model.text import DIGEST, SLUG, Localised

__all__ = [
    "Actor",
    "ActorKind",
    "Approval",
    "AuditEvent",
    "Block",
    "BlockKind",
    "BlockScope",
    "Ceilings",
    "DIGEST",
    "DataMount",
    "Dataset",
    "DatasetClass",
    "DatasetFacts",
    "DatasetVersion",
    "DiskFacts",
    "EntryPlan",
    "Exposure",
    "Facts",
    "FieldChange",
    "Finding",
    "FindingCode",
    "Gpu",
    "GpuHealth",
    "Grant",
    "GroupWord",
    "ImageEntry",
    "ImageReference",
    "ImageRevision",
    "ImageState",
    "ImportPlan",
    "ImportStep",
    "Launch",
    "LaunchPlan",
    "LaunchRequest",
    "LaunchState",
    "Lease",
    "Localised",
    "MemberRole",
    "Membership",
    "Node",
    "Person",
    "PersonKind",
    "Project",
    "ProjectState",
    "Quarantine",
    "Reason",
    "ReasonCode",
    "Refusal",
    "Rejection",
    "SLUG",
    "SiteRole",
    "Size",
    "Stated",
    "StopReason",
    "TermsAcceptance",
    "TermsVersion",
    "UnsafeImage",
    "Verb",
    "VersionState",
    "Volume",
    "VolumeKind",
]
