"""An origin for each person and project: the Hub's name leads there, and serves no page of a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub_ext.gate.cookies import STATE
from hub_ext.gate.origins import Origins, host_of, origin_of
from hub_ext.gate.routes import OpenServer
from hub_ext.settings import Settings
from tests.gate.browser import HUB_NAME, NAVIGATION, Answer, Browser
from tests.gate.conftest import House, RunningGate

KEY = b"a key of thirty-two bytes, always"


def settings(**names: str) -> Settings:
    return Settings(state_dir=Path("/nowhere"), **names)


def test_each_pair_has_a_name_that_tells_nothing() -> None:
    origins = Origins.of(settings(public_url="https://hub.example", subdomain_host="https://nb.example"), KEY)
    pairs = [("per-1", "onco"), ("per-1", "cardio"), ("per-2", "onco"), ("per-1 o", "nco")]
    found = {origins.server(*pair) for pair in pairs}
    assert len(found) == len(pairs)
    for origin in found:
        parts = urlsplit(origin)
        assert parts.scheme == "https"
        label, _, rest = parts.netloc.partition(".")
        assert rest == "nb.example"
        assert label.isalnum()
        assert label.islower()
        assert len(label) <= 63
        assert not any(word in label for pair in pairs for word in pair)
    assert origins.server("per-1", "onco") == origins.server("per-1", "onco")
    assert origins.server("per-1", "onco") != replace(origins, _key=b"another").server("per-1", "onco")


def test_without_a_wildcard_all_have_one_other_name() -> None:
    origins = Origins.of(settings(public_url="https://hub.example/", servers_url="https://nb.example/"), KEY)
    assert origins.hub == "https://hub.example"
    assert origins.server("per-1", "onco") == origins.server("per-2", "x") == "https://nb.example"


def test_without_either_servers_answer_at_the_name_that_was_asked() -> None:
    assert Origins.of(settings(), KEY).server("per-1", "onco") == ""
    assert host_of(origin_of("http://LOCALHOST:8000/x")) == "localhost:8000"


@pytest.fixture
def gate(house: House) -> Iterator[RunningGate]:
    """A gate before the house, with names as in the demo."""
    url = f"http://{HUB_NAME}"
    named = replace(house.site, settings=replace(house.site.settings, public_url=url, subdomain_host=url))
    started = RunningGate.start(named)
    yield started
    started.close()


def at_hub(house: House, username: str = "") -> Browser:
    browser = house.browser(username)
    browser.go_to(HUB_NAME)
    return browser


def server_of(gate: RunningGate, path: str) -> OpenServer:
    found = gate.gate.servers.find(path)
    assert isinstance(found, OpenServer)
    return found


def test_the_hubs_name_leads_to_the_servers_own(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = at_hub(house, "alice")
    opened = browser.open("/user/alice/lab?reset=1")
    assert opened.status == 204
    own = host_of(server_of(gate, "/user/alice/").origin)
    assert browser.front.host == own
    assert own.endswith(".localhost:8000")
    assert browser.fetch("/user/alice/api/kernels").status == 204
    # A second page needs no more than the cookie that is there.
    browser.go_to(HUB_NAME)
    again = browser.get("/user/alice/lab")
    assert again.location == f"http://{own}/user/alice/lab"


def test_the_way_in_takes_no_step_twice(house: House, gate: RunningGate) -> None:
    """Each is a request that somebody waits for on a slow link."""
    house.start("alice")
    browser = at_hub(house, "alice")
    own = server_of(gate, "/user/alice/").origin
    steps: list[str] = []
    follow = browser.get

    def get(uri: str, **more: str) -> Answer:
        answer = follow(uri, **more)
        steps.append(f"{'own' if browser.front.host == host_of(own) else 'hub'} {uri.partition('?')[0]}")
        return answer

    browser.get = get  # type: ignore[method-assign]
    assert browser.open("/user/alice/lab").status == 204
    assert steps == [
        "hub /user/alice/lab",
        "own /user/alice/lab",
        "hub /user/alice/_hub-ext/lead",
        "hub /user/alice/oauth_callback",
        "own /user/alice/_hub-ext/enter",
        "own /user/alice/lab",
    ]
    assert browser.jars[HUB_NAME], "signed in there too"
    assert not [name for _, name in browser.jars[HUB_NAME] if name.startswith(STATE)]


def test_no_page_is_served_at_the_hubs_name(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = at_hub(house, "alice")
    browser.open("/user/alice/lab")
    browser.go_to(HUB_NAME)
    assert browser.jar, "signed in here too"
    for path in ("lab", "api/contents", "files/a.html", "_hub-ext/session"):
        assert browser.fetch(f"/user/alice/{path}").status != 204
        assert browser.request(f"/user/alice/{path}", "GET", NAVIGATION).status == 302
    socket = {"Sec-WebSocket-Key": "x", "Origin": f"http://{HUB_NAME}"}
    assert browser.request("/user/alice/api/kernels/k/channels", "GET", socket).status != 204


def test_a_program_with_a_token_goes_on_at_any_name(house: House, gate: RunningGate) -> None:
    house.start("alice")
    token = house.new_token("alice", "access:servers!user=alice")
    for name in (HUB_NAME, "127.0.0.1:8000"):
        browser = house.browser()
        browser.go_to(name)
        headers = {"Authorization": f"token {token}"}
        assert browser.request("/user/alice/api/contents", "GET", headers).status == 204
        assert browser.request(f"/user/alice/lab?token={token}", "GET", NAVIGATION).status != 204


def test_a_cookie_of_one_name_opens_no_other(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = at_hub(house, "alice")
    browser.open("/user/alice/lab")
    own = browser.front.host
    mine = dict(browser.jar)
    browser.go_to(HUB_NAME)
    at_hubs_name = dict(browser.jar)
    stranger = house.browser()
    stranger.go_to(own)
    stranger.jar.update(at_hubs_name)
    assert stranger.fetch("/user/alice/api/contents").status != 204
    stranger.jar.clear()
    stranger.jar.update(mine)
    assert stranger.fetch("/user/alice/api/contents").status == 204


def test_another_pairs_name_serves_nothing(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = at_hub(house, "alice")
    browser.open("/user/alice/lab")
    kept = dict(browser.jar)
    browser.go_to("sother.localhost:8000")
    browser.jar.update(kept)
    assert browser.fetch("/user/alice/api/contents").status != 204
    sent = browser.get("/user/alice/lab")
    assert sent.location == f"{server_of(gate, '/user/alice/').origin}/user/alice/lab"


def test_a_code_serves_only_where_the_way_began(house: House, gate: RunningGate) -> None:
    """Whoever is sent a link with somebody's code does not enter that one's server."""
    house.start("mallory")
    mallory = at_hub(house, "mallory")
    mallory.open("/user/mallory/lab")
    own = mallory.front.host
    mallory.jar.clear()
    redirect = mallory.get("/user/mallory/lab")
    assert redirect.location.startswith(f"http://{HUB_NAME}/user/mallory/_hub-ext/lead?state=")
    mallory.go_to(HUB_NAME)
    code = mallory.get(redirect.location.removeprefix(f"http://{HUB_NAME}")).location
    assert code.startswith(f"http://{own}/user/mallory/_hub-ext/enter?")
    path = code.removeprefix(f"http://{own}")
    alice = at_hub(house, "alice")
    alice.go_to(own)
    assert alice.get(path).status == 403
    assert alice.jar == {}
    mallory.go_to(own)
    kept = dict(mallory.jar)
    assert mallory.get(path).status == 302
    mallory.jar = kept
    failed = mallory.get(path)
    assert failed.status == 403, "it serves once, whoever has copied the cookie too"
    assert failed.headers["Referrer-Policy"] == "no-referrer", "a button there leads to the server"
    # And a code that nobody asked for leads nowhere.
    mallory.go_to(HUB_NAME)
    assert mallory.get("/user/mallory/_hub-ext/lead?state=short").status == 403
    assert mallory.get("/user/mallory/_hub-ext/lead").status == 403


def test_a_way_that_began_at_a_servers_own_name_ends_at_no_callback(
    house: House, gate: RunningGate, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may begin one there: it must neither fail nor fill the log."""
    house.start("alice")
    stranger = at_hub(house)
    stranger.go_to(host_of(origin_of(stranger.get("/user/alice/lab").location)))
    state = stranger.get("/user/alice/lab").location.rpartition("state=")[2]
    assert stranger.get(f"/user/alice/oauth_callback?state={state}&code=x").status == 403
    assert not caplog.records


