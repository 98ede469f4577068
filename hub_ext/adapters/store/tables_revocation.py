"""The tables of what ends sessions: blocks, quarantines, images retired for security, groups left."""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Table

from hub_ext.adapters.store.columns import OneOf
from hub_ext.adapters.store.table_parts import (
    has,
    key,
    metadata,
    perhaps_when,
    text,
    unique_where,
    when,
)
from hub_ext.model.blocks import BlockKind, BlockScope

blocks = Table(
    "blocks",
    metadata,
    key("id"),
    has("kind", OneOf(BlockKind)),
    has("scope", OneOf(BlockScope)),
    text("subject"),
    text("why"),
    when("since"),
    text("added_by"),
    perhaps_when("end_by"),
    perhaps_when("until"),
    perhaps_when("lifted"),
    text("lifted_by"),
    Index(None, "lifted"),
)

quarantines = Table(
    "quarantines",
    metadata,
    key("id"),
    text("volume_id", ForeignKey("volumes.id")),
    text("dataset", ForeignKey("datasets.slug")),
    text("why"),
    text("told"),
    text("contact"),
    when("since"),
    text("added_by"),
    perhaps_when("released"),
    text("released_by"),
    text("released_why"),
    unique_where("uq_quarantines_standing", "volume_id", "dataset", where="released IS NULL"),
    Index(None, "dataset"),
)

unsafe_images = Table(
    "unsafe_images",
    metadata,
    key("entry", ForeignKey("images.slug")),
    text("why"),
    when("since"),
    perhaps_when("cleared"),
)

group_words = Table(
    "group_words",
    metadata,
    key("person_id", ForeignKey("persons.id")),
    key("group"),
    has("held", Boolean),
    when("told"),
)
