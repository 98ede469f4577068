"""Who asks the Hub to start or stop a server: the person themselves, somebody else, a service, the Hub."""

from __future__ import annotations

from typing import Any

from hub_ext.flows import launch as flow
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Person, StopReason

HUB = Actor(ActorKind.SERVICE, "hub")


def of_stop(spawner: Any) -> Any:
    """Who asks for the stop that is under way; None where no request does: the Hub itself ends.

    The Hub hands the handler of a request to start(), and not to stop(). It is `self` in the function that
    the Hub awaits.
    """
    future: Any = getattr(spawner, "_stop_future", None)
    frame = getattr(future.get_coro(), "cr_frame", None) if hasattr(future, "get_coro") else None
    handler = frame.f_locals.get("self") if frame is not None else None
    return getattr(handler, "current_user", None)


async def actor(site: Site, spawner: Any, requester: Any, person: Person) -> Actor:
    """The requester for the record, acting for the person whose server it is. None is that person."""
    if requester is None or (is_user(requester) and requester.name == spawner.user.name):
        return Actor(ActorKind.PERSON, person.id)
    if not is_user(requester):
        return Actor(ActorKind.SERVICE, str(requester.name), on_behalf=person.id)
    identity = spawner.authenticator.identity(requester.name, await requester.get_auth_state())
    other = await flow.find_person(site, *identity) if identity else None
    return Actor(ActorKind.PERSON, other.id, on_behalf=person.id) if other else HUB


async def why_stopped(site: Site, spawner: Any, person: Person | None) -> tuple[StopReason, Actor]:
    """Why the Hub stops a server that was seen up, and who had it stopped."""
    requester = of_stop(spawner)
    if requester is None or person is None:
        return StopReason.OPERATOR, HUB
    by = await actor(site, spawner, requester, person)
    own = by == Actor(ActorKind.PERSON, person.id)
    return StopReason.PERSON if own else StopReason.OPERATOR, by


def is_user(requester: Any) -> bool:
    """A user of the Hub, and no service."""
    return getattr(requester, "kind", "user") == "user"
