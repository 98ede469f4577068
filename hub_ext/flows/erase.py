"""Erasure of a name: the person's row and their launches forget it, the record goes on naming the id.

What is kept: the id, the uid (files are owned by it), dates, rights and launches. The sign-in's subject
goes too: whoever signs in with it again is somebody new, without rights. Names that somebody typed into a
reason or a purpose stay where they were typed; the Hub keeps the username in a database of its own.
"""

from __future__ import annotations

from dataclasses import replace

from hub_ext.adapters.store import launches, persons
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Person, Verb
from hub_ext.phrase import Phrase

ISSUER = "erased"


def erase_person(site: Site, actor: Actor, person_id: str, why: str) -> Person:
    """The person without a name, never undone. Raises NotFound, and InputError for one who was not ended."""
    why = checks.line(why, Phrase("reason"), most=2000, required=True)
    with site.store.transaction() as tx:
        person = persons.get(tx, person_id)
        if person.ended is None:
            raise InputError(
                "Only the name of an ended person is erased.", advice="`hub-ext person end` comes first."
            )
        if launches.listing(tx, person_id=person.id, active=True):
            raise InputError("A session of this person still runs.", advice="Wait until it has ended.")
        nameless = f"erased-{person.uid}"
        if person.username == nameless:
            raise InputError("This name is erased already.")
        person = replace(
            person, issuer=ISSUER, subject=person.id, username=nameless, display_name=nameless, email=""
        )
        persons.replace(tx, person)
        launches.rename(tx, person.id, nameless)
        site.record(tx, actor, Verb.PERSON_ERASED, person.id, {"why": why})
    site.store.forget()
    return person
