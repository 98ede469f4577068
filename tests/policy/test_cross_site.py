"""Which page may have a browser act on a server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.policy.cross_site import (
    CrossSiteReason,
    RequestSource,
    SignedInBy,
    judge_source,
    same_origin,
)

OURS = "http://127.0.0.1:8000"
GET = RequestSource("GET", "http", "127.0.0.1:8000")
POST = replace(GET, method="POST")
SOCKET = replace(GET, websocket=True, fetch_mode="websocket")
PAGE = {"fetch_mode": "navigate", "fetch_dest": "document"}

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
SITES = st.sampled_from(["", "same-origin", "same-site", "cross-site", "none", "elsewhere"])
MODES = st.sampled_from(["", "navigate", "cors", "no-cors", "same-origin", "websocket"])
DESTS = st.sampled_from(["", "document", "iframe", "frame", "image", "script", "empty"])
ORIGINS = st.sampled_from(
    ["", OURS, "null", "http://evil.example", "http://127.0.0.1:9000", "https://127.0.0.1:8000", "::", "\x00"]
)
SOURCES = st.builds(
    RequestSource,
    METHODS,
    st.just("http"),
    st.just("127.0.0.1:8000"),
    st.booleans(),
    SITES,
    MODES,
    DESTS,
    ORIGINS,
    ORIGINS.map(lambda origin: f"{origin}/page" if origin else ""),
)

TABLE: list[tuple[RequestSource, bool, CrossSiteReason]] = [
    # A page of ours, or nobody's page.
    (replace(POST, fetch_site="same-origin"), True, CrossSiteReason.SAME_ORIGIN),
    (replace(GET, fetch_site="none", **PAGE), True, CrossSiteReason.TYPED_NAVIGATION),
    (replace(POST, fetch_site="none", **PAGE), False, CrossSiteReason.FOREIGN_PAGE),
    (replace(GET, fetch_site="none", fetch_mode="no-cors"), False, CrossSiteReason.FOREIGN_PAGE),
    # A link from elsewhere; another port of the same host is no better than another site.
    (replace(GET, fetch_site="cross-site", **PAGE), True, CrossSiteReason.LINK_FROM_ELSEWHERE),
    (replace(GET, fetch_site="same-site", **PAGE), True, CrossSiteReason.LINK_FROM_ELSEWHERE),
    (replace(POST, fetch_site="cross-site", **PAGE), False, CrossSiteReason.FOREIGN_PAGE),
    (replace(POST, fetch_site="same-site", **PAGE), False, CrossSiteReason.FOREIGN_PAGE),
    (replace(GET, fetch_site="same-site", fetch_mode="cors"), False, CrossSiteReason.FOREIGN_PAGE),
    (
        replace(GET, fetch_site="cross-site", fetch_mode="navigate", fetch_dest="iframe"),
        False,
        CrossSiteReason.FOREIGN_PAGE,
    ),
    (replace(GET, fetch_site="cross-site", fetch_mode="no-cors"), False, CrossSiteReason.FOREIGN_PAGE),
    (
        replace(GET, fetch_site="cross-site", fetch_mode="no-cors", fetch_dest="document"),
        False,
        CrossSiteReason.FOREIGN_PAGE,
    ),
    (replace(POST, fetch_site="new-word", origin=OURS), False, CrossSiteReason.FOREIGN_PAGE),
    # Plain HTTP beyond loopback: no Sec-Fetch-*.
    (replace(POST, origin=OURS), True, CrossSiteReason.SAME_ORIGIN),
    (replace(POST, origin="http://127.0.0.1:9000"), False, CrossSiteReason.FOREIGN_ORIGIN),
    (replace(GET, origin="null"), False, CrossSiteReason.FOREIGN_ORIGIN),
    (
        replace(POST, origin="http://evil.example", referer=f"{OURS}/lab"),
        False,
        CrossSiteReason.FOREIGN_ORIGIN,
    ),
    (replace(POST, referer=f"{OURS}/user/alice/lab?x"), True, CrossSiteReason.SAME_ORIGIN),
    (replace(GET, referer="http://evil.example/"), False, CrossSiteReason.FOREIGN_REFERER),
    (replace(GET, referer=f"http://evil.example/{OURS}"), False, CrossSiteReason.FOREIGN_REFERER),
    (replace(GET, referer=f"http://{GET.host}@evil.example/"), False, CrossSiteReason.FOREIGN_REFERER),
    (GET, True, CrossSiteReason.SAFE_WITHOUT_ORIGIN),
    (replace(GET, method="HEAD"), True, CrossSiteReason.SAFE_WITHOUT_ORIGIN),
    (POST, False, CrossSiteReason.NO_ORIGIN),
    # WebSockets: Origin alone decides.
    (replace(SOCKET, origin=OURS), True, CrossSiteReason.SAME_ORIGIN),
    (replace(SOCKET, origin="http://127.0.0.1:9000"), False, CrossSiteReason.FOREIGN_ORIGIN),
    (replace(SOCKET, origin="null"), False, CrossSiteReason.FOREIGN_ORIGIN),
    (SOCKET, False, CrossSiteReason.NO_ORIGIN),
    (replace(SOCKET, fetch_site="same-origin"), False, CrossSiteReason.NO_ORIGIN),
    (replace(SOCKET, fetch_site="cross-site", **PAGE), False, CrossSiteReason.NO_ORIGIN),
]


@pytest.mark.parametrize(("source", "allowed", "reason"), TABLE)
def test_each_rule(source: RequestSource, allowed: bool, reason: CrossSiteReason) -> None:
    verdict = judge_source(source, SignedInBy.COOKIE)
    assert (verdict.allowed, verdict.reason) == (allowed, reason)


def test_every_reason_is_in_the_table() -> None:
    assert {reason for _, _, reason in TABLE} | {CrossSiteReason.TOKEN} == set(CrossSiteReason)


@given(SOURCES)
def test_an_api_token_is_nobodys_but_its_senders(source: RequestSource) -> None:
    assert judge_source(source, SignedInBy.TOKEN).allowed


@given(SOURCES)
def test_nothing_but_pages_of_ours_changes_anything(source: RequestSource) -> None:
    verdict = judge_source(source, SignedInBy.COOKIE)
    if verdict.allowed and (source.websocket or source.method not in ("GET", "HEAD")):
        assert verdict.reason is CrossSiteReason.SAME_ORIGIN
        if source.fetch_site and not source.websocket:
            assert source.fetch_site == "same-origin"
        else:
            assert OURS in (source.origin, source.referer.removesuffix("/page"))


@given(SOURCES)
def test_a_foreign_websocket_never_opens(source: RequestSource) -> None:
    socket = replace(source, websocket=True)
    assert judge_source(socket, SignedInBy.COOKIE).allowed == (socket.origin == OURS)


@given(SOURCES.filter(lambda source: source.fetch_site in ("cross-site", "same-site")))
def test_from_elsewhere_only_links_pass(source: RequestSource) -> None:
    if not source.websocket and judge_source(source, SignedInBy.COOKIE).allowed:
        assert (source.method, source.fetch_mode, source.fetch_dest) == ("GET", "navigate", "document")


@given(st.text(max_size=40))
def test_no_text_is_our_origin_by_accident(text: str) -> None:
    if same_origin(text, GET):
        assert text.lower().startswith("http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("origin", "scheme", "host", "same"),
    [
        ("https://hub.example", "https", "hub.example", True),
        ("https://hub.example:443", "https", "hub.example", True),
        ("https://HUB.example", "https", "hub.EXAMPLE:443", True),
        ("http://hub.example", "https", "hub.example", False),
        ("http://hub.example:443", "https", "hub.example", False),
        ("https://hub.example.evil", "https", "hub.example", False),
        ("http://[::1]:8000", "http", "[::1]:8000", True),
        ("http://hub.example:99999", "http", "hub.example", False),
        ("http://hub.example,http://evil.example", "http", "hub.example", False),
        ("", "http", "", False),
    ],
)
def test_origins_are_compared_as_browsers_do(origin: str, scheme: str, host: str, same: bool) -> None:
    assert same_origin(origin, RequestSource("GET", scheme, host)) == same
