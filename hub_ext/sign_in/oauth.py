"""Sign-in through the institution's OpenID Connect provider."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from weakref import WeakValueDictionary

from oauthenticator.generic import GenericOAuthenticator
from traitlets import Callable, Int, Unicode

from hub_ext.sign_in import AuthState, Identity
from hub_ext.sign_in.refresh import Outcome, of_token, of_userinfo, token_refused
from hub_ext.sign_in.role_groups import without_ours

CONFIRMED = "hub_ext_confirmed"  # seconds since the epoch


class CuratedOAuthenticator(GenericOAuthenticator):
    """GenericOAuthenticator that knows (issuer, subject), and tells "denied" from "unreachable".

    Everything of GenericOAuthenticator is configured as usual, by `c.CuratedOAuthenticator`.
    """

    issuer = Unicode(
        "", help="The provider's issuer identifier: the `iss` of its tokens. Required; never changed later."
    ).tag(config=True)
    subject_claim = Unicode(
        "sub", help="Claim that names a person for ever; never a username or an e-mail address."
    ).tag(config=True)
    grace_seconds = Int(
        12 * 3600,
        help="How long after the provider's last yes somebody may start servers while it says nothing, "
        "seconds. What runs goes on for as long as it likes.",
    ).tag(config=True)
    groups_hook = Callable(
        None,
        allow_none=True,
        help="Adds the groups that carry roles, at each refresh; set by hub-ext itself.",
    ).tag(config=True)

    denied_hook = Callable(
        None,
        allow_none=True,
        help="Ends what somebody runs after a no; set by hub-ext itself.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.issuer:
            raise ValueError(
                "c.CuratedOAuthenticator.issuer is not set; people are known by issuer and subject."
            )
        # Refresh tokens may be good for one use: two requests of one person must not both use it.
        self._ending: set[asyncio.Task[None]] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """The new state, False for a clear "no", True where the provider says nothing.

        Whoever is unknown keeps what runs; what they may start is asked of `confirmed`.
        """
        turn = self._turns.setdefault(user.name, asyncio.Lock())
        async with turn:
            state = await user.get_auth_state()
            if not state:
                self.log.warning(
                    "Nothing is known of the sign-in of %s; it counts as not confirmed.", user.name
                )
                return True
            outcome, model = await self._ask_provider(state, handler)
            if outcome is Outcome.DENIED:
                self.log.warning("The sign-in provider says no to %s.", user.name)
                self._end_servers(user, handler)
                return False
            if model is None:
                self.log.warning(
                    "The sign-in provider says nothing about %s, who keeps the sign-in.", user.name
                )
                return True
            if self.identity(user.name, model["auth_state"]) != self.identity(user.name, state):
                self.log.error("The sign-in provider speaks of somebody else than %s.", user.name)
                self._end_servers(user, handler)
                return False
            if self.groups_hook is not None:
                held = model.get("groups")
                if held is None:
                    held = [group.name for group in user.groups]
                model["groups"] = await self.groups_hook(self.identity(user.name, state), held)
            return model

    async def _ask_provider(
        self, state: dict[str, Any], handler: Any
    ) -> tuple[Outcome, dict[str, Any] | None]:
        """What the provider says of whoever has these tokens; a model where it says yes."""
        try:
            return Outcome.CONFIRMED, await self._token_to_auth_model(state.get("token_response"))
        except Exception as error:
            if not token_refused(error):
                return self._said_nothing(error)
        refresh_token = state.get("refresh_token")
        if not refresh_token:
            return Outcome.UNKNOWN, None
        try:
            tokens = await self.get_token_info(
                handler, self.build_refresh_token_request_params(refresh_token)
            )
        except Exception as error:
            return of_token(error), None
        tokens.setdefault("refresh_token", refresh_token)
        try:
            return Outcome.CONFIRMED, await self._token_to_auth_model(tokens)
        except Exception as error:
            return of_userinfo(error), None

    def _end_servers(self, user: Any, handler: Any) -> None:
        """Beside the request that brought the no: stopping takes longer than it may wait."""
        if self.denied_hook is None or handler is None:
            return
        task = asyncio.create_task(self.denied_hook(user, handler))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _said_nothing(self, error: Exception) -> tuple[Outcome, None]:
        self.log.warning("The sign-in provider did not answer as it should: %s", error)
        return Outcome.UNKNOWN, None

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Notes when the provider confirmed the person: it outlives the Hub, encrypted with the rest."""
        auth_model["auth_state"][CONFIRMED] = time.time()
        return auth_model

    def confirmed(self, auth_state: AuthState) -> bool:
        """Whether the provider's last yes is recent enough to start something new."""
        since = (auth_state or {}).get(CONFIRMED)
        return isinstance(since, int | float) and 0 <= time.time() - since <= self.grace_seconds

    async def _apply_managed_groups(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """A provider that leaves the claim out says nothing about groups: the known ones stay."""
        if self._groups_claim(auth_model["auth_state"]) is None:
            auth_model["auth_state"]["hub_ext_groups_known"] = False
            auth_model["groups"] = None  # the Hub then keeps the groups it has
            return auth_model
        auth_model["auth_state"]["hub_ext_groups_known"] = True
        made: dict[str, Any] = await super()._apply_managed_groups(auth_model)
        return made

    def _groups_claim(self, auth_state: dict[str, Any]) -> object | None:
        if callable(self.auth_state_groups_key):
            return ()
        found: Any = auth_state
        for part in self.auth_state_groups_key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found if isinstance(found, list | tuple | set) else None

    def identity(self, username: str, auth_state: AuthState) -> Identity | None:
        """(issuer, subject) of the last sign-in; None without auth_state or without the claim."""
        claims = (auth_state or {}).get(self.user_auth_state_key) or {}
        subject = claims.get(self.subject_claim)
        return (self.issuer, str(subject)) if subject else None

    def known_groups(self, hub_groups: frozenset[str], auth_state: AuthState) -> frozenset[str] | None:
        """The Hub's copy of the groups claim; None where the provider's last answer had none."""
        if not self.manage_groups or not (auth_state or {}).get("hub_ext_groups_known"):
            return None
        return without_ours(hub_groups)
