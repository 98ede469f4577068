"""Who looks at the console, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub_ext.flows.duties import duties_of_username
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Person, SiteRole
from hub_ext.model.duties import Deed, Denial
from hub_ext.policy.duties import Duties, may
from hub_ext.sign_in.role_groups import held_scopes


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in. `unproven` are roles that begin with their next sign-in."""

    person: Person
    duties: Duties
    unproven: frozenset[SiteRole]

    @property
    def actor(self) -> Actor:
        """As the record names them."""
        return Actor(ActorKind.PERSON, self.person.id)

    def may(self, deed: Deed, **about: str | None) -> Denial | None:
        """As `policy.duties.may`."""
        return may(self.duties, deed, **about)


def visitor_of(site: Site, hub_user: Mapping[str, Any]) -> Visitor | None:
    """The person behind the Hub's answer about a token; None for a service, or somebody not known here."""
    if hub_user.get("kind", "user") != "user":
        return None
    carried, given = held_scopes(hub_user.get("scopes", ()))
    known = duties_of_username(site, hub_user["name"], carried, given)
    return Visitor(known.person, known.duties, known.unproven) if known else None
