"""Erasure of a name: the person's row and their launches forget it, the record goes on naming the id.

What is kept: the id, the uid (files are owned by it), dates, rights and launches. The sign-in's subject
goes too: whoever signs in with it again is somebody new, without rights. Names that somebody typed into a
reason or a purpose stay where they were typed. The Hub keeps the username in a database of its own: the
console has it forget its user first, whoever erases by the command does so by hand; logs and backups stay.
"""

from __future__ import annotations

from dataclasses import replace

from hub_ext.adapters.store import Tx, launches, persons, queue
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Person, Verb
from hub_ext.phrase import Phrase

ISSUER = "erased"


def to_forget(site: Site, person_id: str, why: str) -> str:
    """The username that the Hub is to forget before that person's name is erased; "" where another bears it.

    Raises what `erase_person` would.
    """
    with site.store.reading() as tx:
        person, _ = _erasable(tx, person_id, why)
        return "" if persons.find_username(tx, person.username) else person.username


def erase_person(site: Site, actor: Actor, person_id: str, why: str) -> Person:
    """The person without a name, never undone. Raises NotFound, and InputError for one who was not ended."""
    with site.store.transaction() as tx:
        person, why = _erasable(tx, person_id, why)
        nameless = _nameless(person)
        person = replace(
            person, issuer=ISSUER, subject=person.id, username=nameless, display_name=nameless, email=""
        )
        persons.replace(tx, person)
        launches.rename(tx, person.id, nameless)
        queue.rename(tx, person.id, nameless)
        site.record(tx, actor, Verb.PERSON_ERASED, person.id, {"why": why})
    site.store.forget()
    return person


def _erasable(tx: Tx, person_id: str, why: str) -> tuple[Person, str]:
    why = checks.line(why, Phrase("reason"), most=2000, required=True)
    person = persons.get(tx, person_id)
    if person.ended is None:
        raise InputError(
            "Only the name of an ended person is erased.", advice="`hub-ext person end` comes first."
        )
    if launches.listing(tx, person_id=person.id, active=True):
        raise InputError("A session of this person still runs.", advice="Wait until it has ended.")
    if person.username == _nameless(person):
        raise InputError("This name is erased already.")
    return person, why


def _nameless(person: Person) -> str:
    return f"erased-{person.uid}"
