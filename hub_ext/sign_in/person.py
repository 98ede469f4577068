"""Behind every sign-in stands a person of the store; who has none stays outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tornado import web

from hub_ext.adapters.store import persons
from hub_ext.errors import HubExtError, InputError
from hub_ext.flows import group_words, people
from hub_ext.flows.site import Site
from hub_ext.model import Person
from hub_ext.sign_in import Identity
from hub_ext.sign_in.handover import StillTheirs, hand_over
from hub_ext.sign_in.role_groups import hub_groups, without_ours

Hook = Callable[[Any, Any, dict[str, Any]], Awaitable[dict[str, Any] | None]]

NOT_KNOWN = (
    "You are not registered here, or no longer. Ask a steward. "
    "Vous n’êtes pas ou plus inscrit ici. Adressez-vous à un gestionnaire des données."
)
NOT_NOW = (
    "Sign-in does not work at the moment. Try again in a few minutes. "
    "La connexion ne fonctionne pas pour l’instant. Réessayez dans quelques minutes."
)


def post_auth_hook(site: Callable[[], Site]) -> Hook:
    """For `c.Authenticator.post_auth_hook`: finds or writes down who signed in, by (issuer, subject)."""

    async def remember(authenticator: Any, handler: Any, auth_model: dict[str, Any]) -> dict[str, Any]:
        state = auth_model.get("auth_state")
        identity = authenticator.identity(auth_model["name"], state)
        if identity is None:
            raise web.HTTPError(403, NOT_KNOWN)
        issuer, subject = identity
        claims = _claims(authenticator, state)
        try:
            person = await asyncio.to_thread(
                lambda: people.sign_in(
                    site(),
                    issuer,
                    subject,
                    auth_model["name"],
                    display_name=str(claims.get("name") or "")[:255],
                    email=str(claims.get("email") or "")[:255],
                )
            )
        except InputError as error:
            authenticator.log.warning("Sign-in of %s refused: %s", auth_model["name"], error)
            raise web.HTTPError(403, NOT_KNOWN) from error
        except HubExtError as error:
            authenticator.log.error("Sign-in of %s failed: %s", auth_model["name"], error)
            raise web.HTTPError(503, NOT_NOW) from error
        if person is None:
            raise web.HTTPError(403, NOT_KNOWN)
        try:
            await hand_over(site(), authenticator, handler, auth_model["name"], identity, person.id)
        except (HubExtError, StillTheirs) as error:
            authenticator.log.error("Sign-in of %s failed: %s", auth_model["name"], error)
            raise web.HTTPError(503, NOT_NOW) from error
        if authenticator.manage_groups:
            groups = auth_model.get("groups")
            if groups is None:  # the provider says nothing: what the Hub knows stays
                user = handler.find_user(auth_model["name"])
                groups = [group.name for group in user.groups] if user else []
            else:
                known = without_ours(groups)
                await asyncio.to_thread(group_words.told, site(), person, known)
            auth_model["groups"] = hub_groups(person, groups, site().settings)
        return auth_model

    return remember


def groups_hook(site: Callable[[], Site]) -> Callable[..., Awaitable[list[str]]]:
    """For `groups_hook` of our authenticators: all groups of the Hub of whoever that is by now.

    `told`: the provider has just said which groups they are in; without it `provided` is what the Hub knew.
    """

    async def groups(identity: Identity | None, provided: Iterable[str], *, told: bool = False) -> list[str]:
        theirs = list(provided)

        def read() -> Person | None:
            with site().store.reading() as tx:
                person = persons.find_sign_in(tx, *identity) if identity else None
            if person is not None and told:
                group_words.told(site(), person, without_ours(theirs))
            return person

        return hub_groups(await asyncio.to_thread(read), theirs, site().settings)

    return groups


def _claims(authenticator: Any, state: dict[str, Any] | None) -> dict[str, Any]:
    key = getattr(authenticator, "user_auth_state_key", "")
    found = (state or {}).get(key)
    return found if isinstance(found, dict) else {}
