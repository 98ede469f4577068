"""Who is at a trial of an image, and what kept it from an end of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_check_runs",
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["image_checks.id"], name="fk_image_check_runs_check_id"),
        sa.PrimaryKeyConstraint("check_id", name="pk_image_check_runs"),
    )
