"""The tables of requests for access."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

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
from hub_ext.model.requests import RequestState

requests = Table(
    "requests",
    metadata,
    key("id"),
    text("dataset", ForeignKey("datasets.slug")),
    text("project", ForeignKey("projects.slug")),
    text("person_id", ForeignKey("persons.id")),
    text("purpose"),
    when("created"),
    has("state", OneOf(RequestState)),
    perhaps_when("wanted_until"),
    perhaps_when("decided"),
    text("decided_by"),
    text("reason"),
    Column("grant_id", Text, ForeignKey("grants.id")),
    unique_where(
        *("uq_requests_waiting", "person_id", "project", "dataset"),
        where="state IN ('open', 'asked-back')",
    ),
    Index(None, "state", "created"),
    Index(None, "dataset"),
)

request_questions = Table(
    "request_questions",
    metadata,
    key("request_id", ForeignKey("requests.id")),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    text("text"),
    when("asked"),
    text("asked_by"),
    text("answer"),
    perhaps_when("answered"),
)
