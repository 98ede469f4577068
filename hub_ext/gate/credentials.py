"""The tokens by which a request may enter a server: an API token of the Hub's, or the gate's own cookie.

The secrets of a launch are none: pages of Jupyter may contain the launch's secret and send it with their own
requests, and what a page or a container can read must not open a door from outside.
"""

from __future__ import annotations

import hmac

from hub_ext.gate import cookies
from hub_ext.gate.cookies import RequestCookies
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.routes import OpenServer
from hub_ext.gate.seal import Seal


def api_token(request: OriginalRequest, server: OpenServer) -> str:
    """The API token that the request shows; "" without one, and for the secrets of the launch."""
    token = request.api_token
    return "" if not token or _is_of_launch(token, server) else token


def session_token(
    seal: Seal, request: OriginalRequest, request_cookies: RequestCookies, server: OpenServer
) -> str:
    """The Hub's token in the gate's cookie of this launch; "" without one that is the gate's making."""
    bound_to = session_binding(server, request.host)
    for value in request_cookies.values(cookies.SESSION + server.launch_id):
        if token := seal.unseal(value, bound_to):
            return token
    return ""


def session_binding(server: OpenServer, host: str) -> str:
    """What the session's cookie of that server is sealed for. A change signs everybody in again."""
    return f"session {server.launch_id} {host.lower()}{server.prefix}"


def address_tokens(request: OriginalRequest, server: OpenServer) -> tuple[str, ...]:
    """What may be the Hub's of the tokens in the address; none of a WebSocket's, which goes on without.

    Interfaces have tokens of their own there, as Jupyter does, so the Hub must say whose each is.
    """
    if request.websocket:
        return ()
    return tuple(token for token in request.address_tokens if token and not _is_of_launch(token, server))


def _is_of_launch(token: str, server: OpenServer) -> bool:
    secrets = server.secrets
    return _same(token, secrets.token) or _same(token, secrets.oauth_client_secret)


def _same(token: str, secret: str) -> bool:
    return hmac.compare_digest(token.encode(), secret.encode())