def test_only_a_page_that_somebody_opens_is_led_on(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = at_hub(house, "alice")
    browser.open("/user/alice/lab")
    browser.go_to(HUB_NAME)
    assert browser.jar, "signed in here too"
    lead = f"/user/alice/_hub-ext/lead?state={'s' * 22}"
    plain = {"Accept": "text/html"}  # HTTP beyond loopback: the browser says no more
    for headers in (
        NAVIGATION | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"},
        NAVIGATION | {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        plain | {"Referer": "http://evil.example/"},
        plain | {"Origin": "null"},
    ):
        answer = browser.request(lead, "GET", headers)
        assert answer.status == 403
        assert "cross-site" in answer.body or "Another site sent you here" in answer.body
        assert answer.headers["Location"] is None
    for headers in (NAVIGATION, NAVIGATION | {"Sec-Fetch-Site": "cross-site"}, plain):
        led = browser.request(lead, "GET", headers)
        assert "/user/alice/_hub-ext/enter?" in led.location
        assert led.headers["Referrer-Policy"] == "no-referrer"


def test_nobody_elses_server_is_led_to(house: House, gate: RunningGate) -> None:
    house.start("alice")
    bob = at_hub(house, "bob")
    opened = bob.open("/user/alice/lab")
    assert opened.status == 403


def test_the_menu_of_jupyterlab_signs_out_at_the_hub(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = at_hub(house, "alice")
    browser.open("/user/alice/lab")
    assert browser.get("/user/alice/logout").location == f"http://{HUB_NAME}/hub/logout"
