"""What a container answers is held to a list, and a policy of ours goes on every answer under /user/."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.front.conftest import Site
from tests.support.front_wire import SECRET, Answer, Headers, ask_raw

Make = Callable[..., AbstractContextManager[Site]]

PASSING: Headers = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Disposition", 'attachment; filename="a.csv"'),
    ("Content-Language", "fr"),
    ("Accept-Ranges", "bytes"),
    ("Cache-Control", "no-cache"),
    ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("ETag", '"abc"'),
    ("Vary", "Accept"),
    ("Location", "https://elsewhere.example/"),
    ("Allow", "GET"),
    ("Retry-After", "3"),
    ("Pragma", "no-cache"),
]
STOPPED: Headers = [
    ("Service-Worker-Allowed", "/"),
    ("Access-Control-Allow-Origin", "*"),
    ("access-control-allow-credentials", "true"),
    ("Clear-Site-Data", '"*"'),
    ("Refresh", "0; url=https://elsewhere.example/"),
    ("Link", "<https://elsewhere.example/x>; rel=preload"),
    ("Link", "<https://elsewhere.example/y>; rel=preload"),
    ("Report-To", '{"endpoints": []}'),
    ("Reporting-Endpoints", 'a="https://elsewhere.example/"'),
    ("NEL", "{}"),
    ("Content-Security-Policy-Report-Only", "default-src 'none'; report-uri https://elsewhere.example/"),
    ("Strict-Transport-Security", "max-age=1"),
    ("Alt-Svc", 'h3=":443"'),
    ("Server", "Container"),
    ("X-Powered-By", "Container"),
    ("X-Gate-Authorization", "token forged"),
    ("X-Accel-Buffering", "no"),
    ("X-Accel-Expires", "1000"),
    ("Keep-Alive", "timeout=1"),
    ("WWW-Authenticate", "Basic realm=elsewhere"),
    ("SourceMap", "https://elsewhere.example/map"),
    ("Trailer", "X"),
    ("X-Frame-Options", "ALLOWALL"),
    ("Permissions-Policy", "camera=*"),
]


def passed(site: Site, headers: Headers, **request: str) -> Answer:
    """alice's container answers with these headers."""
    site.alice.headers = headers
    return site.ask(request.get("target", "/user/alice/lab"))


def test_headers_of_the_list_pass(site: Site) -> None:
    answer = passed(site, PASSING)
    for name, value in PASSING:
        assert answer.value(name) == value


def test_no_other_header_passes(site: Site) -> None:
    answer = passed(site, [*STOPPED, *PASSING, *STOPPED])
    assert answer.status == 200
    for name, _ in STOPPED:
        assert answer.values(name) in ([], ["nginx"]), name
    assert answer.value("content-language") == "fr"
    ours = {
        *(
            "Server",
            "Date",
            "Connection",
            "Content-Length",
            "Content-Security-Policy",
            "X-Content-Type-Options",
        ),
        *(
            "Referrer-Policy",
            "X-DNS-Prefetch-Control",
            "Cross-Origin-Opener-Policy",
            "Cross-Origin-Resource-Policy",
            "Connection-Allowlist",
        ),
    }
    assert {name for name, _ in answer.headers} <= ours | {name for name, _ in PASSING}


COOKIES = {
    "a=1": ["a=1; Path=/user/alice/; SameSite=Lax"],
    "a=1; Path=/": ["a=1; Path=/user/alice/; SameSite=Lax"],
    "a=1; Path=/user/bob/": ["a=1; Path=/user/alice/; SameSite=Lax"],
    "a=1; path=/user/alice/lab": ["a=1; Path=/user/alice/lab; SameSite=Lax"],
    "a=1; Path=/user/alice/; Path=/": ["a=1; Path=/user/alice/; SameSite=Lax"],
    "a=1; Domain=example.org; Secure; HttpOnly; SameSite=None": [
        "a=1; Path=/user/alice/; Secure; HttpOnly; SameSite=Lax"
    ],
    "a=1; SameSite=Strict; Max-Age=60; Expires=Thu, 01 Jan 2099 00:00:00 GMT": [
        "a=1; Path=/user/alice/; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Max-Age=60; SameSite=Strict"
    ],
    "_xsrf=2|x; Path=/user/alice/": ["_xsrf=2|x; Path=/user/alice/; SameSite=Lax"],
    "_xsrf=2|x; Path=/": [],
    "_xsrf=2|x": [],
    "_XSRF=2|x; Path=/user/bob/": [],
    "jupyterhub-session-id=x; Path=/user/alice/": [],
    "JupyterHub-hub-login=x": [],
    " jupyterhub-session-id =x": [],
    "hub-ext-door=x": [],
    "__Host-a=x; Secure; Path=/": [],
    "__secure-a=x; Secure": [],
    "=jupyterhub-session-id=x": [],
    "jupyterhub-session-id": [],
    "nameless": [],
    "a\tb=x": [],
    "a b=x": [],
    "a=\xe9": [],
}


