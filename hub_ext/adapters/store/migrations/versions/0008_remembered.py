"""What registries said, and launches found by their image."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "remembered",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_remembered"),
    )
    op.create_index("ix_remembered_seen", "remembered", ["seen"], unique=False)
    op.create_index("ix_launches_image_admitted", "launches", ["image", "admitted"], unique=False)
