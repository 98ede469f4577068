"""May this request pass to a server? One judgement for `/check`, for `/answer` and for open WebSockets.

In this order: which open server lies there, who asks, may they enter, and does the request come from where it
may. A sign-in is an API token of the Hub or the gate's own cookie. The secrets of a launch are none:
JupyterLab sends the launch's secret with its own requests, as its page contains it, and what a page or a
container can read must not open a door from outside.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from hub_ext.expression.interfaces import authorization, request_path
from hub_ext.gate import cookies
from hub_ext.gate.cookies import RequestCookies
from hub_ext.gate.original import OriginalRequest, uri_without_token
from hub_ext.gate.origins import Origins, host_of
from hub_ext.gate.rights import Right, Rights
from hub_ext.gate.routes import Absence, OpenServer, OpenServers
from hub_ext.gate.seal import Seal
from hub_ext.model.interfaces import InterfaceKind, PrefixHandling
from hub_ext.policy.cross_site import SignedInBy, judge_source

RESERVED = "_hub-ext/"  # below a server's prefix, never passed to it
LEAD = f"{RESERVED}lead"  # at the Hub's name: on to the server's own
SIGN_OUT = "logout"  # JupyterLab's menu leads there; of other interfaces it is the server's own
ENTER = f"{RESERVED}enter"  # at the server's own name, with a code


class Refused(StrEnum):
    """Why a request is forbidden."""

    NO_RIGHT = "no-right"
    CROSS_SITE = "cross-site"


@dataclass(frozen=True, slots=True)
class Pass:
    """The request goes to `upstream` with these two headers in place of its own; "" is none.

    `uri` is the address to ask there, "" for the one that came.
    """

    server: OpenServer
    authorization: str
    cookie: str
    uri: str = ""

    @property
    def upstream(self) -> str:
        """ADDRESS:PORT of the server."""
        return self.server.upstream

    @property
    def prefix(self) -> str:
        """The path to which the server's cookies are bound."""
        return self.server.prefix

    @property
    def forwarded_prefix(self) -> str:
        """What the server must put before its own addresses for browsers, "" where it knows its prefix."""
        stripped = self.server.interface.prefix is PrefixHandling.STRIPPED
        return self.server.prefix[:-1] if stripped else ""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A path of the gate's own, asked with `token` by somebody who may enter the server."""

    server: OpenServer
    path: str
    token: str = field(repr=False)
    signed_in_by: SignedInBy


