"""Sign-in through the institution's OpenID Connect provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any
from weakref import WeakValueDictionary

from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from tornado.httpclient import HTTPError
from traitlets import Callable, Float, Int, Unicode

from hub_ext.errors import HubExtError
from hub_ext.sign_in import AuthState, Identity
from hub_ext.sign_in.id_token import IdTokenRefused, ProviderKeys, subject, verified
from hub_ext.sign_in.person import NOT_NOW
from hub_ext.sign_in.refresh import RECEIVED, Outcome, of_token, of_userinfo, outlived, token_refused
from hub_ext.sign_in.role_groups import without_ours
from hub_ext.sign_in.watch import WATCH_SECONDS, watch

CONFIRMED = "hub_ext_confirmed"  # seconds since the epoch


class CuratedOAuthenticator(GenericOAuthenticator):
    """GenericOAuthenticator that knows (issuer, subject), and tells "denied" from "unreachable".

    Everything of GenericOAuthenticator is configured as usual, by `c.CuratedOAuthenticator`.
    """

    issuer = Unicode(
        "", help="The provider's issuer identifier: the `iss` of its tokens. Required; never changed later."
    ).tag(config=True)
    jwks_url = Unicode(
        "",
        help="Where the provider publishes the keys of its ID tokens (`jwks_uri`). Required.",
    ).tag(config=True)
    subject_claim = Unicode(
        "sub", help="Claim that names a person for ever; never a username or an e-mail address."
    ).tag(config=True)
    grace_seconds = Int(
        12 * 3600,
        help="How long after the provider's last yes somebody may start servers while it says nothing, "
        "seconds. What runs goes on for as long as it likes.",
    ).tag(config=True)
    refresh_token_seconds = Int(
        0,
        help="Lifetime of the provider's refresh tokens, seconds, where it does not tell it: the refusal of "
        "one that has come to its own end is no word about the person. 0: unknown, each refusal is a no.",
    ).tag(config=True)
    watch_seconds = Float(
        WATCH_SECONDS,
        help="How often the Hub looks for people with servers who were not asked about for "
        "`auth_refresh_age` seconds, and asks the provider itself. 0: only when they send requests.",
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
        for required, why in (
            ("issuer", "people are known by issuer and subject"),
            ("jwks_url", "ID tokens are verified with the provider's keys"),
        ):
            if not getattr(self, required):
                raise ValueError(f"c.CuratedOAuthenticator.{required} is not set; {why}.")
        self._keys = ProviderKeys(self._fetch_keys)
        self._tasks: set[asyncio.Task[None]] = set()
        # Refresh tokens may be good for one use: two requests of one person must not both use it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def get_handlers(self, app: Any) -> list[tuple[str, Any]]:
        """The Hub asks once, while it starts; the watch over who has servers starts with it."""
        if self.watch_seconds:
            self._beside(watch(app, self, self.watch_seconds))
        found: list[tuple[str, Any]] = super().get_handlers(app)
        return found

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
        """Who comes back from the provider. A failure of it, or of its tokens, is told in both languages."""
        try:
            return await super().authenticate(handler, data, **kwargs)
        except (HTTPError, HubExtError, OSError) as error:
            self.log.error("Sign-in failed at the provider: %s", error)
            raise web.HTTPError(403 if isinstance(error, IdTokenRefused) else 503, NOT_NOW) from error

    async def get_token_info(self, handler: Any, params: dict[str, str]) -> dict[str, Any]:
        """The tokens; those of a sign-in with an ID token that is verified. Raises IdTokenRefused."""
        tokens: dict[str, Any] = await super().get_token_info(handler, params)
        if params.get("grant_type") == "authorization_code":
            if not tokens.get("id_token"):
                raise IdTokenRefused("The provider gave no ID token.", advice='Ask for the scope "openid".')
            await self._verify(tokens)
        return tokens

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """The claims. What the userinfo endpoint says must be of whom the ID token speaks (Core 5.3.2).

        Raises IdTokenRefused.
        """
        claims: dict[str, Any] = await super().token_to_user(token_info)
        token = token_info.get("id_token")
        if token and subject(token) != str(claims.get("sub")):
            raise IdTokenRefused("The ID token and the userinfo endpoint speak of different people.")
        return claims

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
            outcome, model = await self._ask_provider(user, state, handler)
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
                told = held is not None
                if held is None:
                    held = [group.name for group in user.groups]
                model["groups"] = await self.groups_hook(self.identity(user.name, state), held, told=told)
            return model

    async def _ask_provider(
        self, user: Any, state: dict[str, Any], handler: Any
    ) -> tuple[Outcome, dict[str, Any] | None]:
        """What the provider says of whoever has these tokens; a model where it says yes."""
        if not self.userdata_from_id_token:  # a kept ID token says what was so when it was made
            try:
                return Outcome.CONFIRMED, await self._token_to_auth_model(state.get("token_response"))
            except Exception as error:
                if not token_refused(error):
                    return self._said_nothing(error)
        refresh_token = state.get("refresh_token")
        if not refresh_token or outlived(state, time.time(), self.refresh_token_seconds):
            return Outcome.UNKNOWN, None
        try:
            tokens = await self.get_token_info(
                handler, self.build_refresh_token_request_params(refresh_token)
            )
        except Exception as error:
            return of_token(error), None
        # The old one may be used up: what comes next may fail, and so may the Hub.
        tokens["refresh_token"] = tokens.get("refresh_token") or refresh_token
        kept = {name: value for name, value in tokens.items() if name != "id_token"}
        claims = state.get(self.user_auth_state_key)
        await user.save_auth_state(state | self.build_auth_state_dict(kept, claims))
        try:
            await self._verify(tokens)
        except Exception as error:
            return self._said_nothing(error)
        try:
            return Outcome.CONFIRMED, await self._token_to_auth_model(tokens)
        except Exception as error:
            return of_userinfo(error), None

    async def _verify(self, tokens: dict[str, Any]) -> None:
        """Nothing where the ID token, if there is one, is the provider's. Raises IdTokenRefused."""
        if token := tokens.get("id_token"):
            await verified(token, self._keys, issuer=self.issuer, client_id=self.client_id)

    def build_auth_state_dict(self, token_info: dict[str, Any], user_info: Any) -> dict[str, Any]:
        """What is kept, with the moment when the tokens came."""
        made: dict[str, Any] = super().build_auth_state_dict(token_info, user_info)
        return made | {RECEIVED: token_info.setdefault(RECEIVED, time.time())}

    async def _fetch_keys(self) -> Any:
        return await self.httpfetch(self.jwks_url, validate_cert=self.validate_server_cert)

    def _end_servers(self, user: Any, handler: Any) -> None:
        """Beside the request that brought the no: stopping takes longer than it may wait."""
        if self.denied_hook is not None and handler is not None:
            self._beside(self.denied_hook(user, handler))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
            self._say_overage(auth_model)
            auth_model["auth_state"]["hub_ext_groups_known"] = False
            auth_model["groups"] = None  # the Hub then keeps the groups it has
            return auth_model
        auth_model["auth_state"]["hub_ext_groups_known"] = True
        made: dict[str, Any] = await super()._apply_managed_groups(auth_model)
        return made

    def _say_overage(self, auth_model: dict[str, Any]) -> None:
        """Microsoft Entra leaves the claim out for people in many groups, and says so in another."""
        claims = auth_model["auth_state"].get(self.user_auth_state_key) or {}
        if claims.get("hasgroups") or "groups" in (claims.get("_claim_names") or {}):
            self.log.error(
                "%s is in more groups than the provider puts into a token: none is known. "
                "Have it send only the groups that are assigned to this application.",
                auth_model["name"],
            )

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
