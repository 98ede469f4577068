"""The outbox: letters to people who must act."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OF_ENDS = sa.text("kind = 'grant-ends'")
OPEN = sa.text("sent IS NULL AND given_up IS NULL")


def upgrade() -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_letters_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
    )
    op.create_index(
        "uq_letters_grant_ends",
        "letters",
        ["person_id", "path"],
        unique=True,
        sqlite_where=OF_ENDS,
        postgresql_where=OF_ENDS,
    )
    op.create_index(
        "ix_letters_open",
        "letters",
        ["due", "id"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
