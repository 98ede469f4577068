"""The site's records in SQLite or PostgreSQL: a module per noun, plain functions taking a `Tx` first.

`get` raises NotFound where `find` returns None; `add` raises Conflict on duplicates; `replace` updates by
key; `listing` filters. All of it is synchronous: from a coroutine, use `asyncio.to_thread`.
"""

from hub_ext.adapters.store import (
    acceptances,
    approvals,
    audit,
    audit_search,
    datasets,
    exposures,
    gpus,
    grants,
    held_time,
    image_checks,
    images,
    launches,
    leases,
    letters,
    memberships,
    nodes,
    persons,
    projects,
    proposals,
    remembered,
    request_questions,
    requests,
    revisions,
    stop_notes,
    terms,
    versions,
    volumes,
)
from hub_ext.adapters.store.database import Store
from hub_ext.adapters.store.rows import Tx

__all__ = [
    "Store",
    "Tx",
    "acceptances",
    "approvals",
    "audit",
    "audit_search",
    "datasets",
    "exposures",
    "gpus",
    "grants",
    "held_time",
    "image_checks",
    "images",
    "launches",
    "leases",
    "letters",
    "memberships",
    "nodes",
    "persons",
    "projects",
    "proposals",
    "remembered",
    "request_questions",
    "requests",
    "revisions",
    "stop_notes",
    "terms",
    "versions",
    "volumes",
]
