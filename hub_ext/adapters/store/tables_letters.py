"""The table of the outbox."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Table

from hub_ext.adapters.store.columns import OneOf
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
from hub_ext.model.letters import LetterKind

letters = Table(
    "letters",
    metadata,
    key("id"),
    has("kind", OneOf(LetterKind)),
    text("person_id", ForeignKey("persons.id")),
    text("path"),
    when("created"),
    when("due"),
    whole("tries"),
    perhaps_when("sent"),
    perhaps_when("given_up"),
    text("problem"),
    # One reminder of one end for one person, however often it is looked at.
    unique_where("uq_letters_grant_ends", "person_id", "path", where="kind = 'grant-ends'"),
    unique_where("ix_letters_open", "due", "id", where="sent IS NULL AND given_up IS NULL"),
)
