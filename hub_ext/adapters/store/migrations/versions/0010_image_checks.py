"""Trials of image revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RUNNING = sa.text("outcome = 'running'")


def upgrade() -> None:
    op.create_table(
        "image_checks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_by", sa.Text(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry", "number"], ["revisions.entry", "revisions.number"], name="fk_image_checks_entry_number"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_image_checks"),
    )
    op.create_index("ix_image_checks_entry_started", "image_checks", ["entry", "started"], unique=False)
    op.create_index(
        "uq_image_checks_running",
        "image_checks",
        ["entry"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
