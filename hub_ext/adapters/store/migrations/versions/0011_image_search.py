"""What entries of the catalogue are found by; filled for those that are there."""

from __future__ import annotations

import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

IMAGES = sa.table(
    "images",
    *(sa.column(name) for name in ("slug", "state", "path")),
    *(sa.column(name, sa.JSON()) for name in ("title", "description", "projects")),
)


def upgrade() -> None:
    op.create_table(
        "image_search",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("projects", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["slug"], ["images.slug"], name="fk_image_search_slug"),
        sa.PrimaryKeyConstraint("slug", name="pk_image_search"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_image_search_state_slug", "image_search", ["state", "slug"], unique=False)
    search = sa.table("image_search", *(sa.column(name) for name in ("slug", "words", "state", "projects")))
    connection = op.get_bind()
    if rows := [_row(held) for held in connection.execute(sa.select(IMAGES)).mappings()]:
        connection.execute(search.insert(), rows)


def _row(held: Any) -> dict[str, str]:
    title, description = held["title"], held["description"]
    said = (held["slug"], title["en"], title["fr"], description["en"], description["fr"], held["path"])
    projects = "".join(f"/{project}" for project in held["projects"])
    return {
        "slug": held["slug"],
        "words": "\n".join(_folded(one) for one in said),
        "state": held["state"],
        "projects": f"{projects}/" if projects else "",
    }


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()
