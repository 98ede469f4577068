"""A request goes where the gate says by its raw address, whatever the client says about itself."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.front.conftest import Site
from tests.support.front_wire import SECRET, ask, ask_raw

Make = Callable[..., AbstractContextManager[Site]]
CLIENT_WORDS = [
    ("X-Gate-Upstream", "127.0.0.1:1"),
    ("X-Gate-Authorization", "token forged"),
    ("X-Gate-Cookie", "forged=1"),
    ("X-Gate-Prefix", "/user/bob/"),
    ("X-Gate-Uri", "/elsewhere"),
    ("X-Gate-Forwarded-Prefix", "/forged"),
    ("X-Forwarded-Prefix", "/forged"),
    ("X_Gate_Upstream", "127.0.0.1:1"),
    ("X-Original-URI", "/user/bob/"),
    ("X-Original-Method", "DELETE"),
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "elsewhere.example"),
    ("X-Real-IP", "192.0.2.1"),
    ("Forwarded", "for=192.0.2.1"),
    ("Proxy-Authorization", "Basic Zm9yZ2Vk"),
]


def test_a_request_goes_to_the_upstream_that_the_gate_names(site: Site) -> None:
    answer = site.ask("/user/alice/lab/tree?path=a%20b&path=c")
    assert (answer.status, answer.body) == (200, b"here")
    assert [request.target for request in site.alice.requests] == ["/user/alice/lab/tree?path=a%20b&path=c"]
    assert [request.value("x-original-uri") for request in site.gate.requests] == [
        "/user/alice/lab/tree?path=a%20b&path=c"
    ]
    assert site.bob.requests == site.hub.requests == site.console.requests == []


def test_the_launch_s_secret_and_the_passing_cookies_replace_the_client_s(site: Site) -> None:
    site.ask("/user/alice/", [("Authorization", "token mine"), ("Cookie", "jupyterhub-session-id=x; kept=1")])
    (request,) = site.alice.requests
    assert request.values("authorization") == [SECRET]
    assert request.values("cookie") == ["kept=1"]
    (check,) = site.gate.requests  # the gate judges by the client's own
    assert check.value("authorization") == "token mine"
    assert check.value("cookie") == "jupyterhub-session-id=x; kept=1"


def test_without_passing_cookies_none_is_sent(site: Site) -> None:
    site.gate.cookie = ""
    site.ask("/user/alice/", [("Cookie", "jupyterhub-session-id=x")])
    assert site.alice.requests[0].values("cookie") == []


@pytest.mark.parametrize("target", ["/user/alice/", "/hub/home", "/services/console/"])
def test_the_client_s_words_for_our_headers_never_pass(site: Site, target: str) -> None:
    site.ask(target, CLIENT_WORDS)
    received = [*site.gate.requests, *(one for upstream in site.upstreams() for one in upstream.requests)]
    assert received
    for request in received:
        assert not [header for header in request.headers if header[1] in dict(CLIENT_WORDS).values()]
        assert request.value("x-forwarded-for") == "127.0.0.1"
        assert request.value("x-forwarded-proto") == "http"
        assert request.value("x-forwarded-host") == request.value("host") == f"127.0.0.1:{site.port}"
    assert [request.value("x-original-uri") for request in site.gate.requests] in ([target], [])


def test_another_header_of_the_client_s_passes(site: Site) -> None:
    """The control of the test above."""
    site.ask("/user/alice/", [("X-XSRFToken", "abc")])
    assert site.alice.requests[0].value("x-xsrftoken") == "abc"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_gate_is_told_the_method(site: Site, method: str) -> None:
    site.ask("/user/alice/api/contents", method=method, body=b"{}" if method[0] == "P" else b"")
    check, request = site.gate.requests[0], site.alice.requests[0]
    assert (check.method, check.value("x-original-method"), check.body_bytes) == ("GET", method, 0)
    assert request.method == method


SPELLINGS = (
    "/user/alice/../bob/api",
    "/user/alice/./../bob/api",
    "/user/alice/%2e%2e/bob/api",
    "/user/alice%2f..%2fbob/api",
    "/user/alice/..%2fbob/api",
    "/user//bob/api",
    "//user/bob/api",
    "/%75ser/bob/api",
    "/user/%62ob/api",
    "/user/alice\\..\\..\\bob/api",
    "/user\\bob/api",
    "/hub/../user/bob/api",
    "/services/console/../../user/bob/api",
    "/user/bob;/../../alice/api",
    "/user/alice/#/../../bob/api",
    "/user/./bob/api",
    "http://127.0.0.1:PORT/user/bob/../alice/api",
    "http://127.0.0.1:PORT//user/bob/api",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_reaches_another_server_than_the_one_judged(site: Site, spelling: str) -> None:
    """The gate lets in what begins with its prefixes, by its raw address; what arrives is what it judged."""
    site.gate.upstreams.pop("/user/bob/", None)
    try:
        site.ask(spelling.replace("PORT", str(site.port)))
        assert site.bob.requests == []
        judged = [
            request.value("x-original-uri") for request in site.gate.requests if request.target == "/check"
        ]
        for request in site.alice.requests:
            assert request.target in judged
            assert request.target.startswith("/user/alice")
        for request in (*site.hub.requests, *site.console.requests):
            assert request.values("authorization") == []
    finally:
        site.gate.upstreams["/user/bob/"] = site.bob.address


def test_the_same_spellings_reach_whom_the_gate_lets_in(site: Site) -> None:
    """The control: bob's door is open, and his own address in absolute form arrives."""
    site.ask(f"http://127.0.0.1:{site.port}/user/bob/api")
    assert [request.target for request in site.bob.requests] == ["/user/bob/api"]


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://elsewhere.example/user/alice/", "127.0.0.1:PORT"),
        ("http://127.0.0.1:PORT/user/alice/", "elsewhere.example"),
    ],
)
def test_a_request_that_names_two_hosts_is_refused(site: Site, target: str, host: str) -> None:
    port = str(site.port)
    answer = ask(site.port, target.replace("PORT", port), host=host.replace("PORT", port))
    assert answer.status == 400
    assert site.gate.requests == site.alice.requests == []
    for same in ("hub.example", "HUB.example:8000", "[::1]:8000", "localhost."):
        assert ask(site.port, "/user/alice/", host=same).status == 200


