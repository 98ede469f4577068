"""What an answer of the sign-in provider about somebody means: yes, no, or nothing.

An error is never read as a "no": a provider that is down, slow, asked too often or badly configured says
nothing about anybody. A "no" is what the protocols say clearly: RFC 6749 section 5.2 `invalid_grant` for a
refresh token, RFC 6750 section 3.1 for an access token that was issued a moment ago, or another subject.
"""

from __future__ import annotations

import json
from enum import StrEnum

from tornado.httpclient import HTTPClientError


class Outcome(StrEnum):
    """Stored nowhere."""

    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNKNOWN = "unknown"


def token_refused(error: Exception) -> bool:
    """Whether the userinfo endpoint refused the token, which may only have expired."""
    return isinstance(error, HTTPClientError) and error.code in (401, 403)


def of_userinfo(error: Exception) -> Outcome:
    """A failure of the userinfo endpoint with a token that was issued a moment ago."""
    return Outcome.DENIED if token_refused(error) else Outcome.UNKNOWN


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
