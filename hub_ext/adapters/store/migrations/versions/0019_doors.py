"""The way to a running server: its address, its route, when it was last used, since when it is busy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("launches", sa.Column("upstream", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "routes",
        sa.Column("routespec", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("routespec", name="pk_routes"),
    )
    for table, moment in (("server_uses", "last_use"), ("busy_since", "since")):
        op.create_table(
            table,
            sa.Column("launch_id", sa.Text(), nullable=False),
            sa.Column(moment, sa.DateTime(timezone=True), nullable=False),
            sa.ForeignKeyConstraint(["launch_id"], ["launches.id"], name=f"fk_{table}_launch_id"),
            sa.PrimaryKeyConstraint("launch_id", name=f"pk_{table}"),
        )
