"""The table of proposed members."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

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
from hub_ext.model import MemberRole
from hub_ext.model.proposals import ProposalState

proposals = Table(
    "proposals",
    metadata,
    key("id"),
    text("project", ForeignKey("projects.slug")),
    text("person_id", ForeignKey("persons.id")),
    has("role", OneOf(MemberRole)),
    text("proposed_by"),
    when("created"),
    has("state", OneOf(ProposalState)),
    perhaps_when("valid_until"),
    Column("group", Text),
    perhaps_when("decided"),
    text("decided_by"),
    text("reason"),
    Column("membership_id", Text, ForeignKey("memberships.id")),
    unique_where("uq_proposals_waiting", "person_id", "project", where="state = 'waiting'"),
    Index(None, "project", "state"),
)
