"""The table of trials of image revisions."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Table

from hub_ext.adapters.store.columns import PHRASES, OneOf
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
from hub_ext.model.image_checks import CheckOutcome, CheckRunner

image_checks = Table(
    "image_checks",
    metadata,
    key("id"),
    text("entry"),
    whole("number"),
    text("digest"),
    when("started"),
    text("checked_by"),
    perhaps_when("ended"),
    has("outcome", OneOf(CheckOutcome)),
    whole("status"),
    text("log"),
    ForeignKeyConstraint(["entry", "number"], ["revisions.entry", "revisions.number"]),
    Index(None, "entry", "started"),
    # One at a time of an entry, whoever asks for it.
    unique_where("uq_image_checks_running", "entry", where="outcome = 'running'"),
)
image_check_runs = Table(
    "image_check_runs",
    metadata,
    key("check_id", ForeignKey("image_checks.id")),
    has("runner", OneOf(CheckRunner)),
    when("seen"),
    has("why", PHRASES),
)
