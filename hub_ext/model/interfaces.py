"""What a browser's page of an interface asks by itself, without anybody at the keyboard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Poll:
    """Requests that are no use of a server: their methods, and a pattern of the path below its prefix.

    The pattern is a regular expression that the whole path matches, without the query.
    """

    methods: tuple[str, ...]
    path: str


_READ = ("GET", "HEAD")

# What JupyterLab 4.6 asks while nobody touches it. Opening a kernel's or a terminal's WebSocket is no use
# either, as a page that comes back after a cut line does it by itself: the messages through it are use.
JUPYTER_POLLS = (
    Poll(_READ, r"api/?"),
    Poll(_READ, r"api/(?:kernels|sessions|terminals|kernelspecs)(?:/[^/]+)?"),
    Poll(_READ, r"api/kernels/[^/]+/channels"),
    Poll(_READ, r"terminals/websocket/[^/]+"),
    Poll(_READ, r"api/contents(?:/.*)?"),
    Poll(_READ, r"api/(?:status|me|config/.*|metrics.*|events/subscribe)"),
    Poll(_READ, r"kernelspecs/.*"),
    Poll(_READ, r"lab/api/.*"),
    Poll(("PUT",), r"lab/api/workspaces/.*"),
    Poll(_READ, r"(?:static|lab/static|lab/extensions|nbextensions|custom)/.*"),
    Poll(_READ, r"(?:favicon\.ico|manifest\.webmanifest|service-worker\.js|logo)"),
    Poll(_READ, r"lsp/status"),
)
