"""Every table. A column is named as the field of the model that it holds; `columns` says how.

The schema changes by a migration only; a test compares the two. Rows are ended, never deleted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub_ext.adapters.store.columns import (
    CEILINGS,
    INTEGERS,
    LOCALISED,
    MAPPING,
    STRINGS,
    OneOf,
    UtcDateTime,
    tuple_of,
)
from hub_ext.model import (
    DatasetClass,
    GpuHealth,
    ImageState,
    LaunchState,
    MemberRole,
    PersonKind,
    ProjectState,
    SiteRole,
    VersionState,
    VolumeKind,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _key(name: str, *arguments: Any) -> Column[Any]:
    return Column(name, Text, *arguments, primary_key=True)


def _text(name: str, *arguments: Any) -> Column[Any]:
    return Column(name, Text, *arguments, nullable=False)


def _whole(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _has(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _when(name: str) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=False)


def _perhaps_when(name: str) -> Column[Any]:
    return Column(name, UtcDateTime)


def _unique_where(name: str, *columns: str, where: str) -> Index:
    """A unique index over some of the rows only, in both databases."""
    return Index(name, *columns, unique=True, sqlite_where=text(where), postgresql_where=text(where))


# --- people ---------------------------------------------------------------------------------------

persons = Table(
    "persons",
    metadata,
    _key("id"),
    _text("issuer"),
    _text("subject"),
    _text("username"),
    _text("display_name"),
    Column("uid", BigInteger, nullable=False, unique=True),
    _when("created"),
    _text("email"),
    _text("language"),
    _has("kind", OneOf(PersonKind)),
    _has("roles", tuple_of(SiteRole)),
    Column("sponsor_id", Text, ForeignKey("persons.id")),
    _perhaps_when("valid_until"),
    _perhaps_when("ended"),
    UniqueConstraint("issuer", "subject"),
    Index(None, "username"),
)

projects = Table(
    "projects",
    metadata,
    _key("slug"),
    _has("title", LOCALISED),
    Column("gid", BigInteger, nullable=False, unique=True),
    _when("created"),
    _has("state", OneOf(ProjectState)),
    _has("ceilings", CEILINGS),
    _text("tier"),
    _text("network_policy"),
    _text("download_policy"),
    _perhaps_when("valid_until"),
    _perhaps_when("retain_until"),
    _perhaps_when("ended"),
)

memberships = Table(
    "memberships",
    metadata,
    _key("id"),
    _text("person_id", ForeignKey("persons.id")),
    _text("project", ForeignKey("projects.slug")),
    _has("role", OneOf(MemberRole)),
    _when("valid_from"),
    _when("created"),
    _perhaps_when("valid_until"),
    _text("approved_by"),
    Column("group", Text),
    _perhaps_when("ended"),
    Index(None, "person_id", "project"),
    Index(None, "project"),
)

approvals = Table(
    "approvals",
    metadata,
    _key("id"),
    _text("project", ForeignKey("projects.slug")),
    _text("reference"),
    _text("controller"),
    _text("purpose"),
    _text("legal_basis"),
    _when("valid_from"),
    _when("valid_until"),
    _when("created"),
    _perhaps_when("ended"),
    Index(None, "project"),
)

# --- data -----------------------------------------------------------------------------------------

datasets = Table(
    "datasets",
    metadata,
    _key("slug"),
    _has("title", LOCALISED),
    _has("description", LOCALISED),
    _has("data_class", OneOf(DatasetClass)),
    _when("created"),
    _has("stewards", STRINGS),
    _text("contact"),
    _has("never_with", STRINGS),
    _has("decodes", STRINGS),
    _has("read_gids", INTEGERS),
    _perhaps_when("ended"),
)

versions = Table(
    "versions",
    metadata,
    _key("id"),
    _text("dataset", ForeignKey("datasets.slug")),
    _whole("number"),
    _text("folder"),
    _text("manifest_digest"),
    _whole("files"),
    _whole("total_bytes"),
    _when("created"),
    _has("state", OneOf(VersionState)),
    _text("node", ForeignKey("nodes.id")),
    UniqueConstraint("dataset", "number"),
    _unique_where("uq_versions_current", "dataset", "node", where="state = 'current'"),
)

grants = Table(
    "grants",
    metadata,
    _key("id"),
    _text("dataset", ForeignKey("datasets.slug")),
    _text("project", ForeignKey("projects.slug")),
    _text("approval_id", ForeignKey("approvals.id")),
    _when("valid_from"),
    _when("valid_until"),
    _text("granted_by"),
    _when("created"),
    Column("version_id", Text, ForeignKey("versions.id")),
    _has("members", STRINGS),
    _perhaps_when("revoked"),
    _text("revoked_why"),
    Index(None, "project", "dataset"),
    Index(None, "dataset"),
)

# --- images ---------------------------------------------------------------------------------------

images = Table(
    "images",
    metadata,
    _key("slug"),
    _has("title", LOCALISED),
    _has("description", LOCALISED),
    _text("alias"),
    _text("path"),
    _text("tag"),
    _when("created"),
    _has("state", OneOf(ImageState)),
    _whole("revision"),
    _whole("version"),
    _has("projects", STRINGS),
    _has("ceilings", CEILINGS),
    _text("interface"),
    _text("start_url"),
    _has("needs_gpu", Boolean),
    Column("successor", Text, ForeignKey("images.slug")),
    _perhaps_when("ended"),
)

revisions = Table(
    "revisions",
    metadata,
    _key("entry", ForeignKey("images.slug")),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("digest"),
    _when("created"),
    _text("created_by"),
    _perhaps_when("published"),
    _has("report", MAPPING),
)

# --- machines -------------------------------------------------------------------------------------

nodes = Table(
    "nodes",
    metadata,
    _key("id"),
    _text("engine_url"),
    _when("created"),
    _perhaps_when("ended"),
)

gpus = Table(
    "gpus",
    metadata,
    _key("id"),
    _text("node", ForeignKey("nodes.id")),
    _text("device"),
    _text("model"),
    _whole("mem_bytes"),
    _when("created"),
    _whole("shares"),
    _has("health", OneOf(GpuHealth)),
    _perhaps_when("ended"),
    Index(None, "node"),
)

leases = Table(
    "leases",
    metadata,
    _key("id"),
    _text("gpu_id", ForeignKey("gpus.id")),
    _whole("share"),
    _text("launch_id", ForeignKey("launches.id")),
    _when("since"),
    _perhaps_when("until"),
    _perhaps_when("ended"),
    # The second fence against two owners of one share; the first is the single writer.
    _unique_where("uq_leases_active", "gpu_id", "share", where="ended IS NULL"),
    Index(None, "launch_id"),
)

volumes = Table(
    "volumes",
    metadata,
    _key("id"),
    _text("name"),
    _has("kind", OneOf(VolumeKind)),
    _text("node", ForeignKey("nodes.id")),
    _text("project", ForeignKey("projects.slug")),
    _when("created"),
    Column("person_id", Text, ForeignKey("persons.id")),
    _whole("allowed_bytes"),
    Column("used_bytes", BigInteger),
    _perhaps_when("measured"),
    _perhaps_when("seeded"),
    _text("quarantined_why"),
    _perhaps_when("ended"),
    UniqueConstraint("node", "name"),
    _unique_where("uq_volumes_home", "node", "project", "person_id", where="kind = 'home' AND ended IS NULL"),
    _unique_where("uq_volumes_project", "node", "project", where="kind = 'project' AND ended IS NULL"),
    Index(None, "project"),
)

exposures = Table(
    "exposures",
    metadata,
    _key("volume_id", ForeignKey("volumes.id")),
    _key("version_id", ForeignKey("versions.id")),
    _text("dataset", ForeignKey("datasets.slug")),
    _when("first"),
    _text("launch_id", ForeignKey("launches.id")),
    Index(None, "dataset"),
)

# --- launches -------------------------------------------------------------------------------------

launches = Table(
    "launches",
    metadata,
    _key("id"),
    _text("kind"),
    _text("person_id", ForeignKey("persons.id")),
    _text("username"),
    _text("server_name"),
    _text("project", ForeignKey("projects.slug")),
    _text("node", ForeignKey("nodes.id")),
    _text("image"),
    _whole("revision"),
    _text("digest"),
    _has("version_ids", STRINGS),
    _has("volume_ids", STRINGS),
    _text("size"),
    _whole("gpus"),
    _whole("mem_bytes"),
    _has("cpus", Float),
    _whole("idle_seconds"),
    _has("state", OneOf(LaunchState)),
    _when("admitted"),
    _perhaps_when("expires_at"),
    _text("container_id"),
    _perhaps_when("started"),
    _text("stop_reason"),
    _text("outcome"),
    _perhaps_when("ended"),
    ForeignKeyConstraint(["image", "revision"], ["revisions.entry", "revisions.number"]),
    Index(None, "person_id", "server_name", "admitted"),
    Index(None, "project", "admitted"),
    Index(None, "state"),
    Index(None, "admitted"),
)

# --- the record -----------------------------------------------------------------------------------

# Plain text and numbers only: verification compares what is stored, not what a type makes of it.
# Triggers (in the migrations) let rows in at the end of the chain, and refuse every change.
audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _whole("segment"),
    _text("time"),
    _text("actor_kind"),
    _text("actor_id"),
    _text("actor_on_behalf"),
    _text("verb"),
    _text("subject"),
    _text("facts"),
    Column("previous_hash", Text, nullable=False, unique=True),
    _text("hash"),
    Index(None, "time"),
    Index(None, "actor_id"),
    Index(None, "subject"),
    Index(None, "verb"),
)
