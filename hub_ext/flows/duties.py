"""What somebody may do now, from the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from hub_ext.adapters.store import datasets, memberships, persons
from hub_ext.flows.site import Site
from hub_ext.model import Person, SiteRole
from hub_ext.policy.duties import Duties, duties_of


@dataclass(frozen=True, slots=True)
class Known:
    """A person and their duties. `unproven` are roles of theirs that the sign-in does not carry yet."""

    person: Person
    duties: Duties
    unproven: frozenset[SiteRole]


def duties_of_username(
    site: Site, username: str, carried: Collection[SiteRole], given: Collection[SiteRole]
) -> Known | None:
    """The living person of that username; None where there is none.

    A role counts where the sign-in carries it and either the store or the provider (`given`) says so: a role
    taken away in the store ends at once, and a new one begins with a new sign-in.
    """
    with site.store.reading() as tx:
        person = persons.find_username(tx, username)
        if person is None:
            return None
        held = memberships.listing(tx, person_id=person.id)
        known = datasets.listing(tx)
    proven = tuple(role for role in person.roles if role in carried)
    duties = duties_of(replace(person, roles=proven), known, held, site.now(), given=given)
    return Known(person, duties, frozenset(person.roles) - frozenset(carried))