@pytest.mark.parametrize(
    "target", ["/check", "/answer", "/.hub-ext/check", "/.hub-ext/websocket", "/.hub-ext/pages/"]
)
def test_the_gate_s_own_addresses_are_not_reachable(site: Site, target: str) -> None:
    answer = site.ask(target)
    assert site.gate.requests == []
    assert answer.status == 404 or site.hub.requests  # the Hub's, as any address that is nobody else's
    assert answer.values("x-gate-authorization") == []


def test_the_gate_answers_what_it_does_not_let_in(site: Site) -> None:
    site.gate.answer_status = "302 Found"
    site.gate.answer_headers = [
        ("Location", "/hub/api/oauth2/authorize?x=y"),
        ("Set-Cookie", "hub-ext-door=1; Path=/"),
    ]
    answer = site.ask(
        "/user/carol/lab?next=1", method="POST", body=b"a=b", headers=[("X-Original-URI", "/user/alice/")]
    )
    assert answer.status == 302
    assert answer.value("location") == "/hub/api/oauth2/authorize?x=y"
    assert answer.value("set-cookie") == "hub-ext-door=1; Path=/"
    assert answer.body == b"the gate: a=b"
    _, request = site.gate.requests
    assert (request.target, request.method) == ("/answer", "POST")
    assert request.value("x-original-uri") == "/user/carol/lab?next=1"
    assert request.value("x-original-method") == "POST"
    assert request.value("host") == f"127.0.0.1:{site.port}"


@pytest.mark.parametrize(("length", "passed"), [(60_000, 60_000), (70_000, 0), (5_000_000, 0)])
def test_the_gate_gets_small_bodies_only(site: Site, length: int, passed: int) -> None:
    answer = site.ask("/user/carol/api", method="PUT", body=b"x" * length)
    assert answer.status == 403
    assert site.gate.requests[-1].body_bytes == passed


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "403 Forbidden", "404 Not Found", "500 Oh"])
def test_any_other_word_of_the_gate_s_opens_nothing(site: Site, status: str) -> None:
    site.gate.check_status = status
    answer = site.ask("/user/alice/")
    if status.startswith("200"):  # nginx takes any 2xx; there is no upstream in it
        assert answer.status == 503
    assert answer.status == 503
    assert b"restarting" in answer.body
    assert site.alice.requests == []


