"""Sign-in through the institution's OpenID Connect provider."""

from __future__ import annotations

import time
from typing import Any

from oauthenticator.generic import GenericOAuthenticator
from tornado.httpclient import HTTPClientError
from traitlets import Int, Unicode

from hub_ext.sign_in import AuthState, Identity


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
        help="How long a sign-in stays good while the provider cannot be reached, seconds. Work that runs "
        "overnight must not die of somebody else's maintenance.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.issuer:
            raise ValueError(
                "c.CuratedOAuthenticator.issuer is not set; people are known by issuer and subject."
            )
        # Per username, of this process: after a restart of the Hub the grace begins anew.
        self._confirmed: dict[str, float] = {}

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """As the parent, but a provider that cannot be reached leaves everything as it is for a time."""
        since = self._confirmed.setdefault(user.name, time.monotonic())
        try:
            refreshed = await super().refresh_user(user, handler, **kwargs)
        except (OSError, HTTPClientError) as error:
            if isinstance(error, HTTPClientError) and 400 <= error.code < 500:
                return False
            if time.monotonic() - since > self.grace_seconds:
                self.log.error("The sign-in provider has been out of reach for too long: %s", error)
                return False
            self.log.warning(
                "The sign-in provider is out of reach, %s keeps its sign-in: %s", user.name, error
            )
            return True
        if refreshed:
            self._confirmed[user.name] = time.monotonic()
        return refreshed

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
        return hub_groups
