"""Requests for access to datasets, and what was asked back about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITING = sa.text("state IN ('open', 'asked-back')")


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.slug"], name="fk_requests_dataset"),
        sa.ForeignKeyConstraint(["project"], ["projects.slug"], name="fk_requests_project"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_requests_person_id"),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name="fk_requests_grant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index(
        "uq_requests_waiting",
        "requests",
        ["person_id", "project", "dataset"],
        unique=True,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("ix_requests_state_created", "requests", ["state", "created"], unique=False)
    op.create_index("ix_requests_dataset", "requests", ["dataset"], unique=False)
    op.create_table(
        "request_questions",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_request_questions_request_id"),
        sa.PrimaryKeyConstraint("request_id", "number", name="pk_request_questions"),
    )