def test_without_a_gate_nothing_opens(site: Site) -> None:
    site.gate.close()
    for target in ("/user/alice/", "/user/alice/api/kernels/1/channels"):
        answer = site.ask(target, [("Upgrade", "websocket")] if "channels" in target else [])
        assert answer.status == 503
        assert "Le service redémarre".encode() in answer.body
        assert "default-src 'none'" in (answer.value("content-security-policy") or "")
        assert answer.value("content-type") == "text/html; charset=utf-8"
    assert site.ask("/user/alice/", method="PUT", body=b"x" * 100_000).status == 503
    assert site.alice.requests == []
    site.gate.open()
    assert site.ask("/user/alice/").status == 200


@pytest.mark.parametrize(
    ("target", "upstream"), [("/hub/home", "hub"), ("/", "hub"), ("/services/console/x", "console")]
)
def test_the_hub_and_the_console_are_reached_without_the_gate(site: Site, target: str, upstream: str) -> None:
    sent = [("Authorization", "token mine"), ("Cookie", "jupyterhub-session-id=x")]
    assert site.ask(f"{target}?a=%2F", sent).status == 200
    (request,) = getattr(site, upstream).requests
    assert request.target == f"{target}?a=%2F"
    assert (request.value("authorization"), request.value("cookie")) == (sent[0][1], sent[1][1])
    assert site.gate.requests == []


def test_a_gate_that_ends_between_its_two_answers(site: Site) -> None:
    site.gate.answer_status = ""
    for length in (0, 100, 100_000):
        answer = site.ask("/user/carol/", method="POST", body=b"x" * length)
        assert (answer.status, "redémarre".encode() in answer.body) == (503, True)


def test_without_a_hub_a_page_says_so(another_site: Make) -> None:
    with another_site() as site:
        site.hub.close()
        answer = site.ask("/hub/home")
        assert answer.status == 503
        assert b"restarting" in answer.body


def test_a_websocket_goes_to_the_gate(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
        connection.sendall(_handshake(site.port, "/user/alice/api/kernels/1%2F/channels?session_id=s"))
        head = connection.recv(65536)
        assert head.startswith(b"HTTP/1.1 101 ")
        lines = head.decode().split("\r\n")
        assert "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org" in lines
        assert any(line.startswith("Sec-WebSocket-Accept: ") for line in lines)
        connection.sendall(b"frame")
        assert connection.recv(65536) == b"frame"
    check, relayed = site.gate.requests
    assert check.target == "/check"
    assert check.value("upgrade") == "websocket"
    for request in (check, relayed):
        assert request.value("x-original-uri") == "/user/alice/api/kernels/1%2F/channels?session_id=s"
        assert request.value("authorization") == "token mine"
        assert request.value("x-gate-upstream") is None
    assert relayed.target == "/user/alice/api/kernels/1%2F/channels?session_id=s"
    assert site.alice.requests == []


def test_a_websocket_that_the_gate_does_not_let_in(site: Site) -> None:
    answer = ask_raw(
        site.port,
        _handshake(site.port, "/user/carol/api/kernels/1/channels").replace(
            b"Connection: Upgrade", b"Connection: Upgrade, close"
        ),
    )
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert [request.target for request in site.gate.requests] == ["/check", "/answer"]


@pytest.mark.parametrize("word", ["h2c", "websocket, h2c", "x"])
def test_another_upgrade_is_an_ordinary_request(site: Site, word: str) -> None:
    site.alice.raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw"
    head = f"GET /user/alice/ HTTP/1.1\r\nHost: a\r\nUpgrade: {word}\r\nConnection: Upgrade\r\n\r\n"
    answer = ask_raw(site.port, head.encode())
    assert b"raw" not in answer
    assert site.alice.requests[0].values("upgrade") == []


def _handshake(port: int, target: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ),
        *("Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org", "Authorization: token mine"),
        "X-Gate-Upstream: 127.0.0.1:1",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