@pytest.mark.parametrize("cookie", COOKIES)
def test_cookies_are_bound_to_their_server(site: Site, cookie: str) -> None:
    assert passed(site, [("Set-Cookie", cookie)]).values("set-cookie") == COOKIES[cookie]


def test_each_of_several_cookies(site: Site) -> None:
    sent = [
        ("Set-Cookie", "a=1; Path=/"),
        ("set-cookie", "jupyterhub-user-alice=x"),
        ("SET-COOKIE", "b=2; Domain=x"),
    ]
    assert passed(site, sent).values("set-cookie") == [
        "a=1; Path=/user/alice/; SameSite=Lax",
        "b=2; Path=/user/alice/; SameSite=Lax",
    ]


def policies(answer: Answer) -> list[dict[str, str]]:
    """The policies on an answer, each as its directives."""
    text = ", ".join(answer.values("content-security-policy"))
    return [
        dict((*directive.strip().split(" ", 1), "")[:2] for directive in policy.split(";"))  # type: ignore[misc]
        for policy in text.split(",")
    ]


def test_pages_speak_to_their_own_origin(site: Site) -> None:
    answer = passed(site, [])
    (ours,) = policies(answer)
    assert (
        ours["default-src"] == ours["form-action"] == ours["base-uri"] == ours["frame-ancestors"] == "'self'"
    )
    host = f"127.0.0.1:{site.port}"
    assert ours["connect-src"] == f"'self' blob: data: ws://{host} wss://{host}"
    for directive, sources in ours.items():
        for source in sources.split():
            expected = [
                "'self'",
                "'unsafe-inline'",
                "'unsafe-eval'",
                "blob:",
                "data:",
                f"ws://{host}",
                f"wss://{host}",
            ]
            assert source in expected, directive
    assert answer.value("x-content-type-options") == "nosniff"
    assert answer.value("referrer-policy") == "same-origin"
    assert answer.value("x-dns-prefetch-control") == "off"
    assert answer.value("cross-origin-opener-policy") == "same-origin"
    assert answer.value("cross-origin-resource-policy") == "same-origin"


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        (
            "frame-ancestors 'self'; report-uri /user/alice/api/security/csp-report",
            [{"frame-ancestors": "'self'"}],
        ),
        (
            "sandbox allow-scripts; Report-To x;REPORT-URI https://elsewhere.example/",
            [{"sandbox": "allow-scripts"}],
        ),
        ("default-src *, sandbox", [{"default-src": "*"}, {"sandbox": ""}]),
        ("\treport-uri\thttps://elsewhere.example/", []),
        ("report-uri https://elsewhere.example/", []),
        ("img-src \xe9", []),
    ],
)
def test_a_container_s_policy_can_only_restrict(site: Site, theirs: str, kept: list[dict[str, str]]) -> None:
    (ours,) = policies(passed(site, []))
    assert policies(passed(site, [("Content-Security-Policy", theirs)])) == [ours, *kept]


def test_several_policies_of_a_container(site: Site) -> None:
    sent = [
        ("Content-Security-Policy", "sandbox"),
        ("content-security-policy", "img-src 'none'; report-to a"),
    ]
    assert policies(passed(site, sent))[1:] == [{"sandbox": ""}, {"img-src": "'none'"}]


def test_a_stricter_referrer_policy_is_kept(site: Site) -> None:
    assert passed(site, [("Referrer-Policy", "no-referrer")]).value("referrer-policy") == "no-referrer"
    assert passed(site, [("Referrer-Policy", "unsafe-url")]).value("referrer-policy") == "same-origin"
    site.gate.answer_headers = [("Referrer-Policy", "no-referrer")]
    assert site.ask("/user/nobody/x").value("referrer-policy") == "no-referrer"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/user/alice/missing", "404 Not Found"),
        ("/user/alice/error", "500 Internal Server Error"),
        ("/user/alice/moved", "302 Found"),
        ("/user/alice/same", "304 Not Modified"),
        ("/user/carol/", ""),
        ("/user/", ""),
    ],
)
def test_every_answer_has_a_policy(site: Site, target: str, status: str) -> None:
    site.alice.status = status
    assert "default-src 'self'" in (site.ask(target).value("content-security-policy") or "")


