"""All nouns of the first day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_on_behalf", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sa.UniqueConstraint("previous_hash", name="uq_audit_previous_hash"),
    )
    op.create_index("ix_audit_actor_id", "audit", ["actor_id"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject"], unique=False)
    op.create_index("ix_audit_time", "audit", ["time"], unique=False)
    op.create_index("ix_audit_verb", "audit", ["verb"], unique=False)
    op.create_table(
        "datasets",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("data_class", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stewards", sa.JSON(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("never_with", sa.JSON(), nullable=False),
        sa.Column("decodes", sa.JSON(), nullable=False),
        sa.Column("read_gids", sa.JSON(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("slug", name="pk_datasets"),
    )
    op.create_table(
        "images",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("projects", sa.JSON(), nullable=False),
        sa.Column("ceilings", sa.JSON(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column("start_url", sa.Text(), nullable=False),
        sa.Column("needs_gpu", sa.Boolean(), nullable=False),
        sa.Column("successor", sa.Text(), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["successor"], ["images.slug"], name="fk_images_successor"),
        sa.PrimaryKeyConstraint("slug", name="pk_images"),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("engine_url", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_nodes"),
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("sponsor_id", sa.Text(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["sponsor_id"], ["persons.id"], name="fk_persons_sponsor_id"),
        sa.PrimaryKeyConstraint("id", name="pk_persons"),
        sa.UniqueConstraint("issuer", "subject", name="uq_persons_issuer_subject"),
        sa.UniqueConstraint("uid", name="uq_persons_uid"),
    )
    op.create_index("ix_persons_username", "persons", ["username"], unique=False)
    op.create_table(
        "projects",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("gid", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ceilings", sa.JSON(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("network_policy", sa.Text(), nullable=False),
        sa.Column("download_policy", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retain_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("slug", name="pk_projects"),
        sa.UniqueConstraint("gid", name="uq_projects_gid"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.slug"], name="fk_approvals_project"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_project", "approvals", ["project"], unique=False)
    op.create_table(
        "gpus",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("mem_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["node"], ["nodes.id"], name="fk_gpus_node"),
        sa.PrimaryKeyConstraint("id", name="pk_gpus"),
    )
    op.create_index("ix_gpus_node", "gpus", ["node"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_memberships_person_id"),
        sa.ForeignKeyConstraint(["project"], ["projects.slug"], name="fk_memberships_project"),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_person_id_project", "memberships", ["person_id", "project"], unique=False)
    op.create_index("ix_memberships_project", "memberships", ["project"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["images.slug"], name="fk_revisions_entry"),
        sa.PrimaryKeyConstraint("entry", "number", name="pk_revisions"),
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("manifest_digest", sa.Text(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.slug"], name="fk_versions_dataset"),
        sa.ForeignKeyConstraint(["node"], ["nodes.id"], name="fk_versions_node"),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.UniqueConstraint("dataset", "number", name="uq_versions_dataset_number"),
    )
    op.create_index(
        "uq_versions_current",
        "versions",
        ["dataset", "node"],
        unique=True,
        sqlite_where=sa.text("state = 'current'"),
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "volumes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("allowed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), nullable=True),
        sa.Column("measured", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seeded", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quarantined_why", sa.Text(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["node"], ["nodes.id"], name="fk_volumes_node"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_volumes_person_id"),
        sa.ForeignKeyConstraint(["project"], ["projects.slug"], name="fk_volumes_project"),
        sa.PrimaryKeyConstraint("id", name="pk_volumes"),
        sa.UniqueConstraint("node", "name", name="uq_volumes_node_name"),
    )
    op.create_index("ix_volumes_project", "volumes", ["project"], unique=False)
    op.create_index(
        "uq_volumes_home",
        "volumes",
        ["node", "project", "person_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'home' AND ended IS NULL"),
        postgresql_where=sa.text("kind = 'home' AND ended IS NULL"),
    )
    op.create_index(
        "uq_volumes_project",
        "volumes",
        ["node", "project"],
        unique=True,
        sqlite_where=sa.text("kind = 'project' AND ended IS NULL"),
        postgresql_where=sa.text("kind = 'project' AND ended IS NULL"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=True),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["approvals.id"], name="fk_grants_approval_id"),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.slug"], name="fk_grants_dataset"),
        sa.ForeignKeyConstraint(["project"], ["projects.slug"], name="fk_grants_project"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_grants_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_dataset", "grants", ["dataset"], unique=False)
    op.create_index("ix_grants_project_dataset", "grants", ["project", "dataset"], unique=False)
    op.create_table(
        "launches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("server_name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("version_ids", sa.JSON(), nullable=False),
        sa.Column("volume_ids", sa.JSON(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("gpus", sa.BigInteger(), nullable=False),
        sa.Column("mem_bytes", sa.BigInteger(), nullable=False),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("idle_seconds", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("admitted", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("container_id", sa.Text(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["image", "revision"], ["revisions.entry", "revisions.number"], name="fk_launches_image_revision"
        ),
        sa.ForeignKeyConstraint(["node"], ["nodes.id"], name="fk_launches_node"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_launches_person_id"),
        sa.ForeignKeyConstraint(["project"], ["projects.slug"], name="fk_launches_project"),
        sa.PrimaryKeyConstraint("id", name="pk_launches"),
    )
    op.create_index("ix_launches_admitted", "launches", ["admitted"], unique=False)
    op.create_index(
        "ix_launches_person_id_server_name_admitted",
        "launches",
        ["person_id", "server_name", "admitted"],
        unique=False,
    )
    op.create_index("ix_launches_project_admitted", "launches", ["project", "admitted"], unique=False)
    op.create_index("ix_launches_state", "launches", ["state"], unique=False)
    op.create_table(
        "exposures",
        sa.Column("volume_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.slug"], name="fk_exposures_dataset"),
        sa.ForeignKeyConstraint(["launch_id"], ["launches.id"], name="fk_exposures_launch_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_exposures_version_id"),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], name="fk_exposures_volume_id"),
        sa.PrimaryKeyConstraint("volume_id", "version_id", name="pk_exposures"),
    )
    op.create_index("ix_exposures_dataset", "exposures", ["dataset"], unique=False)
    op.create_table(
        "leases",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("gpu_id", sa.Text(), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["gpu_id"], ["gpus.id"], name="fk_leases_gpu_id"),
        sa.ForeignKeyConstraint(["launch_id"], ["launches.id"], name="fk_leases_launch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_leases"),
    )
    op.create_index("ix_leases_launch_id", "leases", ["launch_id"], unique=False)
    op.create_index(
        "uq_leases_active",
        "leases",
        ["gpu_id", "share"],
        unique=True,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
