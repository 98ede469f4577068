"""Reading the record of one person: with a reason, which is on the record itself."""

from __future__ import annotations

from datetime import timedelta

from hub_ext.adapters.store import Tx, audit_search, persons
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Person, Verb
from hub_ext.phrase import Phrase

HOLDS = timedelta(hours=1)


def look_up(site: Site, actor: Actor, person: str, why: str) -> Person:
    """The person of that username or id, ended ones too; from now on, for HOLDS, `actor` may read about them.

    Raises InputError where the reason is empty, or it is not clear who is meant.
    """
    why = checks.line(why, Phrase("reason"), most=2000, required=True)
    with site.store.transaction() as tx:
        found = person_ever_named(tx, person)
        site.record(tx, actor, Verb.PERSON_LOOKED_UP, found.id, {"why": why})
    return found


def looked_up(site: Site, actor: Actor, person_id: str) -> bool:
    """Whether `actor` gave a reason within HOLDS."""
    with site.store.reading() as tx:
        held = audit_search.page(
            tx,
            about=[("person", person_id), ("person", actor.id)],
            verbs=(Verb.PERSON_LOOKED_UP,),
            since=site.now() - HOLDS,
            limit=100,
        )
    return any(event.subject == person_id and event.actor == actor for event in held)


def person_ever_named(tx: Tx, text: str) -> Person:
    """The person of that username or id, those who left included: they have a past too. Raises InputError."""
    found = [person for person in persons.listing(tx) if text in (person.id, person.username)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = tuple(person.id for person in found)
        raise InputError(
            "Several persons had the username {text!r}.", advice="Say whom: {ids}.", text=text, ids=ids
        )
    raise InputError(
        "There is no person with the username or id {text!r}.",
        advice="`hub-ext person list --all` shows everybody.",
        text=text,
    )
