"""A server that takes itself to lie at "/": what it is asked, and where what it answers leads."""

from __future__ import annotations

import pytest

from tests.front.conftest import Site
from tests.support.front_wire import Answer


@pytest.fixture
def stripped(site: Site) -> Site:
    """The gate strips prefixes."""
    site.gate.stripped = True
    return site


@pytest.mark.parametrize(
    "below",
    [
        "",
        "?",
        "?next=/user/alice/x",
        "a%2Fb/%C3%A9//c;d/?q=%20+&r=/..",
        "/elsewhere.example/",
        "user/alice/x",
        "~{}|^[]()'!*,@:$",
        "x" * 9000,
    ],
)
def test_the_server_is_asked_without_its_prefix_in_the_same_spelling(stripped: Site, below: str) -> None:
    assert stripped.ask(f"/user/alice/{below}").status == 200
    assert [request.target for request in stripped.alice.requests] == [f"/{below}"]
    assert stripped.bob.requests == []


def test_it_is_told_its_prefix_and_others_are_not(stripped: Site) -> None:
    forged = [("X-Forwarded-Prefix", "/forged")]
    stripped.ask("/user/alice/x", forged)
    assert stripped.alice.requests[-1].values("x-forwarded-prefix") == ["/user/alice"]
    stripped.gate.stripped = False
    stripped.ask("/user/alice/x", forged)
    assert stripped.alice.requests[-1].target == "/user/alice/x"
    assert stripped.alice.requests[-1].values("x-forwarded-prefix") == []


def test_another_address_alone_strips_nothing(site: Site) -> None:
    """The gate takes a token out of some."""
    site.gate.uri = "/user/alice/x?b=%2f"
    site.alice.status, site.alice.headers = "302 Found", [("Location", "/hub/home")]
    answer = site.ask("/user/alice/x?b=%2f&token=t")
    assert [request.target for request in site.alice.requests] == ["/user/alice/x?b=%2f"]
    assert site.alice.requests[-1].values("x-forwarded-prefix") == []
    assert answer.value("location") == "/hub/home"


def test_a_body_comes_whole(stripped: Site) -> None:
    body = bytes(range(256))
    stripped.ask("/user/alice/upload?to=a", method="POST", body=body)
    (request,) = stripped.alice.requests
    assert (request.method, request.target, request.body) == ("POST", "/upload?to=a", body)


def redirected(site: Site, location: str) -> Answer:
    site.alice.status, site.alice.headers = "302 Found", [("Location", location)]
    return site.ask("/user/alice/a/b")


@pytest.mark.parametrize(
    ("location", "rewritten"),
    [
        ("/", "/user/alice/"),
        ("/login?next=/x", "/user/alice/login?next=/x"),
        ("/user/alice/login", "/user/alice/login"),  # it heeds X-Forwarded-Prefix
        ("/user/bob/", "/user/alice/user/bob/"),
        ("//elsewhere.example/", "//elsewhere.example/"),
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
        ("next", "next"),
        ("../next", "../next"),
        ("?page=2", "?page=2"),
        ("http://{host}", "/user/alice/"),
        ("http://{host}/login", "/user/alice/login"),
        ("HTTPS://{host}/user/alice/login", "/user/alice/login"),
        ("http://{host}?page=2", "/user/alice/?page=2"),
        ("http://{host}0/login", "http://{host}0/login"),
        ("http://{host}@elsewhere.example/", "http://{host}@elsewhere.example/"),
    ],
)
def test_redirects_lead_below_the_prefix(stripped: Site, location: str, rewritten: str) -> None:
    host = f"127.0.0.1:{stripped.port}"
    answer = redirected(stripped, location.format(host=host))
    assert (answer.status, answer.value("location")) == (302, rewritten.format(host=host))


def test_redirects_of_a_server_that_knows_its_prefix_stay(site: Site) -> None:
    assert redirected(site, "/elsewhere").value("location") == "/elsewhere"


@pytest.mark.parametrize(
    ("cookie", "passes"),
    [
        ("a=1; Path=/", ["a=1; Path=/user/alice/; SameSite=Lax"]),
        ("a=1; Path=/admin", ["a=1; Path=/user/alice/admin; SameSite=Lax"]),
        ("a=1; Path=/user/alice/x", ["a=1; Path=/user/alice/x; SameSite=Lax"]),
        ("a=1; Path=/user/bob/", ["a=1; Path=/user/alice/user/bob/; SameSite=Lax"]),
        ("a=1; Path=x", ["a=1; Path=/user/alice/; SameSite=Lax"]),
        ("_xsrf=x; Path=/", ["_xsrf=x; Path=/user/alice/; SameSite=Lax"]),
        ("_xsrf=x", []),
        ("jupyterhub-session-id=x; Path=/", []),
    ],
)
def test_cookies_are_bound_below_the_prefix(stripped: Site, cookie: str, passes: list[str]) -> None:
    stripped.alice.headers = [("Set-Cookie", cookie)]
    assert stripped.ask("/user/alice/").values("set-cookie") == passes


def test_nothing_is_taken_for_a_file_of_jupyterlab(stripped: Site) -> None:
    target = "/user/alice/static/lab/app.0123456789abcdef0123.js"
    stripped.alice.headers = [("Cache-Control", "no-cache")]
    assert stripped.ask(target).value("cache-control") == "no-cache"
    stripped.gate.stripped = False
    assert "immutable" in (stripped.ask(target).value("cache-control") or ""), "the control"
