"""The client's request as the front hands it over, parsed once and strictly.

A path is judged as it was sent: neither decoded nor normalised. What browsers would have normalised, such as
`..`, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, unquote_plus

from hub_ext.policy.cross_site import RequestSource

MOST_URI_LETTERS = 32 * 1024
_KEPT_LETTERS = 512  # longer paths are judged anew each time: strangers choose them

# Printable ASCII but space, double quotes, angle brackets, backslash, ` and #; % only before two hex digits.
_PATH = re.compile(r"/(?:[!$&'()*+,\-./0-9:;=?@A-Z\[\]^_a-z~|{}]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"[!-~]*")
_METHOD = re.compile(r"[A-Z]{1,20}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_TOKEN = re.compile(r"(?:token|bearer)\s+(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    """What the client sent. `path` is raw, `query` without "?"; `host` has its port."""

    method: str
    uri: str
    path: str
    query: str
    scheme: str
    host: str
    websocket: bool
    authorization: str
    cookies: str
    origin: str
    referer: str
    fetch_site: str
    fetch_mode: str
    fetch_dest: str
    accept: str

    def source(self, scheme: str) -> RequestSource:
        """What policy judges of it, with the scheme that the browser asked."""
        return RequestSource(
            method=self.method,
            scheme=scheme,
            host=self.host,
            websocket=self.websocket,
            fetch_site=self.fetch_site,
            fetch_mode=self.fetch_mode,
            fetch_dest=self.fetch_dest,
            origin=self.origin,
            referer=self.referer,
        )

    @property
    def navigates(self) -> bool:
        """Whether a person opens a page: then a redirect and a page help, else a status and JSON do.

        A request with a token of its own is a program's. In a frame nobody could sign in.
        """
        if self.method != "GET" or self.websocket or self.authorization:
            return False
        if self.fetch_mode:
            return self.fetch_mode == "navigate" and self.fetch_dest in ("document", "")
        return "text/html" in self.accept

    @property
    def api_token(self) -> str:
        """The token of the Authorization header, or of `?token=` for a WebSocket; "" without one.

        A browser's WebSocket cannot send a header, so the address is the only place there. Elsewhere
        `?token=` is no sign-in, as in JupyterHub since version 5: addresses are kept, logged and passed on.
        """
        if match := _TOKEN.fullmatch(self.authorization.strip()):
            return match[1]
        if self.websocket:
            return next((token for token in self.address_tokens if token), "")
        return ""

    @property
    def address_tokens(self) -> tuple[str, ...]:
        """The values of `?token=`, decoded."""
        if "=" not in self.query:
            return ()
        pairs = (pair.partition("=") for pair in self.query.split("&"))
        return tuple(unquote_plus(value) for name, _, value in pairs if _is_token(name))


def parse(headers: Iterable[tuple[str, str]]) -> OriginalRequest | None:
    """The request that these headers of the front describe; None where it cannot be parsed or is refused.

    A request is a WebSocket's by its Upgrade header, which nginx drops unless it is told otherwise, or by its
    Sec-WebSocket-Key, which no page can set.
    """
    values: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        if name in values:
            value = f"{values[name]}{'; ' if name == 'cookie' else ','}{value}"
        values[name] = value
    get = values.get
    uri, method = get("x-original-uri", ""), get("x-original-method", "")
    scheme, host = get("x-forwarded-proto", ""), get("x-forwarded-host", "")
    path, _, query = uri.partition("?")
    if not (
        _METHOD.fullmatch(method)
        and scheme in ("http", "https")
        and _HOST.fullmatch(host)
        and len(uri) <= MOST_URI_LETTERS
        and is_plain_path(path)
        and _QUERY.fullmatch(query)
    ):
        return None
    return OriginalRequest(
        method=method,
        uri=uri,
        path=path,
        query=query,
        scheme=scheme,
        host=host,
        websocket=get("upgrade", "").lower() == "websocket" or "sec-websocket-key" in values,
        authorization=get("authorization", ""),
        cookies=get("cookie", ""),
        origin=get("origin", ""),
        referer=get("referer", ""),
        fetch_site=get("sec-fetch-site", ""),
        fetch_mode=get("sec-fetch-mode", ""),
        fetch_dest=get("sec-fetch-dest", ""),
        accept=get("accept", ""),
    )


def is_plain_path(path: str) -> bool:
    """Whether a raw path can be judged: no dot segments in any spelling, no control letters, no `//` first.

    An encoded slash or backslash counts as one here.
    """
    return _kept_is_plain(path) if len(path) <= _KEPT_LETTERS else _is_plain(path)


def _is_plain(path: str) -> bool:
    if path.startswith("//") or not _PATH.fullmatch(path):
        return False
    decoded = unquote(path)
    if any(letter < " " or letter == "\x7f" for letter in decoded):
        return False
    return not any(segment in (".", "..") for segment in re.split(r"[/\\]", decoded))


_kept_is_plain = lru_cache(maxsize=4096)(_is_plain)


def uri_without_token(path: str, query: str) -> str:
    """The address without `?token=`, the rest as it came: a token of the Hub never reaches a container."""
    query = "&".join(pair for pair in query.split("&") if not _is_token(pair.partition("=")[0]))
    return f"{path}?{query}" if query else path


def _is_token(name: str) -> bool:
    return name == "token" or ("%" in name and unquote(name) == "token")
