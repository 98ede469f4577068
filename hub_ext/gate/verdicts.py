"""What may become of a request to a server: it passes, the gate answers it, or it is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hub_ext.gate.routes import Absence, OpenServer
from hub_ext.model.interfaces import PrefixHandling
from hub_ext.policy.cross_site import SignedInBy


class Refused(StrEnum):
    """Why a request is forbidden."""

    NO_RIGHT = "no-right"
    CROSS_SITE = "cross-site"


@dataclass(frozen=True, slots=True)
class _AtServer:
    """A verdict that needs nothing beside the server that lies at the address."""

    server: OpenServer


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


class SignIn(_AtServer):
    """Nobody is signed in, or not any more."""


class OAuthReturn(_AtServer):
    """The browser comes back from the Hub's OAuth."""


class SignOut(_AtServer):
    """The page's own way to sign out, which is the Hub's."""


class Elsewhere(_AtServer):
    """The server's pages are at its own origin, and this name is another."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody who may enter is to be led on to the server's own origin, with a code for `token`."""

    server: OpenServer
    token: str = field(repr=False)


class Enter(_AtServer):
    """The browser comes to the server's own origin with a code."""


class MissingSlash(_AtServer):
    """The path of a server without its last slash."""


class TokenInAddress(_AtServer):
    """The address of somebody who may enter has a token of the Hub, which neither page nor server may see."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Somebody is signed in, and the request may not pass."""

    server: OpenServer
    reason: Refused


@dataclass(frozen=True, slots=True)
class NotRunning:
    """No server is open there. `absence` is CLOSED, STARTING or STOPPING."""

    absence: Absence = Absence.CLOSED


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
