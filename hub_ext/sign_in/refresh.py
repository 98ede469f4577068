"""What an answer of the sign-in provider about somebody means: yes, no, or nothing.

An error is never read as a "no": a provider that is down, slow, asked too often or badly configured says
nothing about anybody. A "no" is what the protocols say clearly: RFC 6749 section 5.2 `invalid_grant` for a
refresh token that has not come to its own end, RFC 6750 section 3.1 `invalid_token` for an access token that
was issued a moment ago, or another subject.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tornado.httpclient import HTTPClientError

RECEIVED = "hub_ext_received"  # in the auth state: when its tokens came, seconds since the epoch
# Lifetime of the refresh token, as providers tell it beside RFC 6749's fields (Keycloak; ADFS).
_LIFETIMES = ("refresh_expires_in", "refresh_token_expires_in")


class Outcome(StrEnum):
    """Stored nowhere."""

    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNKNOWN = "unknown"


def token_refused(error: Exception) -> bool:
    """Whether the userinfo endpoint refused the token, which may only have expired.

    403 counts too (some providers answer so, and asking for another token does no harm).
    """
    return isinstance(error, HTTPClientError) and error.code in (401, 403)


def of_userinfo(error: Exception) -> Outcome:
    """A failure of the userinfo endpoint with a token that was issued a moment ago."""
    if not isinstance(error, HTTPClientError):
        return Outcome.UNKNOWN
    if error.code == 401:
        return Outcome.DENIED
    # A firewall's page is a 403 as well; the provider's own says which error it is.
    challenge = error.response.headers.get("WWW-Authenticate", "") if error.response is not None else ""
    return Outcome.DENIED if error.code == 403 and "invalid_token" in challenge else Outcome.UNKNOWN


def of_token(error: Exception) -> Outcome:
    """A failure of the token endpoint with a refresh token."""
    if not isinstance(error, HTTPClientError) or error.code not in (400, 401) or error.response is None:
        return Outcome.UNKNOWN
    try:
        said = json.loads(error.response.body or b"")
    except ValueError:
        return Outcome.UNKNOWN
    denied = isinstance(said, dict) and said.get("error") == "invalid_grant"
    return Outcome.DENIED if denied else Outcome.UNKNOWN


def outlived(state: Mapping[str, Any], now: float, default_seconds: float) -> bool:
    """Whether the refresh token has come to its own end, so that its refusal says nothing of the person.

    `now`: seconds since the epoch. `default_seconds`: its lifetime where the provider tells none; 0: unknown.
    """
    received = state.get(RECEIVED)
    if not isinstance(received, int | float):
        return False
    told = state.get("token_response") or {}
    lifetime = next((told[name] for name in _LIFETIMES if isinstance(told.get(name), int | float)), None)
    seconds = default_seconds if lifetime is None else lifetime  # Keycloak says 0 for "does not end"
    return seconds > 0 and now >= received + seconds
