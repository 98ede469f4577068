"""The Hub's OAuth for one server: out to the Hub, back with a code, and the cookie that remains.

What must be remembered between the two is sealed in a cookie of its own, so that a gate that starts again
meanwhile finishes the sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from hub_ext.gate import cookies
from hub_ext.gate.hub import HubClient
from hub_ext.gate.judge import session_binding
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.routes import OpenServer
from hub_ext.gate.seal import Seal
from hub_ext.settings import Settings

STATE_SECONDS = 600
MOST_STATES = 5  # sign-ins of one browser at once, as of tabs that all open again


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie of the gate's, always HttpOnly and SameSite=Lax. Without a value it is removed.

    `max_age` is in seconds; None: until the browser ends.
    """

    name: str
    value: str
    path: str
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes, and what it keeps."""

    location: str
    cookies: tuple[SetCookie, ...]


@dataclass(frozen=True, slots=True)
class SignInFailed:
    """The browser came back with nothing that the gate or the Hub accepts."""


class SignInFlow:
    """Both halves of a sign-in. `clock` is the time of day, in seconds."""

    def __init__(
        self, settings: Settings, hub: HubClient, seal: Seal, clock: Callable[[], float] = time.time
    ) -> None:
        self._authorize = hub_url(settings) + "api/oauth2/authorize"
        self._hub = hub
        self._seal = seal
        self._clock = clock

    def begin(self, request: OriginalRequest, server: OpenServer, back: str) -> Redirect:
        """Out to the Hub. The browser comes back to `back`, a raw address of this server."""
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        kept = {
            "verifier": verifier,
            "next": back,
            "until": self._clock() + STATE_SECONDS,
        }
        query = {
            "client_id": server.secrets.oauth_client_id,
            "redirect_uri": server.secrets.oauth_callback_url,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        sealed = self._seal.seal(json.dumps(kept), _state_binding(server, state))
        open_states = cookies.split(request.cookies).names(cookies.STATE)
        dropped = open_states if len(open_states) >= MOST_STATES else ()
        return Redirect(
            f"{self._authorize}?{urlencode(query)}",
            (
                *(_gone(name, server) for name in dropped),
                SetCookie(cookies.STATE + state, sealed, server.prefix, STATE_SECONDS),
            ),
        )

    async def end(self, request: OriginalRequest, server: OpenServer) -> Redirect | SignInFailed:
        """Back from the Hub: the code becomes a token, and the token a cookie. Raises HubSilentError."""
        answer = parse_qs(request.query)
        state, code = answer.get("state", [""])[0], answer.get("code", [""])[0]
        kept = self._kept(request, server, state)
        if kept is None or not code:
            return SignInFailed()
        token = await self._hub.token_for_code(server.secrets, code, str(kept["verifier"]))
        if token is None:
            return SignInFailed()
        name = cookies.SESSION + server.launch_id
        # Those of earlier launches at this path open nothing any more.
        ended = [old for old in cookies.split(request.cookies).names(cookies.SESSION) if old != name]
        return Redirect(
            str(kept["next"]),
            (
                _gone(cookies.STATE + state, server),
                *(_gone(old, server) for old in ended),
                SetCookie(name, self._seal.seal(token, session_binding(server)), server.prefix),
            ),
        )

    def _kept(self, request: OriginalRequest, server: OpenServer, state: str) -> dict[str, object] | None:
        for value in cookies.split(request.cookies).values(cookies.STATE + state):
            text = self._seal.unseal(value, _state_binding(server, state))
            kept = json.loads(text) if text else None
            if kept is not None and kept["until"] >= self._clock():
                return dict(kept)
        return None


def hub_url(settings: Settings) -> str:
    """Where browsers find the Hub: a path, or a URL where servers have names of their own."""
    return f"{settings.subdomain_host.rstrip('/')}/hub/"


def _state_binding(server: OpenServer, state: str) -> str:
    return f"state {state} {server.launch_id} {server.host}{server.prefix}"


def _gone(name: str, server: OpenServer) -> SetCookie:
    return SetCookie(name, "", server.prefix)
