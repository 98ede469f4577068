"""The table of what operators said to the owners of servers that they stopped."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Table

from hub_ext.adapters.store.table_parts import key, metadata, text, when

stop_notes = Table(
    "stop_notes",
    metadata,
    key("launch_id", ForeignKey("launches.id")),
    text("text"),
    when("written"),
    text("written_by"),
)
