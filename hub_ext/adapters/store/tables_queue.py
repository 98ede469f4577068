"""The table of who waits, or waited, in line for GPUs."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Table

from hub_ext.adapters.store.columns import REASONS, STRINGS, OneOf
from hub_ext.adapters.store.table_parts import (
    has,
    key,
    metadata,
    perhaps_when,
    text,
    unique_where,
    when,
    whole,
)
from hub_ext.model.queue import WaitingState

queue = Table(
    "queue",
    metadata,
    key("id"),
    text("person_id", ForeignKey("persons.id")),
    text("username"),
    text("server_name"),
    text("project", ForeignKey("projects.slug")),
    text("node", ForeignKey("nodes.id")),
    text("environment"),
    has("datasets", STRINGS),
    text("size"),
    whole("gpus"),
    has("state", OneOf(WaitingState)),
    when("asked"),
    perhaps_when("called"),
    whole("calls"),
    text("launch_id"),
    perhaps_when("ended"),
    has("why", REASONS),
    text("said"),
    unique_where("uq_queue_living", "person_id", "server_name", where="ended IS NULL"),
    Index(None, "ended"),
)
