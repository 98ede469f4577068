"""The tables; those of datasets are in `tables_data`.

A column is named as the field of the model that it holds; `columns` says how. The schema changes by a
migration only; a test compares the two. Rows are ended, never deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from hub_ext.adapters.store.columns import (
    CEILINGS,
    INTERFACE,
    LOCALISED,
    MAPPING,
    STRINGS,
    OneOf,
    tuple_of,
)
from hub_ext.adapters.store.table_parts import (
    has,
    key,
    metadata,
    perhaps_when,
    text,
    unique_where,
    when,
    whole,
)
from hub_ext.model import (
    GpuHealth,
    ImageState,
    LaunchState,
    MemberRole,
    PersonKind,
    ProjectState,
    SiteRole,
    VolumeKind,
)

# --- people ---------------------------------------------------------------------------------------

persons = Table(
    "persons",
    metadata,
    key("id"),
    text("issuer"),
    text("subject"),
    text("username"),
    text("display_name"),
    Column("uid", BigInteger, nullable=False, unique=True),
    when("created"),
    text("email"),
    text("language"),
    has("kind", OneOf(PersonKind)),
    has("roles", tuple_of(SiteRole)),
    Column("sponsor_id", Text, ForeignKey("persons.id")),
    perhaps_when("valid_until"),
    perhaps_when("ended"),
    UniqueConstraint("issuer", "subject"),
    Index(None, "username"),
)

projects = Table(
    "projects",
    metadata,
    key("slug"),
    has("title", LOCALISED),
    Column("gid", BigInteger, nullable=False, unique=True),
    when("created"),
    has("state", OneOf(ProjectState)),
    has("ceilings", CEILINGS),
    text("tier"),
    text("network_policy"),
    text("download_policy"),
    perhaps_when("valid_until"),
    perhaps_when("retain_until"),
    perhaps_when("ended"),
)

memberships = Table(
    "memberships",
    metadata,
    key("id"),
    text("person_id", ForeignKey("persons.id")),
    text("project", ForeignKey("projects.slug")),
    has("role", OneOf(MemberRole)),
    when("valid_from"),
    when("created"),
    perhaps_when("valid_until"),
    text("approved_by"),
    Column("group", Text),
    perhaps_when("ended"),
    Index(None, "person_id", "project"),
    Index(None, "project"),
)

approvals = Table(
    "approvals",
    metadata,
    key("id"),
    text("project", ForeignKey("projects.slug")),
    text("reference"),
    text("controller"),
    text("purpose"),
    text("legal_basis"),
    when("valid_from"),
    when("valid_until"),
    when("created"),
    perhaps_when("ended"),
    Index(None, "project"),
)

# --- images ---------------------------------------------------------------------------------------

images = Table(
    "images",
    metadata,
    key("slug"),
    has("title", LOCALISED),
    has("description", LOCALISED),
    text("alias"),
    text("path"),
    text("tag"),
    when("created"),
    has("state", OneOf(ImageState)),
    whole("revision"),
    whole("version"),
    has("projects", STRINGS),
    has("ceilings", CEILINGS),
    Column("interface", INTERFACE, nullable=False, server_default="{}"),
    text("start_url"),
    has("needs_gpu", Boolean),
    Column("allowed_env", STRINGS, nullable=False, server_default="[]"),
    Column("successor", Text, ForeignKey("images.slug")),
    perhaps_when("ended"),
)

revisions = Table(
    "revisions",
    metadata,
    key("entry", ForeignKey("images.slug")),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    text("digest"),
    when("created"),
    text("created_by"),
    perhaps_when("published"),
    has("report", MAPPING),
)

# --- machines -------------------------------------------------------------------------------------

nodes = Table(
    "nodes",
    metadata,
    key("id"),
    text("engine_url"),
    when("created"),
    perhaps_when("ended"),
)

gpus = Table(
    "gpus",
    metadata,
    key("id"),
    text("node", ForeignKey("nodes.id")),
    text("device"),
    text("model"),
    whole("mem_bytes"),
    when("created"),
    whole("shares"),
    has("health", OneOf(GpuHealth)),
    Column("own_shares", BigInteger),
    perhaps_when("out_since"),
    Column("out_why", Text, nullable=False, server_default=""),
    perhaps_when("ended"),
    Index(None, "node"),
)

leases = Table(
    "leases",
    metadata,
    key("id"),
    text("gpu_id", ForeignKey("gpus.id")),
    whole("share"),
    text("launch_id", ForeignKey("launches.id")),
    when("since"),
    perhaps_when("until"),
    perhaps_when("lost"),
    perhaps_when("ended"),
    # The second fence against two owners of one share; the first is the single writer.
    unique_where("uq_leases_active", "gpu_id", "share", where="ended IS NULL"),
    Index(None, "launch_id"),
)

volumes = Table(
    "volumes",
    metadata,
    key("id"),
    text("name"),
    has("kind", OneOf(VolumeKind)),
    text("node", ForeignKey("nodes.id")),
    text("project", ForeignKey("projects.slug")),
    when("created"),
    Column("person_id", Text, ForeignKey("persons.id")),
    whole("allowed_bytes"),
    Column("used_bytes", BigInteger),
    perhaps_when("measured"),
    perhaps_when("seeded"),
    text("quarantined_why"),
    perhaps_when("ended"),
    UniqueConstraint("node", "name"),
    unique_where("uq_volumes_home", "node", "project", "person_id", where="kind = 'home' AND ended IS NULL"),
    unique_where("uq_volumes_project", "node", "project", where="kind = 'project' AND ended IS NULL"),
    Index(None, "project"),
)

exposures = Table(
    "exposures",
    metadata,
    key("volume_id", ForeignKey("volumes.id")),
    key("version_id", ForeignKey("versions.id")),
    text("dataset", ForeignKey("datasets.slug")),
    when("first"),
    text("launch_id", ForeignKey("launches.id")),
    Index(None, "dataset"),
)

# --- launches -------------------------------------------------------------------------------------

launches = Table(
    "launches",
    metadata,
    key("id"),
    text("kind"),
    text("person_id", ForeignKey("persons.id")),
    text("username"),
    text("server_name"),
    text("project", ForeignKey("projects.slug")),
    text("node", ForeignKey("nodes.id")),
    text("image"),
    whole("revision"),
    text("digest"),
    has("version_ids", STRINGS),
    has("volume_ids", STRINGS),
    text("size"),
    whole("gpus"),
    whole("mem_bytes"),
    has("cpus", Float),
    whole("idle_seconds"),
    has("state", OneOf(LaunchState)),
    when("admitted"),
    perhaps_when("expires_at"),
    text("container_id"),
    perhaps_when("started"),
    text("stop_reason"),
    text("outcome"),
    perhaps_when("ended"),
    Column("upstream", Text, nullable=False, server_default=""),
    Column("interface", INTERFACE, nullable=False, server_default="{}"),
    ForeignKeyConstraint(["image", "revision"], ["revisions.entry", "revisions.number"]),
    Index(None, "person_id", "server_name", "admitted"),
    Index(None, "project", "admitted"),
    Index(None, "state"),
    Index(None, "admitted"),
    Index(None, "image", "admitted"),
    Index(None, "ended"),
)

# --- the record -----------------------------------------------------------------------------------

# Plain text and numbers only: verification compares what is stored, not what a type makes of it.
# Triggers (in the migrations) let rows in at the end of the chain, and refuse every change.
audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    whole("segment"),
    text("time"),
    text("actor_kind"),
    text("actor_id"),
    text("actor_on_behalf"),
    text("verb"),
    text("subject"),
    text("facts"),
    Column("previous_hash", Text, nullable=False, unique=True),
    text("hash"),
    Index(None, "time"),
    Index(None, "actor_id"),
    Index(None, "subject"),
    Index(None, "verb"),
)
