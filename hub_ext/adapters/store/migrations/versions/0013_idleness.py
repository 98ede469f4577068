"""Warnings to idle servers, time that was asked for, and how GPUs were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idle_warnings",
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["launch_id"], ["launches.id"], name="fk_idle_warnings_launch_id"),
        sa.PrimaryKeyConstraint("launch_id", name="pk_idle_warnings"),
    )
    op.create_table(
        "extensions",
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["launch_id"], ["launches.id"], name="fk_extensions_launch_id"),
        sa.PrimaryKeyConstraint("launch_id", "number", name="pk_extensions"),
    )
    op.create_table(
        "gpu_use",
        sa.Column("lease_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_seconds", sa.Float(), nullable=False),
        sa.Column("used_seconds", sa.Float(), nullable=False),
        sa.Column("worked", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lease_id"], ["leases.id"], name="fk_gpu_use_lease_id"),
        sa.PrimaryKeyConstraint("lease_id", name="pk_gpu_use"),
    )
