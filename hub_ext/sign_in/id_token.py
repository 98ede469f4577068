"""ID tokens are believed once their signature, issuer, audience and times are right.

OpenID Connect Core 1.0, section 3.1.3.7. No nonce is asked for: PKCE binds the code to the browser that
asked for it (RFC 9700, section 2.1.1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt

from hub_ext.errors import HubExtError

# Asymmetric ones only: with the others whoever knows the client's secret could sign, or nobody need to.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# How far the provider's clock may be from ours.
LEEWAY_SECONDS = 60
REQUIRED = ("iss", "sub", "aud", "exp", "iat")


class IdTokenRefused(HubExtError):
    """An ID token that is not the provider's word for us now."""


class ProviderKeys:
    """The provider's public keys; asked for again as soon as a token names an unknown one."""

    def __init__(self, fetch: Callable[[], Awaitable[Any]]) -> None:
        self._fetch = fetch
        self._keys: list[jwt.PyJWK] = []

    async def find(self, kid: str | None) -> Any:
        """The key of that id. Raises IdTokenRefused where the provider has none, whatever `fetch` raises."""
        if (known := self._known(kid)) is None:
            self._keys = _parsed(await self._fetch())
            known = self._known(kid)
        if known is None:
            raise IdTokenRefused("The ID token is signed with a key that the provider does not name.")
        return known.key

    def _known(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None:  # allowed where there is nothing to choose
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == kid), None)


async def verified(token: str, keys: ProviderKeys, *, issuer: str, client_id: str) -> Mapping[str, Any]:
    """The claims of an ID token. Raises IdTokenRefused, and what the fetch of keys raises."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise IdTokenRefused(f"The ID token is signed by {algorithm!r}.")
        claims = jwt.decode(
            token,
            await keys.find(header.get("kid")),
            algorithms=[algorithm],
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_SECONDS,
            options={"require": list(REQUIRED)},
        )
    except (jwt.PyJWTError, TypeError) as error:  # TypeError: a key of another kind than the algorithm's
        raise IdTokenRefused(f"The ID token is not valid: {error}") from error
    audience = claims["aud"]
    if claims.get("azp", client_id) != client_id or (
        isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
    ):
        raise IdTokenRefused("The ID token was made for another client.")
    return claims


def subject(token: str) -> str:
    """Whom an ID token that was verified before speaks of. Raises IdTokenRefused where it is none."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False})["sub"])
    except (jwt.PyJWTError, KeyError) as error:
        raise IdTokenRefused("The kept ID token cannot be read.") from error


def _parsed(answer: Any) -> list[jwt.PyJWK]:
    """The keys that can verify signatures; what we cannot use is left out."""
    found = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise IdTokenRefused("The provider's list of keys cannot be read.")
    keys = []
    for one in found:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            keys.append(jwt.PyJWK.from_dict(one))
        except jwt.PyJWTError:
            continue
    return keys
