"""The tables of datasets: what there is, and who may use it until when."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
)

from hub_ext.adapters.store.columns import INTEGERS, LOCALISED, STRINGS, OneOf
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
from hub_ext.model import DatasetClass, VersionState

datasets = Table(
    "datasets",
    metadata,
    key("slug"),
    has("title", LOCALISED),
    has("description", LOCALISED),
    has("data_class", OneOf(DatasetClass)),
    when("created"),
    has("stewards", STRINGS),
    text("contact"),
    has("never_with", STRINGS),
    has("decodes", STRINGS),
    has("read_gids", INTEGERS),
    perhaps_when("ended"),
)

versions = Table(
    "versions",
    metadata,
    key("id"),
    text("dataset", ForeignKey("datasets.slug")),
    whole("number"),
    text("folder"),
    text("manifest_digest"),
    whole("files"),
    whole("total_bytes"),
    when("created"),
    has("state", OneOf(VersionState)),
    text("node", ForeignKey("nodes.id")),
    UniqueConstraint("dataset", "number"),
    unique_where("uq_versions_current", "dataset", "node", where="state = 'current'"),
)

grants = Table(
    "grants",
    metadata,
    key("id"),
    text("dataset", ForeignKey("datasets.slug")),
    text("project", ForeignKey("projects.slug")),
    text("approval_id", ForeignKey("approvals.id")),
    when("valid_from"),
    when("valid_until"),
    text("granted_by"),
    when("created"),
    Column("version_id", Text, ForeignKey("versions.id")),
    has("members", STRINGS),
    perhaps_when("revoked"),
    text("revoked_why"),
    Index(None, "project", "dataset"),
    Index(None, "dataset"),
)

terms = Table(
    "terms",
    metadata,
    key("dataset", ForeignKey("datasets.slug")),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    has("text", LOCALISED),
    when("created"),
    text("created_by"),
)

acceptances = Table(
    "acceptances",
    metadata,
    key("person_id", ForeignKey("persons.id")),
    key("dataset"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    when("accepted"),
    text("launch_id"),
    ForeignKeyConstraint(["dataset", "number"], ["terms.dataset", "terms.number"]),
    Index(None, "dataset"),
)
