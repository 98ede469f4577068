"""The tables of warnings to idle servers, of the time that was asked for, and of how GPUs were used."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Table

from hub_ext.adapters.store.columns import OneOf
from hub_ext.adapters.store.table_parts import has, key, metadata, perhaps_when, text, when
from hub_ext.model import StopReason

idle_warnings = Table(
    "idle_warnings",
    metadata,
    key("launch_id", ForeignKey("launches.id")),
    has("reason", OneOf(StopReason)),
    when("at"),
    when("since"),
)

extensions = Table(
    "extensions",
    metadata,
    key("launch_id", ForeignKey("launches.id")),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    when("until"),
    when("asked"),
    text("asked_by"),
)

gpu_use = Table(
    "gpu_use",
    metadata,
    key("lease_id", ForeignKey("leases.id")),
    when("since"),
    when("seen"),
    has("watched_seconds", Float),
    has("used_seconds", Float),
    perhaps_when("worked"),
)
