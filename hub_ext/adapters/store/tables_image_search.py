"""The table of what an entry of the catalogue is found by."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from hub_ext.adapters.store.table_parts import metadata, text

# Made from `images` alone, and kept with it: rows are narrow, so that all of them are read in a moment.
image_search = Table(
    "image_search",
    metadata,
    Column("slug", Text, ForeignKey("images.slug"), primary_key=True),
    text("words"),
    text("state"),
    text("projects"),
    Index(None, "state", "slug"),
    sqlite_with_rowid=False,
)