def test_the_gate_s_own_policy_is_kept(site: Site) -> None:
    site.gate.answer_headers = [("Content-Security-Policy", "default-src 'none'"), ("X-Ours", "passes")]
    answer = site.ask("/user/carol/")
    assert answer.value("content-security-policy") == "default-src 'none'"
    assert answer.value("x-ours") == "passes"
    assert answer.value("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("host", ["a;script-src *", "a,b", "a'b", "a b"])
def test_no_host_writes_into_the_policy(site: Site, host: str) -> None:
    answer = ask_raw(
        site.port, f"GET /user/alice/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert not re.search(rb"Content-Security-Policy:.*(script-src \*|a,b|a'b|a b)", answer)


RAW = (
    b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"http/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\nContent-Length: 0\r\n\r\n",
    b"\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 099 Low\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"HTTP/2 200\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"Set-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\rSet-Cookie: jupyterhub-x=1; Path=/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\r\n Set-Cookie: jupyterhub-x=1; Path=/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1; Path=/\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nSet-Cookie: jupyterhub-x=1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\njupyterhub-x",
)


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw[:40].decode())
def test_no_bytes_of_a_container_pass_beside_the_list(site: Site, raw: bytes) -> None:
    """nginx passes on as it came what follows a 1xx, or has no status line; a browser reads headers in it."""
    site.alice.raw = raw
    received = ask_raw(
        site.port, b"GET /user/alice/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", seconds=10
    )
    assert b"jupyterhub-x" not in received


COSTLY = {
    "many headers": "".join(f"x{number:x}:\r\n" for number in range(8000)),
    "long policy": f"Content-Security-Policy: {',;' * 30_000}\r\n",
    "long cookies": f"Set-Cookie: a=b{';c' * 100}\r\n" * 200,
}


@pytest.mark.parametrize("costly", COSTLY)
def test_no_answer_keeps_the_front_busy(site: Site, costly: str) -> None:
    """A worker does nothing else while it reads a container's headers: 60 kB of them took it two seconds."""
    site.alice.raw = f"HTTP/1.1 200 OK\r\n{COSTLY[costly]}Content-Length: 0\r\n\r\n".encode()
    request = b"GET /user/alice/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert ask_raw(site.port, request) == b""


def test_the_headers_of_large_applications_pass(site: Site) -> None:
    cookies = [("Set-Cookie", f"c{number}={'x' * 900}") for number in range(30)]
    policy = "connect-src " + " ".join(f"https://{number}.example" for number in range(150))
    answer = passed(site, [*cookies, ("Content-Security-Policy", policy), *(("X-A", "b") for _ in range(60))])
    assert len(answer.values("set-cookie")) == 30
    assert policy in (answer.value("content-security-policy") or "")


def test_without_the_list_such_bytes_pass(another_site: Make) -> None:
    """The control: the same front without its filter."""
    with another_site(weaken=lambda text: text.replace("js_header_filter headers.container;", "")) as site:
        for raw in RAW[:5]:
            site.alice.raw = raw
            received = ask_raw(
                site.port, b"GET /user/alice/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            assert b"jupyterhub-x" in received, raw


@pytest.mark.parametrize("client", [b"GET /user/alice/\r\n", b"GET /user/alice/ HTTP/1.0\r\nHost: a\r\n\r\n"])
def test_old_clients_get_no_more(site: Site, client: bytes) -> None:
    site.alice.headers = STOPPED
    assert b"Service-Worker" not in ask_raw(site.port, client)


ACCEL = [
    ("X-Accel-Redirect", "/.hub-ext/check"),
    ("x-accel-redirect", "@answer"),
    ("X-Accel-Redirect", "/.hub-ext/pages/restarting.html"),
]


@pytest.mark.parametrize("header", ACCEL)
def test_a_container_does_not_enter_internal_addresses(site: Site, header: tuple[str, str]) -> None:
    answer = passed(site, [header])
    assert (answer.status, answer.body) == (200, b"here")
    assert answer.values("x-accel-redirect") == []
    assert [request.target for request in site.gate.requests] == ["/check"]


def test_where_nginx_heeds_it_the_secret_is_handed_out(another_site: Make) -> None:
    """The control: a front that does not ignore these headers, nor hide the gate's."""

    def weaken(text: str) -> str:
        return re.sub(r"(?m)^ *(proxy_ignore_headers|proxy_hide_header X-Gate).*$", "", text)

    with another_site(weaken=weaken) as site:
        answer = passed(site, [ACCEL[0]])
        assert answer.value("x-gate-authorization") == SECRET


HASHED = "0a1b2c3d4e5f60718293"


@pytest.mark.parametrize(
    ("target", "status", "long"),
    [
        (f"/user/alice/static/lab/main.{HASHED}.js?v={HASHED}", "200 OK", True),
        (f"/user/alice/static/lab/{HASHED}.woff2", "200 OK", True),
        (f"/user/alice/lab/extensions/@jupyter-widgets/manager/static/446.{HASHED}.js", "200 OK", True),
        (f"/user/alice/static/lab/main.{HASHED}.js", "404 Not Found", False),
        (f"/user/alice/static/lab/main.{HASHED}.js", "304 Not Modified", False),
        ("/user/alice/static/lab/main.js?v=0a1b2c3d4e5f60718293", "200 OK", False),
        (f"/user/alice/files/{HASHED}.js", "200 OK", False),
        (f"/user/alice/static/../api/{HASHED}.js", "200 OK", False),
        ("/user/alice/lab", "200 OK", False),
    ],
)
def test_files_named_after_their_hash_are_kept(site: Site, target: str, status: str, long: bool) -> None:
    site.alice.status = status
    answer = passed(site, [("Cache-Control", "no-cache"), ("Expires", "0")], target=target)
    expected = "private, max-age=31536000, immutable" if long else "no-cache"
    assert answer.value("cache-control") == expected
    assert answer.values("expires") == ([] if long else ["0"])


@pytest.mark.parametrize(
    ("target", "status", "long"),
    [
        (f"/hub/static/js/home.js?v={'a1' * 64}", "200 OK", True),
        (f"/hub/static/js/home.js?v={'a1' * 64}", "404 Not Found", False),
        ("/hub/static/js/home.js?v=new", "200 OK", False),
        ("/hub/static/js/home.js", "200 OK", False),
    ],
)
def test_the_hub_s_hashed_files_are_kept(site: Site, target: str, status: str, long: bool) -> None:
    site.hub.status, site.hub.headers = status, [("Cache-Control", "max-age=5"), ("Expires", "0")]
    answer = site.ask(target)
    if status.startswith("200"):
        assert answer.value("cache-control") == (
            "public, max-age=31536000, immutable" if long else "no-cache"
        )
    else:
        assert answer.values("cache-control") == []


@pytest.mark.parametrize("target", ["/user/alice/a", "/hub/a", "/services/console/a"])
@pytest.mark.parametrize(
    ("kind", "compressed"),
    [
        ("application/javascript", True),
        ("application/json", True),
        ("text/html; charset=utf-8", True),
        ("text/event-stream", False),
        ("image/png", False),
        ("application/zip", False),
        ("application/octet-stream", False),
    ],
)
def test_texts_are_compressed(site: Site, target: str, kind: str, compressed: bool) -> None:
    for upstream in site.upstreams():
        upstream.headers, upstream.body = [("Content-Type", kind)], b"let x = 1; " * 1000
    brotli = site.ask(target, [("Accept-Encoding", "gzip, deflate, br")])
    zipped = site.ask(target, [("Accept-Encoding", "gzip"), ("Via", "1.1 proxy.hospital.example")])
    assert brotli.values("content-encoding") == (["br"] if compressed else [])
    assert zipped.values("content-encoding") == (["gzip"] if compressed else [])
    if compressed:
        assert len(brotli.body) < 200
        assert gzip.decompress(zipped.body) == b"let x = 1; " * 1000
    assert site.ask(target).body == b"let x = 1; " * 1000


def test_what_is_compressed_already_or_short_stays(site: Site) -> None:
    site.alice.body = b"x" * 2000
    answer = passed(site, [("Content-Type", "application/json"), ("Content-Encoding", "zstd")])
    assert (answer.value("content-encoding"), answer.body) == ("zstd", b"x" * 2000)
    site.alice.headers, site.alice.body = [("Content-Type", "application/json")], b"x" * 500
    assert site.ask("/user/alice/", [("Accept-Encoding", "br")]).values("content-encoding") == []


def test_a_large_script_is_a_third_of_its_size(site: Site) -> None:
    """Answers go through as they come, which must not spoil their compression."""
    text = subprocess.run(["cat", __file__], capture_output=True, check=True).stdout * 40
    site.alice.headers, site.alice.body = [("Content-Type", "text/javascript")], text
    answer = site.ask("/user/alice/a.js", [("Accept-Encoding", "br")])
    assert len(answer.body) < len(text) / 3
