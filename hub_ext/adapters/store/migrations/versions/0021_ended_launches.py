"""Launches are found by their end: each start asks which addresses rest."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_launches_ended", "launches", ["ended"])
