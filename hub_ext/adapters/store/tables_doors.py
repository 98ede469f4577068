"""The tables of routes, and of when servers were last used and have been busy."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Table

from hub_ext.adapters.store.table_parts import has, key, metadata, text, when

routes = Table(
    "routes",
    metadata,
    key("routespec"),
    text("target"),
    has("facts", JSON),
    when("created"),
)

server_uses = Table(
    "server_uses",
    metadata,
    key("launch_id", ForeignKey("launches.id")),
    when("last_use"),
)

busy_since = Table(
    "busy_since",
    metadata,
    key("launch_id", ForeignKey("launches.id")),
    when("since"),
)
