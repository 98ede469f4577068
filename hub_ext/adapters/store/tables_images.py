"""The table of what registries said of what they hold."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from hub_ext.adapters.store.columns import MAPPING
from hub_ext.adapters.store.table_parts import has, metadata, when

# The one table whose rows are replaced and go: nothing in it is known here first.
remembered = Table(
    "remembered",
    metadata,
    Column("key", Text, primary_key=True),
    has("value", MAPPING),
    when("seen"),
    Index(None, "seen"),
)
