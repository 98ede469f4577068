"""Whether a request to a notebook server may act, judged by the page that it comes from.

The gate injects the launch's secret, and a request that carries it passes Jupyter's own check against forged
requests. So this is the only one.

Browsers leave Sec-Fetch-* out on plain HTTP beyond loopback. There `Origin` decides where there is one, else
the origin in `Referer`. Where neither is sent, only GET and HEAD pass. What this leaves, on plain HTTP: a
page of another site that hides its Referer can open an address of the server as the top-level page, which it
can do with Sec-Fetch-* too; and a page on another port of the same host, or on a sibling name, can have the
browser send a GET whose answer it cannot read. Our cookie is SameSite=Lax: from another site nothing but a
top-level GET carries it, and Jupyter's GET changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = frozenset({"GET", "HEAD"})


class SignedInBy(StrEnum):
    """What the caller shows."""

    COOKIE = "cookie"
    TOKEN = "token"  # noqa: S105


class CrossSiteReason(StrEnum):
    """Why a request passes or does not."""

    TOKEN = "token"  # noqa: S105
    SAME_ORIGIN = "same-origin"
    TYPED_NAVIGATION = "typed-navigation"
    LINK_FROM_ELSEWHERE = "link-from-elsewhere"
    SAFE_WITHOUT_ORIGIN = "safe-without-origin"
    FOREIGN_PAGE = "foreign-page"
    FOREIGN_ORIGIN = "foreign-origin"
    FOREIGN_REFERER = "foreign-referer"
    NO_ORIGIN = "no-origin"


@dataclass(frozen=True, slots=True)
class RequestSource:
    """What a request says of the page that sent it. Header values are "" where the header is missing.

    `host` and `scheme` are those that the browser asked; `host` has its port, as in the Host header.
    """

    method: str
    scheme: str
    host: str
    websocket: bool = False
    fetch_site: str = ""
    fetch_mode: str = ""
    fetch_dest: str = ""
    origin: str = ""
    referer: str = ""


@dataclass(frozen=True, slots=True)
class CrossSiteVerdict:
    """Whether the request may act, and why."""

    allowed: bool
    reason: CrossSiteReason


def judge_source(source: RequestSource, signed_in_by: SignedInBy) -> CrossSiteVerdict:
    """Whether a request from that source may act, for a caller who is signed in by a cookie or an API token.

    A browser never adds an API token by itself, so a request with one is its sender's own.
    """
    if signed_in_by is SignedInBy.TOKEN:
        return CrossSiteVerdict(True, CrossSiteReason.TOKEN)
    if source.websocket:
        return _judge_websocket(source)
    if source.fetch_site:
        return _judge_fetch_site(source)
    return _judge_origin(source)


def _judge_websocket(source: RequestSource) -> CrossSiteVerdict:
    # Every browser sends Origin with a WebSocket, and no page can change it.
    if not source.origin:
        return CrossSiteVerdict(False, CrossSiteReason.NO_ORIGIN)
    if same_origin(source.origin, source):
        return CrossSiteVerdict(True, CrossSiteReason.SAME_ORIGIN)
    return CrossSiteVerdict(False, CrossSiteReason.FOREIGN_ORIGIN)


def _judge_fetch_site(source: RequestSource) -> CrossSiteVerdict:
    navigates = source.fetch_mode == "navigate"
    match source.fetch_site:
        case "same-origin":
            return CrossSiteVerdict(True, CrossSiteReason.SAME_ORIGIN)
        case "none" if navigates and source.method in _SAFE:
            return CrossSiteVerdict(True, CrossSiteReason.TYPED_NAVIGATION)
        case "cross-site" | "same-site" if (
            navigates and source.fetch_dest == "document" and source.method == "GET"
        ):
            return CrossSiteVerdict(True, CrossSiteReason.LINK_FROM_ELSEWHERE)
    return CrossSiteVerdict(False, CrossSiteReason.FOREIGN_PAGE)


def _judge_origin(source: RequestSource) -> CrossSiteVerdict:
    if source.origin:
        if same_origin(source.origin, source):
            return CrossSiteVerdict(True, CrossSiteReason.SAME_ORIGIN)
        return CrossSiteVerdict(False, CrossSiteReason.FOREIGN_ORIGIN)
    if source.referer:
        if same_origin(source.referer, source):
            return CrossSiteVerdict(True, CrossSiteReason.SAME_ORIGIN)
        return CrossSiteVerdict(False, CrossSiteReason.FOREIGN_REFERER)
    if source.method in _SAFE:
        return CrossSiteVerdict(True, CrossSiteReason.SAFE_WITHOUT_ORIGIN)
    return CrossSiteVerdict(False, CrossSiteReason.NO_ORIGIN)


def same_origin(url: str, source: RequestSource) -> bool:
    """Whether the URL is of the origin that was asked. "null", and what cannot be parsed, never is."""
    origin = _origin(url)
    return origin is not None and origin == _origin(f"{source.scheme}://{source.host}")


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port if port is not None else _DEFAULT_PORTS[parts.scheme]
