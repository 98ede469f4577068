"""What people and programs read where they do not get through."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.store import launches
from hub_ext.gate import own_paths, pages
from hub_ext.gate.cookies import split
from hub_ext.gate.french import FRENCH
from hub_ext.model import LaunchState
from tests.gate.browser import NAVIGATION, Front
from tests.gate.conftest import House, RunningGate
from tests.gate.small_hub import launch_of

GATE = Path(pages.__file__).parent


def texts() -> set[str]:
    """Every English text of the pages."""
    found = {text for notice in pages.NOTICES for text in (notice.title, notice.text)}
    labelled = [ast.parse((GATE / name).read_text()) for name in ("answers.py", "session_page.py")]
    for node in (node for tree in labelled for node in ast.walk(tree)):
        if isinstance(node, ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
            label = node.elts[0].value
            if isinstance(label, str) and label[:1].isupper() and label not in ("GET", "HEAD"):
                found.add(label)
    found |= {own_paths.NO_MORE_TIME}
    found |= {refusal.text for refusal in (own_paths.STALE, *own_paths.REFUSED.values())}
    found |= set(re.findall(r'translated\("([^"]*)"', (GATE / "session_page.py").read_text()))
    for template in (GATE / "templates").glob("*.html"):
        found |= set(re.findall(r'\b_\("([^"]*)"', template.read_text()))
    return found


def test_every_text_has_its_french() -> None:
    assert texts() == set(FRENCH)


def test_a_stopped_server_has_a_page_and_json(house: House, gate: RunningGate) -> None:
    english = house.browser().get("/user/nobody/lab/tree/a%20b?x=1")
    assert english.status == 503
    assert english.headers["Content-Type"].startswith("text/html")
    assert "This server is not running" in english.body
    assert 'href="/hub/user/nobody/lab/tree/a%20b#start"' in english.body
    assert 'href="/hub/home"' in english.body
    french = house.browser().get("/user/nobody/", **{"Accept-Language": "fr-FR,fr;q=0.9"})
    assert '<html lang="fr">' in french.body
    assert "Ce serveur n’est pas en marche" in french.body
    chosen = house.browser()
    chosen.jar["/", "hub-ext-language"] = "fr"
    assert '<html lang="fr">' in chosen.get("/user/nobody/").body
    fetched = house.browser().fetch("/user/nobody/api/kernels")
    assert (fetched.status, fetched.headers["Content-Type"]) == (503, "application/json")
    assert json.loads(fetched.body)["reason"] == "not-running"


@pytest.mark.parametrize(
    ("state", "english", "french"),
    [
        (LaunchState.ADMITTED, "This server is starting", "Ce serveur démarre"),
        (LaunchState.STOPPING, "This server is stopping", "Ce serveur s’arrête"),
    ],
)
def test_a_page_of_a_server_that_comes_or_goes_tries_again(
    house: House, gate: RunningGate, state: LaunchState, english: str, french: str
) -> None:
    """A notebook that is open elsewhere while its server starts anew comes back by itself."""
    found = replace(launch_of("zoe", "", ""), state=state)
    with house.site.store.transaction() as tx:
        launches.add(tx, found)
    try:
        page = house.browser().get("/user/zoe/lab/tree/a.ipynb")
        assert page.status == 503
        assert english in page.body
        assert '<meta http-equiv="refresh"' in page.body
        assert french in house.browser().get("/user/zoe/lab", **{"Accept-Language": "fr"}).body
        fetched = house.browser().fetch("/user/zoe/api/kernels")
        assert (fetched.status, fetched.headers["X-Hub-Ext-Reload"]) == (503, english.split()[-1])
    finally:
        with house.site.store.transaction() as tx:
            launches.replace(tx, replace(found, state=LaunchState.ENDED))
    assert '<meta http-equiv="refresh"' not in house.browser().get("/user/zoe/lab").body


def test_pages_need_nothing_from_elsewhere(house: House, gate: RunningGate) -> None:
    answer = house.browser().get("/user/nobody/lab")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers
    assert re.findall(r"(?:src|url|@import|<script|<link)", answer.body) == []


@pytest.mark.parametrize("uri", ["/user/'onx=1&amp;/lab", "/user/a'b/%3Cscript%3E"])
def test_addresses_are_escaped(house: House, gate: RunningGate, uri: str) -> None:
    body = house.browser().get(uri).body
    assert "This server is not running" in body
    assert "'onx" not in body
    assert "a'b" not in body


def test_only_pages_are_sent_to_sign_in(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser()
    path = "/user/alice/lab"
    assert browser.get(path).status == 302
    assert browser.request(path, "GET", {"Accept": "text/html,*/*"}).status == 302
    assert browser.request(path, "GET", {"Accept": "*/*"}).status == 403
    assert browser.request(path, "POST", NAVIGATION).status == 403
    assert browser.request(path, "HEAD", NAVIGATION).status == 403
    assert browser.request(path, "GET", NAVIGATION | {"Sec-Fetch-Dest": "iframe"}).status == 403
    assert browser.request(path, "GET", NAVIGATION | {"Sec-WebSocket-Key": "x"}).status == 403
    fetched = browser.fetch(path)
    assert fetched.status == 503
    assert fetched.headers["X-Hub-Ext-Reload"] == "not-signed-in"
    assert set(json.loads(fetched.body)) == {"message", "reason"}


def test_the_cookies_are_secure_where_the_browser_uses_tls(house: House, gate: RunningGate) -> None:
    house.start("alice")
    for scheme, secure in (("https", True), ("http", False)):
        front = Front(house.site.settings.gate_socket, scheme=scheme)
        line = front.request("/user/alice/lab", headers=NAVIGATION).headers["Set-Cookie"]
        assert ("; Secure" in line) == secure
        assert "; HttpOnly" in line
        assert "; Path=/user/alice/" in line


def test_a_silent_hub_has_a_page(house: House, gate: RunningGate) -> None:
    house.start("alice")
    browser = house.browser("alice")
    assert browser.open("/user/alice/lab").status == 204
    stranger = house.browser("alice")
    token = {"Authorization": "token not-asked-before"}
    house.stop_hub()
    try:
        gate.clock.ahead = 300
        assert browser.fetch("/user/alice/api").status == 204, "a yes holds"
        assert house.front.request("/user/alice/api", headers=token).status == 503
        sent = stranger.get("/user/alice/lab")
        state = re.search(r"state=([^&]+)", sent.location)
        assert state
        back = stranger.get(f"/user/alice/oauth_callback?code=x&state={state[1]}")
        assert back.status == 503
        assert back.headers["Retry-After"] == "5"
        assert "The service does not answer right now" in back.body
        gate.clock.ahead = 605
        assert browser.fetch("/user/alice/api").status == 503
    finally:
        house.start_hub()
    gate.clock.ahead = 700
    assert browser.fetch("/user/alice/api").status == 204


def test_cookies_are_split_as_browsers_send_them() -> None:
    found = split('a=1; hub-ext-gate-lau-1=x ;b="q=2";novalue; =empty; JupyterHub-x=1; c=; __SECURE-z=1')
    assert found.passing == 'a=1; b="q=2"; c='
    assert found.gate == (("hub-ext-gate-lau-1", "x"),)
    assert split("").passing == ""
