"""Proposed members. At most one waits for a person and a project."""

from __future__ import annotations

from hub_ext.adapters.store.rows import Rows, Tx
from hub_ext.adapters.store.tables_proposals import proposals
from hub_ext.model.proposals import MemberProposal, ProposalState
from hub_ext.phrase import Phrase

_rows = Rows(proposals, MemberProposal, Phrase("proposal"))


def find(tx: Tx, proposal_id: str) -> MemberProposal | None:
    """The proposal with that id, or None."""
    return _rows.find(tx, proposal_id)


def get(tx: Tx, proposal_id: str) -> MemberProposal:
    """The proposal with that id. Raises NotFound."""
    return _rows.get(tx, proposal_id)


def listing(
    tx: Tx, *, project: str | None = None, state: ProposalState | None = None
) -> tuple[MemberProposal, ...]:
    """Proposals, the oldest first."""
    query = _rows.select().order_by(proposals.c.created, proposals.c.id)
    if project is not None:
        query = query.where(proposals.c.project == project)
    if state is not None:
        query = query.where(proposals.c.state == state)
    return _rows.all(tx, query)


def add(tx: Tx, proposal: MemberProposal) -> None:
    """Raises Conflict where one waits already, NotFound where what it refers to is unknown."""
    _rows.add(tx, proposal)


def replace(tx: Tx, proposal: MemberProposal) -> None:
    """Update by id. Raises NotFound."""
    _rows.replace(tx, proposal)