@dataclass(frozen=True, slots=True)
class SignIn:
    """Nobody is signed in, or not any more."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class OAuthReturn:
    """The browser comes back from the Hub's OAuth."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class SignOut:
    """The page's own way to sign out, which is the Hub's."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The server's pages are at its own origin, and this name is another."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody who may enter is to be led on to the server's own origin, with a code for `token`."""

    server: OpenServer
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enter:
    """The browser comes to the server's own origin with a code."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class MissingSlash:
    """The path of a server without its last slash."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class TokenInAddress:
    """The address of somebody who may enter has a token of the Hub, which neither page nor server may see."""

    server: OpenServer


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Somebody is signed in, and the request may not pass."""

    server: OpenServer
    reason: Refused


@dataclass(frozen=True, slots=True)
class NotRunning:
    """No server is open there."""


@dataclass(frozen=True, slots=True)
class HubSilent:
    """Whether the request may pass cannot be known now: the Hub or the store does not answer."""


Verdict = (
    Pass
    | Reserved
    | SignIn
    | OAuthReturn
    | SignOut
    | Elsewhere
    | Lead
    | Enter
    | MissingSlash
    | TokenInAddress
    | Forbidden
    | NotRunning
    | HubSilent
)


class Judge:
    """Judges requests by the open servers, the rights that the Hub confirms, and policy."""

    def __init__(self, origins: Origins, servers: OpenServers, rights: Rights, seal: Seal) -> None:
        self._origins = origins
        self._servers = servers
        self._rights = rights
        self._seal = seal

    def at_once(self, request: OriginalRequest) -> Verdict | None:
        """The verdict, where all that it needs is at hand; else None. Never waits."""
        server = self._servers.find(request.path)
        if not isinstance(server, OpenServer):
            return None
        return self._verdict(request, server, lambda token: self._rights.answer(server, token))

    async def judge(self, request: OriginalRequest) -> Verdict:
        """The verdict, once store and Hub have been asked for what it needs."""
        server = await self._servers.find_or_read(request.path)
        match server:
            case Absence.UNKNOWN:
                return HubSilent()
            case Absence.CLOSED:
                return NotRunning()
        assert isinstance(server, OpenServer)
        verdict = self._verdict(request, server, lambda token: self._rights.answer(server, token))
        if verdict is not None:
            return verdict
        found: dict[str, Right] = {}
        for token in self._tokens(request, server):
            found[token] = await self._rights.find(server, token)
            if found[token] is Right.YES:
                for other in self._address_tokens(request, server):
                    found[other] = await self._rights.find(server, other)
                break
        verdict = self._verdict(request, server, found.get)
        assert verdict is not None, "every token has been asked for"
        return verdict

    def scheme(self, request: OriginalRequest, server: OpenServer | None) -> str:
        """The scheme that the browser asked: a TLS front before ours hides it from us."""
        for origin in (self._origins.hub, server.origin if server else ""):
            if origin and host_of(origin) == request.host.lower():
                return origin.partition(":")[0]
        return request.scheme

    def _verdict(
        self, request: OriginalRequest, server: OpenServer, right_of: Callable[[str], Right | None]
    ) -> Verdict | None:
        """The verdict by the rights of its tokens; None where one that matters is not there."""
        if len(request.path) < len(server.prefix):
            return MissingSlash(server)
        if request.path == server.oauth_path:
            return OAuthReturn(server)
        if server.interface.kind is InterfaceKind.JUPYTER and request.path == server.prefix + SIGN_OUT:
            return SignOut(server)
        at_home = server.is_at(request.host)
        if at_home and request.path == server.prefix + ENTER:
            return Enter(server)
        request_cookies = cookies.split(request.cookies)
        by_token: Right | None = Right.UNKNOWN
        by_cookie: Right | None = Right.UNKNOWN
        if api_token := self._api_token(request, server):
            by_token = right_of(api_token)
            if by_token is None:
                return None
            if by_token is Right.YES:
                return self._let_in(request, server, right_of, request_cookies, SignedInBy.TOKEN, api_token)
        if session_token := self._session_token(request, request_cookies, server):
            by_cookie = right_of(session_token)
            if by_cookie is None:
                return None
            if by_cookie is Right.YES:
                if not at_home:
                    return self._elsewhere(request, server, session_token)
                return self._let_in(
                    request, server, right_of, request_cookies, SignedInBy.COOKIE, session_token
                )
        if Right.SILENT in (by_token, by_cookie):
            return HubSilent()
        if Right.NO_RIGHT in (by_token, by_cookie):
            return Forbidden(server, Refused.NO_RIGHT)
        if at_home or request.path == server.prefix + LEAD:
            return SignIn(server)
        return Elsewhere(server)

    def _elsewhere(self, request: OriginalRequest, server: OpenServer, token: str) -> Verdict:
        """For somebody who may enter, at a name at which the server's pages are not."""
        if request.path != server.prefix + LEAD:
            return Elsewhere(server)
        if not judge_source(request.source(self.scheme(request, server)), SignedInBy.COOKIE).allowed:
            return Forbidden(server, Refused.CROSS_SITE)
        return Lead(server, token)

    def _let_in(
        self,
        request: OriginalRequest,
        server: OpenServer,
        right_of: Callable[[str], Right | None],
        request_cookies: RequestCookies,
        by: SignedInBy,
        token: str,
    ) -> Verdict | None:
        if not judge_source(request.source(self.scheme(request, server)), by).allowed:
            return Forbidden(server, Refused.CROSS_SITE)
        if request.path.startswith(RESERVED, len(server.prefix)):
            return Reserved(server, request.path[len(server.prefix) + len(RESERVED) :], token, by)
        # Of anybody, for anything: a page reads its own address, and a server each that it is asked for.
        in_address = [right_of(other) for other in self._address_tokens(request, server)]
        if None in in_address:
            return None
        if Right.YES in in_address or Right.NO_RIGHT in in_address:
            return TokenInAddress(server)
        if Right.SILENT in in_address:
            return HubSilent()
        interface = server.interface
        header = authorization(interface.secret, server.secrets.token)
        uri = uri_without_token(request.path, request.query) if request.websocket else request.uri
        if interface.prefix is PrefixHandling.STRIPPED:
            uri = request_path(interface, server.prefix, uri)
        return Pass(server, header, request_cookies.passing, "" if uri == request.uri else uri)

    def _tokens(self, request: OriginalRequest, server: OpenServer) -> tuple[str, ...]:
        tokens = (
            self._api_token(request, server),
            self._session_token(request, cookies.split(request.cookies), server),
        )
        return tuple(token for token in tokens if token)

    def _api_token(self, request: OriginalRequest, server: OpenServer) -> str:
        """The API token that the request shows; "" without one, and for the secrets of the launch."""
        token = request.api_token
        return "" if not token or _is_of_launch(token, server) else token

    def _address_tokens(self, request: OriginalRequest, server: OpenServer) -> tuple[str, ...]:
        """What may be the Hub's of the tokens in the address; none of a WebSocket's, which goes on without.

        Interfaces have tokens of their own there, as Jupyter does, so the Hub must say whose each is.
        """
        if request.websocket:
            return ()
        return tuple(token for token in request.address_tokens if token and not _is_of_launch(token, server))

    def _session_token(
        self, request: OriginalRequest, request_cookies: RequestCookies, server: OpenServer
    ) -> str:
        """The Hub's token in the gate's cookie of this launch; "" without one that is the gate's making."""
        bound_to = session_binding(server, request.host)
        for value in request_cookies.values(cookies.SESSION + server.launch_id):
            if token := self._seal.unseal(value, bound_to):
                return token
        return ""


def session_binding(server: OpenServer, host: str) -> str:
    """What the session's cookie of that server is sealed for. A change signs everybody in again."""
    return f"session {server.launch_id} {host.lower()}{server.prefix}"


def _is_of_launch(token: str, server: OpenServer) -> bool:
    secrets = server.secrets
    return _same(token, secrets.token) or _same(token, secrets.oauth_client_secret)


def _same(token: str, secret: str) -> bool:
    return hmac.compare_digest(token.encode(), secret.encode())
