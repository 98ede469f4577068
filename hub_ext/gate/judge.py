"""May this request pass to a server? One judgement for `/check`, for `/answer` and for open WebSockets.

In this order: which open server lies there, who asks, may they enter, and does the request come from where it
may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub_ext.expression.interfaces import authorization, request_path
from hub_ext.gate import cookies
from hub_ext.gate.cookies import RequestCookies
from hub_ext.gate.credentials import address_tokens, api_token, session_token
from hub_ext.gate.original import OriginalRequest, uri_without_token
from hub_ext.gate.origins import Origins, host_of
from hub_ext.gate.reserved import ENTER, LEAD, RESERVED, SIGN_OUT
from hub_ext.gate.rights import Right, Rights
from hub_ext.gate.routes import Absence, OpenServer, OpenServers
from hub_ext.gate.seal import Seal
from hub_ext.gate.verdicts import (
    Elsewhere,
    Enter,
    Forbidden,
    HubSilent,
    Lead,
    MissingSlash,
    NotRunning,
    OAuthReturn,
    Pass,
    Refused,
    Reserved,
    SignIn,
    SignOut,
    TokenInAddress,
    Verdict,
)
from hub_ext.model.interfaces import InterfaceKind, PrefixHandling
from hub_ext.policy.cross_site import SignedInBy, judge_source


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
            case Absence.CLOSED | Absence.STARTING | Absence.STOPPING:
                return NotRunning(server)
        assert isinstance(server, OpenServer)
        verdict = self._verdict(request, server, lambda token: self._rights.answer(server, token))
        if verdict is not None:
            return verdict
        rights = await self._find_rights(request, server)
        verdict = self._verdict(request, server, rights.get)
        assert verdict is not None, "every token has been asked for"
        return verdict

    def scheme(self, request: OriginalRequest, server: OpenServer | None) -> str:
        """The scheme that the browser asked: a TLS front before ours hides it from us."""
        for origin in (self._origins.hub, server.origin if server else ""):
            if origin and host_of(origin) == request.host.lower():
                return origin.partition(":")[0]
        return request.scheme

    async def _find_rights(self, request: OriginalRequest, server: OpenServer) -> dict[str, Right]:
        """The rights of the tokens on which a verdict depends, asked of the Hub one after the other."""
        rights: dict[str, Right] = {}
        for token, _ in self._tokens(request, server, cookies.split(request.cookies)):
            rights[token] = await self._rights.find(server, token)
            if rights[token] is Right.YES:
                for other in address_tokens(request, server):
                    rights[other] = await self._rights.find(server, other)
                break
        return rights

    def _tokens(
        self, request: OriginalRequest, server: OpenServer, request_cookies: RequestCookies
    ) -> Iterator[tuple[str, SignedInBy]]:
        """The tokens that may let the request in, in the order in which they are tried."""
        if token := api_token(request, server):
            yield token, SignedInBy.TOKEN
        if token := session_token(self._seal, request, request_cookies, server):
            yield token, SignedInBy.COOKIE

    def _verdict(
        self, request: OriginalRequest, server: OpenServer, right_of: Callable[[str], Right | None]
    ) -> Verdict | None:
        """The verdict by the rights of its tokens; None where one that matters is not there."""
        at_home = server.is_at(request.host)
        if verdict := _verdict_on_path(request, server, at_home=at_home):
            return verdict
        request_cookies = cookies.split(request.cookies)
        rights: list[Right] = []
        for token, signed_in_by in self._tokens(request, server, request_cookies):
            right = right_of(token)
            if right is None:
                return None
            if right is Right.YES:
                if signed_in_by is SignedInBy.COOKIE and not at_home:
                    return self._elsewhere(request, server, token)
                return self._let_in(request, server, right_of, request_cookies, signed_in_by, token)
            rights.append(right)
        if Right.SILENT in rights:
            return HubSilent()
        if Right.NO_RIGHT in rights:
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
        signed_in_by: SignedInBy,
        token: str,
    ) -> Verdict | None:
        """For somebody who may enter with `token`; None where the right of another one is not there."""
        if not judge_source(request.source(self.scheme(request, server)), signed_in_by).allowed:
            return Forbidden(server, Refused.CROSS_SITE)
        if request.path.startswith(RESERVED, len(server.prefix)):
            path = request.path[len(server.prefix) + len(RESERVED) :]
            return Reserved(server, path, token, signed_in_by)
        # Of anybody, for anything: a page reads its own address, and a server each that it is asked for.
        in_address = [right_of(other) for other in address_tokens(request, server)]
        if None in in_address:
            return None
        if Right.YES in in_address or Right.NO_RIGHT in in_address:
            return TokenInAddress(server)
        if Right.SILENT in in_address:
            return HubSilent()
        return _pass(request, server, request_cookies)


def _verdict_on_path(request: OriginalRequest, server: OpenServer, *, at_home: bool) -> Verdict | None:
    """The verdict for a path that means the same whoever asks; None for any other."""
    if len(request.path) < len(server.prefix):
        return MissingSlash(server)
    if request.path == server.oauth_path:
        return OAuthReturn(server)
    if server.interface.kind is InterfaceKind.JUPYTER and request.path == server.prefix + SIGN_OUT:
        return SignOut(server)
    if at_home and request.path == server.prefix + ENTER:
        return Enter(server)
    return None


def _pass(request: OriginalRequest, server: OpenServer, request_cookies: RequestCookies) -> Pass:
    interface = server.interface
    header = authorization(interface.secret, server.secrets.token)
    uri = uri_without_token(request.path, request.query) if request.websocket else request.uri
    if interface.prefix is PrefixHandling.STRIPPED:
        uri = request_path(interface, server.prefix, uri)
    return Pass(server, header, request_cookies.passing, "" if uri == request.uri else uri)
