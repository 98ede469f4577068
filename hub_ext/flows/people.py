"""Persons: added by a steward or at their first sign-in, changed, ended.

The record holds ids only. Names, addresses and subjects stand in the persons table and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from hub_ext.adapters.store import Tx, persons
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, ActorKind, Person, PersonKind, SiteRole, Verb
from hub_ext.phrase import Phrase

HIDDEN = frozenset({"username", "display_name", "email", "subject"})
LANGUAGES = ("en", "fr")
SIGN_IN = Actor(ActorKind.SERVICE, "sign-in")


class PersonChanges(TypedDict, total=False):
    """What may be changed of a person. `roles` and the rest replace the former value."""

    username: str
    display_name: str
    email: str
    language: str
    kind: PersonKind
    roles: tuple[SiteRole, ...]
    sponsor_id: str | None
    valid_until: datetime | None


def person_named(tx: Tx, text: str) -> Person:
    """The living person with that username, or the person with that id. Raises InputError."""
    person = persons.find_username(tx, text) or persons.find(tx, text)
    if person is None:
        raise InputError(
            "There is no person with the username or id {text!r}.",
            advice="`hub-ext person list` shows everybody.",
            text=text,
        )
    return person


def names(site: Site, ids: Iterable[str]) -> dict[str, str]:
    """How these persons are called, for whoever may read it; unknown ids (host users) are left out."""
    with site.store.reading() as tx:
        return {known.id: known.display_name for known in persons.listing(tx, ids=set(ids))}


def ids_named(site: Site, texts: Iterable[str]) -> tuple[str, ...]:
    """The ids of these usernames, or ids, in their order. Raises InputError for one that nobody has."""
    with site.store.reading() as tx:
        return tuple(person_named(tx, text).id for text in texts)


def person_of(site: Site, person_id: str) -> Person:
    """The person of that id, ended or not. Raises NotFound."""
    with site.store.reading() as tx:
        return persons.get(tx, person_id)


def username_of(site: Site, person_id: str) -> str:
    """The username of that person. Raises NotFound."""
    return person_of(site, person_id).username


def search(site: Site, words: str, *, ended: bool = False) -> tuple[Person, ...]:
    """Those whose username, name or address holds every one of the words, by username."""
    wanted = words.casefold().split()
    with site.store.reading() as tx:
        known = persons.listing(tx)
    found = (
        person
        for person in known
        if (ended or not person.ended)
        and all(one in f"{person.username} {person.display_name} {person.email}".casefold() for one in wanted)
    )
    return tuple(sorted(found, key=lambda person: f"{person.username} {person.id}"))


def add_person(
    site: Site,
    actor: Actor,
    *,
    issuer: str,
    subject: str,
    username: str,
    display_name: str = "",
    email: str = "",
    language: str = "en",
    kind: PersonKind = PersonKind.STAFF,
    roles: tuple[SiteRole, ...] = (),
    sponsor_id: str | None = None,
    valid_until: datetime | None = None,
) -> Person:
    """A new person with a uid of their own, and no rights in any project.

    Raises InputError where (issuer, subject) is known or a living person has the username.
    """
    with site.store.transaction() as tx:
        person = Person(
            id=new_id("per"),
            issuer=checks.line(issuer, Phrase("issuer"), required=True),
            subject=checks.line(subject, Phrase("subject"), required=True),
            username=username,
            display_name=display_name or username,
            uid=persons.next_uid(tx),
            created=site.now(),
            email=email,
            language=language,
            kind=kind,
            roles=_distinct(roles),
            sponsor_id=sponsor_id,
            valid_until=valid_until,
        )
        if persons.find_sign_in(tx, person.issuer, person.subject):
            raise InputError(
                "Somebody is known already by the subject {subject!r} of {issuer!r}.",
                advice="A subject is never reused. `hub-ext person list --all` shows ended people too.",
                subject=subject,
                issuer=issuer,
            )
        return _add(site, tx, actor, person)


def change_person(
    site: Site,
    actor: Actor,
    person_id: str,
    *,
    expected: Person | None = None,
    **changes: Unpack[PersonChanges],
) -> Person:
    """The person with these fields changed. Raises InputError, and NotFound for an unknown id."""
    with site.store.transaction() as tx:
        before = checks.unchanged(living_person(tx, person_id), expected)
        return _change(site, tx, actor, before, **changes)


def end_person(site: Site, actor: Actor, person_id: str, why: str) -> Person:
    """The person, ended: signs in no more, and running sessions end at the next sweep. Never undone.

    Somebody who comes back under the same subject is refused until a steward adds them with a new one.
    """
    with site.store.transaction() as tx:
        person = replace(living_person(tx, person_id), ended=site.now())
        persons.replace(tx, person)
        facts = {"why": checks.line(why, Phrase("reason"), required=True)}
        site.record(tx, actor, Verb.PERSON_ENDED, person.id, facts)
    return person


def sign_in(
    site: Site,
    issuer: str,
    subject: str,
    username: str,
    *,
    display_name: str = "",
    email: str = "",
) -> Person | None:
    """Who signed in; None for a person who was ended, and for an unknown one unless sign_in is "oauth".

    Then an unknown person gets a row without memberships, so that a steward can find them: they may
    sign in and start nothing. A username that somebody else once had brings nothing of theirs.

    Raises InputError where another living person has the username: the Hub knows people by username
    only, so letting both in would hand one the other's servers.
    """
    display_name, email = _claim(display_name), _claim(email)
    with site.store.reading() as tx:
        person = persons.find_sign_in(tx, issuer, subject)
    if person and (person.ended or not _renewed(person, username, display_name, email)):
        return None if person.ended else person
    if person is None and site.settings.sign_in != "oauth":
        return None
    with site.store.transaction() as tx:
        # Read again: two sign-ins of one person may be under way.
        person = persons.find_sign_in(tx, issuer, subject)
        if person is None:
            person = Person(
                id=new_id("per"),
                issuer=checks.line(issuer, Phrase("issuer"), required=True),
                subject=checks.line(subject, Phrase("subject"), required=True),
                username=username,
                display_name=display_name or username,
                uid=persons.next_uid(tx),
                created=site.now(),
                email=email,
            )
            return _add(site, tx, SIGN_IN, person)
        if person.ended:
            return None
        changes = _renewed(person, username, display_name, email)
        return _change(site, tx, SIGN_IN, person, **changes) if changes else person


def _claim(text: str) -> str:
    """A provider's text as one printable line: an odd name must not keep anybody out."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:255]


