"""The outbox: written in the transaction of what it tells, sent later, tried again with longer rests.

Off until `c.HubExt.mail` names a server: then nothing is written either, so that no old news goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub_ext.adapters import mail
from hub_ext.adapters.store import Tx, datasets, letters, memberships, persons
from hub_ext.errors import MailError
from hub_ext.expression.letters import letter_text
from hub_ext.flows import grant_ends
from hub_ext.flows.site import Site, new_id
from hub_ext.model import MemberRole, Person, SiteRole
from hub_ext.model.letters import Letter, LetterKind
from hub_ext.policy.rights import covers

AT_ONCE = 20
FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(hours=12)
MOST_TRIES = 12  # about three days
MOST_AGE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round did."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0


def tell(tx: Tx, site: Site, kind: LetterKind, people: Iterable[str], path: str) -> None:
    """A letter for each of these persons who is living and has an address."""
    if site.settings.mail is None:
        return
    for person_id in sorted(set(people)):
        person = persons.find(tx, person_id)
        if person is not None and not person.ended and "@" in person.email:
            letters.add(tx, Letter(new_id("let"), kind, person_id, path, site.now(), site.now()))


def stewards_of(tx: Tx, dataset: str) -> frozenset[str]:
    """Who looks after a dataset: its own stewards, else every steward of the site that the store knows."""
    known = datasets.find(tx, dataset)
    return frozenset(known.stewards) if known is not None and known.stewards else stewards(tx)


def stewards(tx: Tx) -> frozenset[str]:
    """Every steward of the site that the store knows; a sign-in provider's groups are not asked."""
    return frozenset(person.id for person in persons.listing(tx) if SiteRole.STEWARD in person.roles)


def placed(tx: Tx, site: Site, project: str, role: MemberRole) -> frozenset[str]:
    """Who has this place in the project now."""
    return frozenset(
        place.person_id
        for place in memberships.listing(tx, project=project)
        if place.role is role
        and place.ended is None
        and covers(place.valid_from, place.valid_until, site.now())
    )


def remind(site: Site) -> int:
    """Letters for grants that end soon, to their stewards and to the project's leads; each once."""
    if site.settings.mail is None:
        return 0
    written = 0
    soon = grant_ends.ending_soon(site)
    with site.store.transaction() as tx:
        for ending in soon:
            grant = ending.grant
            people = stewards_of(tx, grant.dataset) | placed(tx, site, grant.project, MemberRole.LEAD)
            # A renewed grant has another end, of which they hear again.
            path = f"grants/{grant.id}?end={ending.at:%Y%m%d}"
            new = {one for one in people if not letters.known(tx, LetterKind.GRANT_ENDS, one, path)}
            tell(tx, site, LetterKind.GRANT_ENDS, new, path)
            written += len(new)
    return written


async def send_due(site: Site) -> Sent:
    """Sends what is due, a few at once. A server that is down puts everything off, and nothing is lost."""
    settings = site.settings.mail
    if settings is None:
        return Sent()
    await asyncio.to_thread(remind, site)
    done = Sent()
    for letter, person in await asyncio.to_thread(_due, site):
        problem = await asyncio.to_thread(_try, site, letter, person)
        done = await asyncio.to_thread(_write, site, letter, problem, done)
    return done


def _due(site: Site) -> tuple[tuple[Letter, Person], ...]:
    with site.store.reading() as tx:
        found = letters.listing(tx, due=site.now(), limit=AT_ONCE)
        return tuple((letter, persons.get(tx, letter.person_id)) for letter in found)


def _try(site: Site, letter: Letter, person: Person) -> MailError | None:
    assert site.settings.mail is not None
    if person.ended or "@" not in person.email:
        return MailError("Nobody to write to.", lasting=True, cause="address")
    root = site.settings.browser_url
    subject, text = letter_text(letter.kind, person.language, f"{root}/services/console/{letter.path}")
    try:
        mail.send(site.settings.mail, person.email, subject, text)
    except MailError as error:
        return error
    return None


def _write(site: Site, letter: Letter, problem: MailError | None, done: Sent) -> Sent:
    now = site.now()
    tries = letter.tries + 1
    if problem is None:
        after, done = replace(letter, tries=tries, sent=now, problem=""), replace(done, sent=done.sent + 1)
    elif problem.lasting or tries >= MOST_TRIES or now - letter.created > MOST_AGE:
        after = replace(letter, tries=tries, given_up=now, problem=problem.cause)
        done = replace(done, given_up=done.given_up + 1)
    else:
        after = replace(letter, tries=tries, due=now + rest(tries), problem=problem.cause)
        done = replace(done, put_off=done.put_off + 1)
    with site.store.transaction() as tx:
        letters.replace(tx, after)
    return done


def rest(tries: int) -> timedelta:
    """How long to wait after so many failed tries: twice as long each time, up to half a day."""
    longer: timedelta = FIRST_REST * (1 << min(tries - 1, 20))
    return min(longer, LONGEST_REST)


def waiting(site: Site) -> tuple[tuple[Letter, datetime], ...]:
    """Letters that are still to be sent, and when each is tried next."""
    with site.store.reading() as tx:
        return tuple((letter, letter.due) for letter in letters.listing(tx))
