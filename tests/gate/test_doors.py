"""Who comes in: the real Hub's OAuth, tokens and sign-out, through the gate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.store import launches
from hub_ext.gate.cookies import SESSION
from hub_ext.gate.credentials import session_binding
from hub_ext.gate.routes import OpenServer
from hub_ext.gate.seal import Seal, kept_key
from hub_ext.model import Launch
from tests.gate.browser import FETCH, HOST, NAVIGATION
from tests.gate.conftest import House, RunningGate
from tests.support.patience import patient

# Within so many seconds a right that has ended opens nothing any more.
SIGN_OUT_SECONDS = 10
# What an open page of ours gets, which then loads again: JupyterLab is silent about 403.
CLOSED = 503


def launch(house: House, username: str, server_name: str = "") -> Launch:
    with house.site.store.reading() as tx:
        return next(
            each
            for each in launches.listing(tx, active=True)
            if (each.username, each.server_name) == (username, server_name)
        )


def within(true: Callable[[], bool], seconds: float) -> float:
    """How long it took. Raises AssertionError after `seconds`."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + patient(seconds)
        time.sleep(0.1)
    return time.monotonic() - begun


def test_a_browser_signs_in_by_the_hubs_oauth(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    first = browser.get("/user/alice/lab?reset=1")
    assert first.status == 302
    assert first.location.startswith("/hub/api/oauth2/authorize?client_id=jupyterhub-user-alice&")
    assert "code_challenge_method=S256" in first.location
    browser.jar.clear()
    opened = browser.open("/user/alice/lab?reset=1")
    assert opened.status == 204
    running = launch(house, "alice")
    secrets = launch_secrets.read(house.site.settings, running.id)
    assert secrets is not None
    assert opened.headers["X-Gate-Upstream"] == running.upstream
    assert opened.headers["X-Gate-Authorization"] == f"token {secrets.token}"
    assert opened.headers["X-Gate-Prefix"] == "/user/alice/"
    assert opened.headers["X-Gate-Cookie"] == ""
    # The state's cookie is gone, and one remains, bound to the server's path.
    assert list(browser.jar) == [("/user/alice/", SESSION + running.id)]
    assert browser.fetch("/user/alice/api/kernels").status == 204


def test_only_cookies_of_others_pass(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    for name in ("jupyterhub-hub-login", "__Host-x", "__Secure-x", "__host-y", "hub-ext-language"):
        browser.jar["/", name] = "x"
    browser.jar["/", "theme"] = "dark"
    browser.jar["/user/alice/", "_xsrf"] = "2|a|b"
    assert browser.fetch("/user/alice/lab").headers["X-Gate-Cookie"] == "_xsrf=2|a|b; theme=dark"


def test_strangers_and_other_people_get_nothing(house: House, gate: RunningGate) -> None:
    house.start("alice")
    assert house.browser().fetch("/user/alice/api/contents").status == CLOSED
    bob = house.browser("bob")
    at_hub = bob.open("/user/alice/lab")
    assert at_hub.status == 403, "the Hub itself lets nobody else have a code for alice's server"
    assert bob.fetch("/user/alice/api/contents").status == CLOSED
    house.start("bob")
    assert bob.open("/user/bob/lab").status == 204
    assert bob.fetch("/user/alice/api/contents").status == CLOSED


def test_the_cookie_of_another_server_opens_nothing(house: House, gate: RunningGate) -> None:
    house.start("alice")
    house.start("alice", "second")
    browser = house.browser("alice")
    assert browser.open("/user/alice/lab").status == 204
    first = launch(house, "alice")
    second = launch(house, "alice", "second")
    gate.thread.call(gate.gate.servers.read())
    value = browser.jar["/user/alice/", SESSION + first.id]
    # The browser itself sends it to the named server too, whose path lies below.
    assert browser.fetch("/user/alice/second/api").status == CLOSED
    browser.jar["/user/alice/second/", SESSION + second.id] = value
    assert browser.fetch("/user/alice/second/api").status == CLOSED
    assert browser.open("/user/alice/second/lab").status == 204
    house.stop("alice", "second")


def test_the_next_launch_of_a_server_wants_a_new_sign_in(house: House, gate: RunningGate) -> None:
    house.start("carol")
    browser = house.browser("carol")
    assert browser.open("/user/carol/lab").status == 204
    ended = launch(house, "carol")
    house.stop("carol")
    took = within(lambda: browser.fetch("/user/carol/api").status == 503, 3)
    assert took <= patient(2.5)
    house.start("carol")
    assert browser.fetch("/user/carol/api").status == CLOSED
    fresh = launch(house, "carol")
    old = browser.jar["/user/carol/", SESSION + ended.id]
    forged = {"Cookie": f"{SESSION}{fresh.id}={old}"}
    assert house.front.request("/user/carol/api", headers=FETCH | forged).status == CLOSED
    assert browser.open("/user/carol/lab").status == 204
    assert [name for _, name in browser.jar] == [SESSION + fresh.id], "the old cookie was removed"


def test_a_sign_out_closes_the_door(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser, other = house.browser("alice"), house.browser("alice")
    assert browser.open("/user/alice/lab").status == 204
    assert other.open("/user/alice/lab").status == 204
    browser.sign_out()
    took = within(lambda: browser.fetch("/user/alice/api").status == CLOSED, SIGN_OUT_SECONDS)
    assert took <= SIGN_OUT_SECONDS
    assert other.fetch("/user/alice/api").status == 204, "another session of hers goes on"


def test_a_restarted_gate_keeps_people_signed_in(house: House) -> None:
    house.start("alice")
    first = RunningGate.start(house.site)
    browser = house.browser("alice")
    assert browser.open("/user/alice/lab").status == 204
    away = browser.get("/user/alice/tree")
    first.close()
    (house.site.settings.secrets_dir / "gate-key").stat()
    second = RunningGate.start(house.site)
    try:
        assert away.status == 204
        assert browser.fetch("/user/alice/api").status == 204
    finally:
        second.close()


def test_a_sign_in_outlives_a_restart_of_the_gate(house: House) -> None:
    house.start("alice")
    first = RunningGate.start(house.site)
    browser = house.browser("alice")
    sent = browser.get("/user/alice/lab")
    first.close()
    second = RunningGate.start(house.site)
    try:
        at_hub = browser.hub.get(browser.hub_address(sent.location), allow_redirects=False, timeout=20)
        back = browser.get(at_hub.headers["Location"])
        assert (back.status, back.location) == (302, "/user/alice/lab")
        assert browser.get("/user/alice/lab").status == 204
    finally:
        second.close()


def test_another_key_opens_no_cookie(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    key = next(iter(browser.jar))
    value = browser.jar[key]
    browser.jar[key] = value[:-8] + ("A" * 8 if value[-8:] != "A" * 8 else "B" * 8)
    assert browser.fetch("/user/alice/api").status == CLOSED
    browser.jar[key] = value
    assert browser.fetch("/user/alice/api").status == 204


@pytest.mark.parametrize("scope", ["access:servers!server=dora/", "access:servers!user=dora", "inherit"])
def test_an_api_token_with_the_scope_opens(house: House, gate: RunningGate, scope: str) -> None:
    house.start("dora")
    token = house.new_token("dora", scope)
    for word in ("token", "Bearer", "bearer"):
        headers = {"Authorization": f"{word} {token}", "Sec-Fetch-Site": "cross-site"}
        answer = house.front.request("/user/dora/api/contents", "PUT", headers)
        assert answer.status == 204
    assert house.front.request("/user/dora/api").status == 403


def test_a_token_for_all_servers_opens(house: House, gate: RunningGate) -> None:
    house.start("dora")
    token = house.new_token("operator", "access:servers")
    assert house.front.request("/user/dora/api", headers={"Authorization": f"token {token}"}).status == 204


@pytest.mark.parametrize("scope", ["access:servers!server=dora/other", "read:users!user=dora", "self"])
def test_an_api_token_without_the_scope_does_not(house: House, gate: RunningGate, scope: str) -> None:
    house.start("dora")
    token = house.new_token("dora", scope)
    answer = house.front.request("/user/dora/api", headers={"Authorization": f"token {token}"})
    if scope == "self":
        assert answer.status == 204, "the control: all that dora may"
        return
    assert answer.status == 403
    assert json.loads(answer.body)["reason"] == "no-right"


def test_a_token_of_another_person_does_not(house: House, gate: RunningGate) -> None:
    house.start("dora")
    token = house.new_token("erin", "inherit")
    assert house.front.request("/user/dora/api", headers={"Authorization": f"token {token}"}).status == 403


def test_a_removed_api_token_is_refused(house: House, gate: RunningGate) -> None:
    house.start("dora")
    token = house.new_token("dora", "access:servers!user=dora")
    headers = {"Authorization": f"token {token}"}
    assert house.front.request("/user/dora/api", headers=headers).status == 204
    for each in house.api("GET", "/users/dora/tokens").json()["api_tokens"]:
        house.api("DELETE", f"/users/dora/tokens/{each['id']}")
    within(lambda: house.front.request("/user/dora/api", headers=headers).status == 403, SIGN_OUT_SECONDS)


def test_the_secrets_of_a_launch_are_no_sign_in(house: House, gate: RunningGate) -> None:
    house.start("alice")
    secrets = launch_secrets.read(house.site.settings, launch(house, "alice").id)
    assert secrets is not None
    for secret in (secrets.token, secrets.oauth_client_secret):
        headers = {"Authorization": f"token {secret}"}
        assert house.front.request("/user/alice/api", headers=headers).status == 403
        assert house.front.request("/user/alice/lab", headers=NAVIGATION | headers).status == 403
        socket = {"Sec-WebSocket-Key": "x", "Origin": "http://127.0.0.1:8000"}
        assert house.front.request(f"/user/alice/ws?token={secret}", headers=socket).status == 403
    # A page of Jupyter's that has it sends it beside the cookie.
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    beside = {"Authorization": f"token {secrets.token}"}
    assert browser.fetch("/user/alice/api", **beside).status == 204
    # That of an earlier launch, as an open tab sends it.
    assert browser.fetch("/user/alice/api", Authorization="token of-an-earlier-launch").status == 204


def test_a_token_in_the_address_is_for_websockets_only(house: House, gate: RunningGate) -> None:
    house.start("dora")
    token = house.new_token("dora", "access:servers!user=dora")
    assert house.front.request(f"/user/dora/api?token={token}").status == 403
    socket = {"Sec-WebSocket-Key": "x"}
    assert house.front.request(f"/user/dora/ws?a=b&token={token}", headers=socket).status == 204


@pytest.mark.parametrize("spelling", ["?token={}", "?a=b&token=x&%74oken={}", "?token={}&token="])
@pytest.mark.parametrize("owner", ["dora", "erin"])
def test_a_token_of_the_hub_in_the_address_goes_no_further(
    house: House, gate: RunningGate, owner: str, spelling: str
) -> None:
    """Neither to the container, nor to its page, which reads its own address."""
    house.start("dora")
    token = house.new_token(owner, f"access:servers!user={owner}")
    query = spelling.format(token)
    browser = house.browser("dora")
    assert browser.open("/user/dora/lab").status == 204
    page = browser.get(f"/user/dora/lab{query}")
    assert page.status == 302
    assert page.location in ("/user/dora/lab", "/user/dora/lab?a=b")
    assert browser.get(page.location).status == 204
    for answer in (
        browser.fetch(f"/user/dora/api{query}"),
        browser.fetch(f"/user/dora/api{query}", "POST"),
        browser.get(f"/user/dora/lab{query}", **{"Sec-Fetch-Dest": "iframe"}),
    ):
        assert answer.status == 400
    of_dora = house.new_token("dora", "access:servers!user=dora")
    program = house.front.request(f"/user/dora/api{query}", headers={"Authorization": f"token {of_dora}"})
    assert json.loads(program.body)["reason"] == "token-in-address"


def test_other_tokens_in_the_address_pass_as_they_came(house: House, gate: RunningGate) -> None:
    """That of an interface's own, and the launch's, as Jupyter's pages send it."""
    house.start("dora")
    browser = house.browser("dora")
    assert browser.open("/user/dora/lab").status == 204
    secrets = launch_secrets.read(house.site.settings, launch(house, "dora").id)
    assert secrets is not None
    for token in ("of-an-invitation", secrets.token, "", "%E9%0A"):
        answer = browser.get(f"/user/dora/files/a?b=%2f&token={token}&c")
        assert answer.status == 204
        assert answer.headers["X-Gate-Uri"] is None


def test_a_websocket_goes_on_without_the_token_of_its_address(house: House, gate: RunningGate) -> None:
    house.start("dora")
    token = house.new_token("dora", "access:servers!user=dora")
    answer = house.front.request(f"/user/dora/ws?b=%2f&token={token}&c", headers={"Sec-WebSocket-Key": "x"})
    assert (answer.status, answer.headers["X-Gate-Uri"]) == (204, "/user/dora/ws?b=%2f&c")
    assert answer.headers["X-Gate-Forwarded-Prefix"] is None


def test_other_pages_get_nothing_done(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    elsewhere = {**FETCH, "Origin": "http://evil.example"}
    for site in ("cross-site", "same-site"):
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = browser.request("/user/alice/api/contents", method, elsewhere | {"Sec-Fetch-Site": site})
            assert (answer.status, json.loads(answer.body)["reason"]) == (403, "cross-site")
        form = NAVIGATION | {"Sec-Fetch-Site": site}
        assert browser.request("/user/alice/api/contents", "POST", form).status == 403
        frame = NAVIGATION | {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "iframe"}
        assert browser.request("/user/alice/lab", "GET", frame).status == 403
        assert browser.request("/user/alice/lab", "GET", form).status == 204, "a link is followed"
    assert browser.fetch("/user/alice/api/contents", "POST").status == 204


def test_without_sec_fetch_the_origin_decides(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    path = "/user/alice/api/contents"
    assert browser.request(path, "POST", {"Origin": "http://127.0.0.1:8000"}).status == 204
    assert browser.request(path, "POST", {"Referer": "http://127.0.0.1:8000/user/alice/lab"}).status == 204
    assert browser.request(path, "POST", {"Origin": "http://127.0.0.1:8001"}).status == 403
    assert browser.request(path, "POST", {"Origin": "null"}).status == 403
    assert browser.request(path, "POST", {"Referer": "http://evil.example/"}).status == 403
    assert browser.request(path, "POST", {}).status == 403
    assert browser.request(path, "GET", {}).status == 204


def test_websockets_of_other_origins_do_not_open(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    key = {"Sec-WebSocket-Key": "x"}
    path = "/user/alice/api/kernels/1/channels"
    assert browser.request(path, "GET", key | {"Origin": "http://127.0.0.1:8000"}).status == 204
    for origin in ("http://evil.example", "http://127.0.0.1:9000", "https://127.0.0.1:8000", "null"):
        assert browser.request(path, "GET", key | {"Origin": origin}).status == 403
    assert browser.request(path, "GET", key).status == 403


@pytest.mark.parametrize(
    "uri",
    [
        "/user/alicex/api",
        "/user/%61lice/api",
        "/user//alice/api",
        "/User/alice/api",
        "/user/alice%2Fapi",
        "/other/user/alice/api",
    ],
)
def test_other_spellings_reach_nothing(house: House, gate: RunningGate, uri: str) -> None:
    house.start("alice")
    token = house.new_token("alice", "inherit")
    headers = {"Authorization": f"token {token}"}
    assert house.front.request("/user/alice/api", headers=headers).status == 204
    assert house.front.request(uri, headers=headers).status == 503


@pytest.mark.parametrize(
    "uri",
    [
        "/user/bob/../alice/api",
        "/user/alice/./api",
        "/user/bob/%2e%2e/alice/api",
        "/user/bob/..%2falice/api",
        "/user/bob/%2E./alice/api",
        "/user/bob/..%5calice/api",
        "//user/alice/api",
        "http://127.0.0.1/user/alice/api",
        "user/alice/api",
        "/user/alice/%zz",
        "/user/alice/%00",
        "/user/alice/%0d%0aX: y",
        "/user/alice\\api",
        "/user/alice/a b",
        "/user/alice/é",
        "*",
        "",
    ],
)
def test_what_cannot_be_judged_is_refused(house: House, gate: RunningGate, uri: str) -> None:
    house.start("alice")
    token = house.new_token("alice", "inherit")
    headers = {"Authorization": f"token {token}"}
    assert house.front.request("/user/alice/a%20b", headers=headers).status == 204
    assert house.front.request(uri, headers=headers).status == 400


def test_names_with_other_letters(house: House, gate: RunningGate) -> None:
    house.start("zoé@x.org")
    browser = house.browser("zoé@x.org")
    assert browser.open("/user/zo%C3%A9@x.org/lab").status == 204
    assert browser.fetch("/user/zo%C3%A9@x.org/api").headers["X-Gate-Prefix"] == "/user/zo%C3%A9@x.org/"


def test_a_sign_in_leads_back_to_this_server_only(house: House, gate: RunningGate) -> None:
    house.start("alice")
    for uri in ("/user/alice//evil.example", "/user/alice/?next=//evil.example", "/user/alice/@evil.example"):
        browser = house.browser("alice")
        sent = browser.get(uri)
        at_hub = browser.hub.get(browser.hub_address(sent.location), allow_redirects=False, timeout=20)
        back = at_hub.headers["Location"]
        answer = browser.get(f"{back}&next=//evil.example")
        assert answer.status == 302
        assert answer.location.startswith("/user/alice/")


def test_a_callback_needs_the_browser_that_began(house: House, gate: RunningGate) -> None:
    house.start("alice")
    mallory, alice = house.browser("alice"), house.browser("alice")
    sent = mallory.get("/user/alice/lab")
    at_hub = mallory.hub.get(mallory.hub_address(sent.location), allow_redirects=False, timeout=20)
    back = at_hub.headers["Location"]
    assert alice.get(back).status == 403
    assert alice.jar == {}
    assert mallory.get(back).status == 302
    assert mallory.get(back).status == 403, "a code and a state serve once"
    assert house.browser().get("/user/alice/oauth_callback").status == 403
    assert house.browser().get("/user/alice/oauth_callback?error=access_denied").status == 403


def test_who_used_the_browser_before_shuts_nobody_out(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    browser.open("/user/alice/lab")
    seal = Seal(kept_key(house.site.settings.secrets_dir / "gate-key"))
    server = gate.gate.servers.find("/user/alice/lab")
    assert isinstance(server, OpenServer)
    # As it is when a share with bob has ended.
    of_bob = seal.seal(house.new_token("bob", "inherit"), session_binding(server, HOST))
    browser.jar["/user/alice/", SESSION + server.launch_id] = of_bob
    page = browser.get("/user/alice/lab")
    assert page.status == 403
    assert "You may not open this server" in page.body
    assert 'href="/user/alice/_hub-ext/sign-in"' in page.body
    assert browser.fetch("/user/alice/_hub-ext/sign-in").status == CLOSED
    assert browser.open("/user/alice/_hub-ext/sign-in").status == 204
    assert browser.get("/user/alice/lab").status == 204


@pytest.mark.parametrize("name", ["hub-ext-gate-(", "hub-ext-state-é", "hub-ext-gate-lau 1", "hub-ext-gate-"])
def test_cookies_of_pages_keep_nobody_from_signing_in(house: House, gate: RunningGate, name: str) -> None:
    """A script may set them, with any letters in their names."""
    house.start("alice")
    browser = house.browser("alice")
    for number in range(6):
        browser.jar["/user/alice/", f"{name}{number}" if name[-1] != "-" else name] = "x"
    assert browser.open("/user/alice/lab").status == 204


def test_many_tabs_sign_in_at_once(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    sent = [browser.get(f"/user/alice/tab{number}") for number in range(3)]
    for number, each in enumerate(sent):
        at_hub = browser.hub.get(browser.hub_address(each.location), allow_redirects=False, timeout=20)
        assert browser.get(at_hub.headers["Location"]).location == f"/user/alice/tab{number}"
    for number in range(30):
        house.browser()
        browser.jar = {key: value for key, value in browser.jar.items() if not key[1].startswith(SESSION)}
        browser.get(f"/user/alice/tab{number}")
        assert len(browser.jar) <= 6


def test_a_missing_slash_is_added(house: House, gate: RunningGate) -> None:
    house.start("alice")
    answer = house.browser().get("/user/alice?x=1")
    assert (answer.status, answer.location) == (302, "/user/alice/?x=1")
