"""What operators say of a GPU, and when the GPU of a lease was lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gpus", sa.Column("own_shares", sa.BigInteger(), nullable=True))
    op.add_column("gpus", sa.Column("out_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("gpus", sa.Column("out_why", sa.Text(), nullable=False, server_default=""))
    op.add_column("leases", sa.Column("lost", sa.DateTime(timezone=True), nullable=True))
