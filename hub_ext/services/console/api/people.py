"""People: found, added, given roles, ended."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from hub_ext.adapters.hub_api import HubApiError
from hub_ext.flows import people as flows
from hub_ext.model import Person as PersonValue
from hub_ext.model import PersonKind, SiteRole
from hub_ext.model.duties import Deed
from hub_ext.services.console.api.parts import Reason, Short
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.erasing import erase
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation, Problem

Roles = Annotated[tuple[SiteRole, ...], Field(max_length=10)]
MOST = 1000


class Person(ApiModel):
    """Somebody who signs in."""

    id: str
    issuer: str
    username: str
    display_name: str
    email: str
    language: str
    kind: PersonKind
    roles: tuple[SiteRole, ...]
    sponsor_id: str | None
    valid_until: AwareDatetime | None
    created: AwareDatetime
    ended: AwareDatetime | None


class NewPerson(ApiModel):
    """A person to add, keyed by who signs them in."""

    issuer: Short
    subject: Short
    username: Short
    display_name: Short = ""
    email: Short = ""
    language: Annotated[str, Field(max_length=2)] = "en"
    kind: PersonKind = PersonKind.STAFF
    roles: Roles = ()
    sponsor_id: Short | None = None
    valid_until: AwareDatetime | None = None


class PersonPatch(ApiModel):
    """What is to be another value; null takes a sponsor or an end away."""

    username: Short | None = None
    display_name: Short | None = None
    email: Short | None = None
    language: Annotated[str, Field(max_length=2)] | None = None
    kind: PersonKind | None = None
    roles: Roles | None = None
    sponsor_id: Short | None = None
    valid_until: AwareDatetime | None = None


class PeopleQuery(ApiModel):
    """`q`: words of the username or the name; `after` is the `next` of the page before."""

    q: Annotated[str, Field(max_length=100)] = ""
    ended: bool = False
    limit: int = 100
    after: Annotated[str, Field(max_length=300)] = ""


def listing(call: Call) -> Listed[Person]:
    """People, by username."""
    limit = max(1, min(call.query.limit, MOST))
    known = flows.search(call.site, call.query.q, ended=call.query.ended)
    found = [person for person in known if f"{person.username} {person.id}" > call.query.after]
    last = found[limit - 1] if len(found) > limit else None
    more = f"{last.username} {last.id}" if last else ""
    return Listed[Person](items=tuple(_shown(person) for person in found[:limit]), next=more)


def add(call: Call) -> Answer:
    """A new person, with no right in any project."""
    made = flows.add_person(call.site, call.actor, **dict(call.body))
    return Answer(_shown(made), version=edition_of(made), location=f"people/{made.id}")


def one(call: Call) -> Answer:
    """One person."""
    found = flows.person_of(call.site, call.path["id"])
    return Answer(_shown(found), version=edition_of(found))


def change(call: Call) -> Answer:
    """The person with these fields changed; nobody changes their own."""
    before = flows.person_of(call.site, call.path["id"])
    call.require(Deed.WRITE_PERSON, requested_by=before.id)
    asked: dict[str, Any] = {
        name: getattr(call.body, name)
        for name in call.body.model_fields_set
        if getattr(call.body, name) is not None or name in ("sponsor_id", "valid_until")
    }
    expected = seen(before, call.version)
    made = flows.change_person(call.site, call.actor, before.id, expected=expected, **asked)
    return Answer(_shown(made), version=edition_of(made))


def end(call: Call) -> Person:
    """The person, ended for good."""
    before = flows.person_of(call.site, call.path["id"])
    call.require(Deed.WRITE_PERSON, requested_by=before.id)
    return _shown(flows.end_person(call.site, call.actor, before.id, call.body.why))


async def erase_name(call: Call) -> Person:
    """The ended person without a name, here and at the Hub."""
    before = await asyncio.to_thread(flows.person_of, call.site, call.path["id"])
    call.require(Deed.WRITE_PERSON, requested_by=before.id)
    try:
        return _shown(await erase(call.site, call.actor, before.id, call.body.why))
    except HubApiError as error:
        raise Problem(503, "The Hub does not answer: nothing was erased", advice="Try later.") from error


def _shown(person: PersonValue) -> Person:
    return Person(**{name: getattr(person, name) for name in Person.model_fields})


WRITE: dict[str, Any] = {"deed": Deed.WRITE_PERSON}
OPERATIONS = (
    Operation("GET", "/people", "People", listing, **WRITE, query=PeopleQuery, answer=Listed[Person]),
    Operation("POST", "/people", "Add a person", add, **WRITE, body=NewPerson, answer=Person, status=201),
    Operation("GET", "/people/{id}", "One person", one, **WRITE, answer=Person),
    Operation(
        *("PATCH", "/people/{id}", "Change them", change),
        **WRITE,
        body=PersonPatch,
        answer=Person,
        conditional=True,
    ),
    Operation("POST", "/people/{id}/end", "End them for good", end, **WRITE, body=Reason, answer=Person),
    Operation(
        *("POST", "/people/{id}/erase", "Erase the name of one who was ended", erase_name),
        **WRITE,
        body=Reason,
        answer=Person,
    ),
)
