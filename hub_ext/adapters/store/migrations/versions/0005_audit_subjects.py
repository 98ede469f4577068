"""What the record is about, so that it can be searched; filled for the events that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub_ext.adapters.store import audit_subjects

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PAGE = 500


def upgrade() -> None:
    op.create_table(
        "audit_subjects",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("moment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "moment", "sequence", name="pk_audit_subjects"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    names = ("sequence", "time", "actor_kind", "actor_id", "actor_on_behalf", "verb", "subject", "facts")
    audit = sa.table("audit", *(sa.column(name) for name in names))
    query = sa.select(audit).order_by(audit.c.sequence).limit(PAGE)
    page = connection.execute(query).mappings().all()
    while page:
        for row in page:
            audit_subjects.index(connection, dict(row))
        page = connection.execute(query.where(audit.c.sequence > page[-1]["sequence"])).mappings().all()