def _renewed(person: Person, username: str, display_name: str, email: str) -> PersonChanges:
    """What the sign-in says differently from what we hold; a claim left out changes nothing."""
    changes = PersonChanges()
    if username != person.username:
        changes["username"] = username
    if display_name and display_name != person.display_name:
        changes["display_name"] = display_name
    if email and email != person.email:
        changes["email"] = email
    return changes


def _add(site: Site, tx: Tx, actor: Actor, person: Person) -> Person:
    person = _checked(tx, person)
    persons.add(tx, person)
    facts = {
        "issuer": person.issuer,
        "uid": person.uid,
        "kind": person.kind,
        "roles": person.roles,
        "sponsor": person.sponsor_id,
        "valid_until": person.valid_until,
    }
    site.record(tx, actor, Verb.PERSON_ADDED, person.id, facts)
    return person


def _change(site: Site, tx: Tx, actor: Actor, before: Person, **changes: Unpack[PersonChanges]) -> Person:
    if "roles" in changes:
        changes["roles"] = _distinct(changes["roles"])
    person = _checked(tx, replace(before, **changes))
    facts = checks.changed(before, person, hidden=HIDDEN)
    persons.replace(tx, person)
    site.record(tx, actor, Verb.PERSON_CHANGED, person.id, {"changed": facts})
    return person


def _checked(tx: Tx, person: Person) -> Person:
    """The person with clean texts. Raises InputError."""
    username = checks.line(person.username, Phrase("username"), required=True, most=255)
    if "/" in username or username != username.lower():
        raise InputError(
            "The username {username!r} is not one of the Hub's.",
            advice="Use lower case, without /.",
            username=username,
        )
    if person.language not in LANGUAGES:
        raise InputError(
            "There is no language {language!r}.", advice="Use en or fr.", language=person.language
        )
    held = persons.find_username(tx, username)
    if held and held.id != person.id:
        raise InputError(
            "Another person has the username {username!r}.",
            advice="End that person first (`hub-ext person end`), or use another username.",
            username=username,
        )
    if person.sponsor_id is not None:
        if person.sponsor_id == person.id:
            raise InputError("Nobody sponsors themselves.", advice="Name another person.")
        living_person(tx, person.sponsor_id)
    return replace(
        person,
        username=username,
        display_name=checks.line(person.display_name, Phrase("display name"), most=255),
        email=checks.line(person.email, Phrase("e-mail address"), most=255),
    )


def _distinct(roles: tuple[SiteRole, ...]) -> tuple[SiteRole, ...]:
    return tuple(role for role in SiteRole if role in roles)


def living_person(tx: Tx, person_id: str) -> Person:
    """The person of that id, not ended. Raises InputError, NotFound."""
    person = persons.get(tx, person_id)
    if person.ended:
        raise InputError(
            "{username} was ended on {ended}.",
            advice="An ended person never comes back; add a new one.",
            username=person.username,
            ended=person.ended,
        )
    return person
