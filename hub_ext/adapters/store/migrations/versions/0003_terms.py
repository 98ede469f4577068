"""Terms of use of datasets, and who accepted them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "terms",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.slug"], name="fk_terms_dataset"),
        sa.PrimaryKeyConstraint("dataset", "number", name="pk_terms"),
    )
    op.create_table(
        "acceptances",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted", sa.DateTime(timezone=True), nullable=False),
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_acceptances_person_id"),
        sa.ForeignKeyConstraint(
            ["dataset", "number"], ["terms.dataset", "terms.number"], name="fk_acceptances_dataset_number"
        ),
        sa.PrimaryKeyConstraint("person_id", "dataset", "number", name="pk_acceptances"),
    )
    op.create_index("ix_acceptances_dataset", "acceptances", ["dataset"], unique=False)
