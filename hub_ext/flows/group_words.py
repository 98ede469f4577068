"""What the sign-in provider says of the groups that memberships ask for, kept from one refresh to the next.

Sessions that rest on such a membership end when the provider says that the person is not in its group. A
provider that says nothing changes nothing here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hub_ext.adapters.store import Tx, group_words, memberships
from hub_ext.flows.people import SIGN_IN
from hub_ext.flows.site import Site
from hub_ext.model import GroupWord, Person, Verb


def told(site: Site, person: Person, groups: Collection[str]) -> None:
    """Keeps whether the person is in each group that a membership of theirs asks for.

    `groups` are all of theirs, as the provider has just said. Of other groups nothing is kept.
    """
    with site.store.reading() as tx:
        if not _news(tx, person, groups):
            return
    with site.store.transaction() as tx:
        for group in _news(tx, person, groups):
            _keep(tx, site, GroupWord(person.id, group, group in groups, site.now()))


def _news(tx: Tx, person: Person, groups: Collection[str]) -> list[str]:
    """The groups of which something else is known, or nothing."""
    asked = {
        place.group
        for place in memberships.listing(tx, person_id=person.id)
        if place.group and not place.ended
    }
    known = {word.group: word.held for word in group_words.listing(tx, person_id=person.id)}
    return sorted(group for group in asked if known.get(group) is not (group in groups))


def _keep(tx: Tx, site: Site, word: GroupWord) -> None:
    before = group_words.find(tx, word.person_id, word.group)
    if before is None:
        group_words.add(tx, word)
    else:
        group_words.replace(tx, replace(before, held=word.held, told=word.told))
    if before is not None or not word.held:
        verb = Verb.PERSON_JOINED_GROUP if word.held else Verb.PERSON_LEFT_GROUP
        site.record(tx, SIGN_IN, verb, word.person_id, {"group": word.group})
