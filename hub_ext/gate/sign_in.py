"""The Hub's OAuth for one server: out to the Hub, back with a code, and the cookie that remains.

That happens at the Hub's name. Where a server's pages have an origin of their own, the browser is led on to
it from there with a code of ours. It opens only in the browser in which the way began: the server's origin
asked for it, with a random name that it keeps in a cookie.

What must be remembered meanwhile is sealed in cookies and in the code, so that a gate that starts again
finishes the sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from hub_ext.gate import cookies
from hub_ext.gate.credentials import session_binding
from hub_ext.gate.hub import HubClient
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.origins import Origins
from hub_ext.gate.reserved import ENTER, LEAD
from hub_ext.gate.routes import OpenServer
from hub_ext.gate.seal import Seal

STATE_SECONDS = 600
CODE_SECONDS = 60
_STATE = re.compile(r"[A-Za-z0-9_-]{22}")
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
        self, origins: Origins, hub: HubClient, seal: Seal, clock: Callable[[], float] = time.time
    ) -> None:
        self._origins = origins
        self._authorize = hub_url(origins) + "api/oauth2/authorize"
        self._hub = hub
        self._seal = seal
        self._clock = clock
        self._entered: dict[str, float] = {}  # states that a code was used for, until each one's end

    def begin(self, request: OriginalRequest, server: OpenServer, back: str) -> Redirect:
        """Out to the Hub. The browser comes back to `back`, a raw address of this server."""
        verifier = secrets.token_urlsafe(32)
        state, state_cookies = self._remember(request, server, {"verifier": verifier, "next": back})
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "client_id": server.secrets.oauth_client_id,
            "redirect_uri": server.secrets.oauth_callback_url,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return Redirect(f"{self._authorize}?{urlencode(query)}", state_cookies)

    async def end(self, request: OriginalRequest, server: OpenServer) -> Redirect | SignInFailed:
        """Back from the Hub: the code becomes a token, and the token a cookie. Raises HubSilentError."""
        answer = parse_qs(request.query)
        state, code = answer.get("state", [""])[0], answer.get("code", [""])[0]
        remembered = self._remembered(request, server, state)
        # At a server's own origin a way begins without one.
        if remembered is None or "verifier" not in remembered or not code:
            return SignInFailed()
        token = await self._hub.token_for_code(server.secrets, code, str(remembered["verifier"]))
        if token is None:
            return SignInFailed()
        return self._signed_in(request, server, state, token, str(remembered["next"]))

    def ask_for_lead(self, request: OriginalRequest, server: OpenServer, back: str) -> Redirect:
        """From the server's own origin to the Hub's name. The browser comes back to `back`."""
        state, state_cookies = self._remember(request, server, {"next": back})
        query = urlencode({"state": state})
        return Redirect(f"{self._origins.hub}{server.prefix}{LEAD}?{query}", state_cookies)

    def lead(self, request: OriginalRequest, server: OpenServer, token: str) -> Redirect | SignInFailed:
        """From the Hub's name on to the server's own origin, with a code for whoever asked there."""
        state = parse_qs(request.query).get("state", [""])[0]
        if not _STATE.fullmatch(state):
            return SignInFailed()
        sealed = {"token": token, "until": self._clock() + CODE_SECONDS}
        code = self._seal.seal(json.dumps(sealed), _code_binding(server, state))
        query = urlencode({"state": state, "code": code})
        return Redirect(f"{server.origin}{server.prefix}{ENTER}?{query}", ())

    def enter(self, request: OriginalRequest, server: OpenServer) -> Redirect | SignInFailed:
        """At the server's own origin: the code becomes a cookie."""
        answer = parse_qs(request.query)
        state, code = answer.get("state", [""])[0], answer.get("code", [""])[0]
        remembered = self._remembered(request, server, state)
        text = self._seal.unseal(code, _code_binding(server, state))
        sealed = json.loads(text) if text else None
        if remembered is None or sealed is None or sealed["until"] < self._clock():
            return SignInFailed()
        if not self._first_use(state):
            return SignInFailed()
        return self._signed_in(request, server, state, str(sealed["token"]), str(remembered["next"]))

    def _first_use(self, state: str) -> bool:
        """Whether no code was used for it yet; one is now. A gate that starts again has forgotten it."""
        now = self._clock()
        while self._entered and next(iter(self._entered.values())) < now:
            del self._entered[next(iter(self._entered))]
        if state in self._entered:
            return False
        self._entered[state] = now + STATE_SECONDS
        return True

    def _remember(
        self, request: OriginalRequest, server: OpenServer, facts: dict[str, str]
    ) -> tuple[str, tuple[SetCookie, ...]]:
        """A new random name, and the cookies that keep these facts under it."""
        state = secrets.token_urlsafe(16)
        text = json.dumps({**facts, "until": self._clock() + STATE_SECONDS})
        sealed = self._seal.seal(text, _state_binding(server, request.host, state))
        open_states = cookies.split(request.cookies).names(cookies.STATE)
        dropped = open_states if len(open_states) >= MOST_STATES else ()
        return state, (
            *(_removal(name, server) for name in dropped),
            SetCookie(cookies.STATE + state, sealed, server.prefix, STATE_SECONDS),
        )

    def _signed_in(
        self, request: OriginalRequest, server: OpenServer, state: str, token: str, back: str
    ) -> Redirect:
        name = cookies.SESSION + server.launch_id
        # Those of earlier launches at this path open nothing any more.
        ended = [old for old in cookies.split(request.cookies).names(cookies.SESSION) if old != name]
        session = self._seal.seal(token, session_binding(server, request.host))
        return Redirect(
            back,
            (
                _removal(cookies.STATE + state, server),
                *(_removal(old, server) for old in ended),
                SetCookie(name, session, server.prefix),
            ),
        )

    def _remembered(
        self, request: OriginalRequest, server: OpenServer, state: str
    ) -> dict[str, object] | None:
        """The facts that the browser keeps under that name; None where it has none, or no longer."""
        for value in cookies.split(request.cookies).values(cookies.STATE + state):
            text = self._seal.unseal(value, _state_binding(server, request.host, state))
            facts = json.loads(text) if text else None
            if facts is not None and facts["until"] >= self._clock():
                return dict(facts)
        return None


def hub_url(origins: Origins) -> str:
    """Where browsers find the Hub: a URL, or a path where everything answers to one name."""
    return f"{origins.hub}/hub/"


def _state_binding(server: OpenServer, host: str, state: str) -> str:
    return f"state {state} {server.launch_id} {host.lower()}{server.prefix}"


def _code_binding(server: OpenServer, state: str) -> str:
    return f"code {state} {server.launch_id} {server.origin}{server.prefix}"


def _removal(name: str, server: OpenServer) -> SetCookie:
    return SetCookie(name, "", server.prefix)
