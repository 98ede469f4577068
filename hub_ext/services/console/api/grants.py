"""Grants: given, renewed, revoked; the sessions that a revocation would end."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.flows import grant_ends, overview, people
from hub_ext.flows import grants as flows
from hub_ext.flows.overview import GrantState, GrantView
from hub_ext.model.duties import Deed
from hub_ext.services.console.api.parts import Names, Reason, Session, Short, Slug, session
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation


class Grant(ApiModel):
    """A dataset given to a project. Ends are exclusive; `until` is the first of its own and its approval's.

    `approval` is the reference, `purpose` what it was given for.
    """

    id: str
    dataset: str
    project: str
    state: GrantState
    version: int | None
    members: tuple[str, ...]
    approval_id: str
    approval: str
    purpose: str
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    until: AwareDatetime
    granted_by: str
    created: AwareDatetime
    revoked: AwareDatetime | None
    revoked_why: str


class NewGrant(ApiModel):
    """What is given. `members` are usernames or ids; empty: everybody of the project."""

    dataset: Slug
    project: Slug
    valid_until: AwareDatetime
    valid_from: AwareDatetime | None = None
    approval: Short = ""
    version: Annotated[int, Field(ge=1, le=10**8)] | None = None
    members: Names = ()


class GivenGrant(ApiModel):
    """The new grant, and what its steward should know."""

    grant: Grant
    warnings: tuple[str, ...]


class Renewal(ApiModel):
    """A later end, under an approval that covers it."""

    valid_until: AwareDatetime
    approval: Short = ""


class GrantQuery(ApiModel):
    """Which grants. `ending_days`: only those that end within so many days, the first end first."""

    dataset: Annotated[str, Field(max_length=40)] = ""
    project: Annotated[str, Field(max_length=40)] = ""
    living: bool = False
    ending_days: Annotated[int, Field(ge=0, le=36_500)] | None = None


def listing(call: Call) -> Listed[Grant]:
    """Grants of the datasets that the caller may see, the newest first."""
    query = call.query
    views = overview.grant_views(call.site, dataset=query.dataset or None, project=query.project or None)
    if query.ending_days is not None:
        held = {view.grant.id: view for view in views}
        soon = grant_ends.ending_soon(call.site, timedelta(days=query.ending_days))
        views = tuple(held[ending.grant.id] for ending in soon if ending.grant.id in held)
    return Listed[Grant](
        items=tuple(
            _shown(view)
            for view in views
            if (view.state.living or not query.living)
            and call.visitor.may(Deed.READ_DATA, dataset=view.grant.dataset) is None
        )
    )


def add(call: Call) -> Answer:
    """Gives a dataset to a project."""
    body = call.body
    call.require(Deed.WRITE_GRANT, dataset=body.dataset)
    made = flows.add_grant(
        *(call.site, call.actor, body.dataset, body.project),
        valid_until=body.valid_until,
        valid_from=body.valid_from,
        approval=body.approval,
        version=body.version,
        members=people.ids_named(call.site, body.members),
    )
    grant = _shown(overview.grant_view(call.site, made.grant.id))
    return Answer(
        GivenGrant(grant=grant, warnings=tuple(map(str, made.warnings))),
        version=edition_of(made.grant),
        location=f"grants/{grant.id}",
    )


def one(call: Call) -> Answer:
    """One grant."""
    view = _found(call)
    return Answer(_shown(view), version=edition_of(view.grant))


def renew(call: Call) -> Answer:
    """The grant with a later end."""
    view = _found(call)
    call.require(Deed.WRITE_GRANT, dataset=view.grant.dataset)
    made = flows.renew_grant(
        *(call.site, call.actor, view.grant.id, call.body.valid_until),
        approval=call.body.approval,
        expected=seen(view.grant, call.version),
    )
    return Answer(_shown(_found(call)), version=edition_of(made))


def revoke(call: Call) -> Grant:
    """The grant, revoked: sessions that rest on it stop within a minute."""
    view = _found(call)
    call.require(Deed.WRITE_GRANT, dataset=view.grant.dataset)
    flows.revoke_grant(call.site, call.actor, view.grant.id, call.body.why)
    return _shown(_found(call))


def ends(call: Call) -> Listed[Session]:
    """The sessions that a revocation would stop."""
    view = _found(call)
    return Listed[Session](
        items=tuple(session(launch) for launch in grant_ends.by_revoking(call.site, view.grant.id))
    )


def _found(call: Call) -> GrantView:
    view = overview.grant_view(call.site, call.path["id"])
    call.require(Deed.READ_DATA, dataset=view.grant.dataset)
    return view


def _shown(view: GrantView) -> Grant:
    grant = view.grant
    own = ("state", "version", "approval", "purpose", "until")
    return Grant(
        **{name: getattr(grant, name) for name in Grant.model_fields if name not in own},
        state=view.state,
        version=view.version,
        approval=view.approval.reference,
        purpose=view.approval.purpose,
        until=view.until,
    )


OPERATIONS = (
    Operation(
        *("GET", "/grants", "Grants", listing),
        deed=Deed.READ_DATA,
        query=GrantQuery,
        answer=Listed[Grant],
    ),
    Operation("POST", "/grants", "Give a dataset", add, body=NewGrant, answer=GivenGrant, status=201),
    Operation("GET", "/grants/{id}", "One grant", one, answer=Grant),
    Operation(*("PATCH", "/grants/{id}", "Renew it", renew), body=Renewal, answer=Grant, conditional=True),
    Operation("POST", "/grants/{id}/revoke", "Revoke it", revoke, body=Reason, answer=Grant),
    Operation("GET", "/grants/{id}/ends", "What revoking it would stop", ends, answer=Listed[Session]),
)
