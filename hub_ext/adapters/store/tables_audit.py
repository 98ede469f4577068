"""What the record is about, so that it can be searched: an index of it, not a part of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table

from hub_ext.adapters.store.table_parts import key, metadata

# One row for each thing that an event is about. `moment` is the event's time in microseconds since 1970:
# a page of a search is one range of the primary key, whatever the clock did.
audit_subjects = Table(
    "audit_subjects",
    metadata,
    key("kind"),
    key("key"),
    Column("moment", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
