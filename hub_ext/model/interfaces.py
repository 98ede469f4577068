"""How the server of an image is started and reached: an image needs nothing of ours inside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Poll:
    """Requests that are no use of a server: their methods, and a pattern of the path below its prefix.

    The pattern is a regular expression that the whole path matches, without the query.
    """

    methods: tuple[str, ...]
    path: str


READ_METHODS = ("GET", "HEAD")  # of a poll of which nothing else is said

# What JupyterLab 4.6 asks while nobody touches it. Opening a kernel's or a terminal's WebSocket is no use
# either, as a page that comes back after a cut line does it by itself: the messages through it are use.
JUPYTER_POLLS = (
    Poll(READ_METHODS, r"api/?"),
    Poll(READ_METHODS, r"api/(?:kernels|sessions|terminals|kernelspecs)(?:/[^/]+)?"),
    Poll(READ_METHODS, r"api/kernels/[^/]+/channels"),
    Poll(READ_METHODS, r"terminals/websocket/[^/]+"),
    Poll(READ_METHODS, r"api/contents(?:/.*)?"),
    Poll(READ_METHODS, r"api/(?:status|me|config/.*|metrics.*|events/subscribe)"),
    Poll(READ_METHODS, r"kernelspecs/.*"),
    Poll(READ_METHODS, r"lab/api/.*"),
    Poll(("PUT",), r"lab/api/workspaces/.*"),
    Poll(READ_METHODS, r"(?:static|lab/static|lab/extensions|nbextensions|custom)/.*"),
    Poll(READ_METHODS, r"(?:favicon\.ico|manifest\.webmanifest|service-worker\.js|logo)"),
    Poll(READ_METHODS, r"lsp/status"),
)


class InterfaceKind(StrEnum):
    """Stored. A JUPYTER server gets our arguments and is asked about kernels; a COMMAND is run as written."""

    JUPYTER = "jupyter"
    COMMAND = "command"


class PrefixHandling(StrEnum):
    """Stored. Whether a request reaches the server with the prefix of its address, or as if it lay at "/"."""

    KEPT = "kept"
    STRIPPED = "stripped"


class SecretScheme(StrEnum):
    """Stored. What stands before a launch's secret in the Authorization header of each request, if any."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - Jupyter's word
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where the secret of a launch goes: an environment variable of the container, and a request's header.

    With the scheme NONE no header carries it; with `variable` "" the container does not get it.
    """

    variable: str
    scheme: SecretScheme


@dataclass(frozen=True, slots=True)
class Interface:
    """How the server of an image is started and reached.

    `command` is run without a shell, found by the image's PATH. JUPYTER's arguments are put behind it; in a
    COMMAND, "{port}", "{prefix}" (with both slashes) and "{start_url}" stand for their values. `ready_path`
    is a path below the prefix, without a slash at its beginning, that answers 200 once the server is up.
    """

    kind: InterfaceKind
    command: tuple[str, ...]
    port: int
    prefix: PrefixHandling
    ready_path: str
    polls: tuple[Poll, ...]
    secret: SecretPlace


# Jupyter servers of any image: the secret is jupyter_server's own variable and header.
JUPYTER = Interface(
    kind=InterfaceKind.JUPYTER,
    command=("jupyter-lab",),
    port=8888,
    prefix=PrefixHandling.KEPT,
    ready_path="api",
    polls=JUPYTER_POLLS,
    secret=SecretPlace("JUPYTER_TOKEN", SecretScheme.TOKEN),
)

# A program that knows nothing of where it lies, which most do not.
COMMAND = Interface(
    kind=InterfaceKind.COMMAND,
    command=(),
    port=8888,
    prefix=PrefixHandling.STRIPPED,
    ready_path="",
    polls=(),
    secret=SecretPlace("", SecretScheme.NONE),
)

# What an interface is where only some of it is said.
DEFAULTS = {InterfaceKind.JUPYTER: JUPYTER, InterfaceKind.COMMAND: COMMAND}
START_PAGES = {InterfaceKind.JUPYTER: "/lab", InterfaceKind.COMMAND: "/"}
