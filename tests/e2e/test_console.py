"""The console's frame, over HTTP: who comes in, what never leaves, both languages, every error."""

from __future__ import annotations

import pytest
import requests

from hub_ext.adapters.store import persons
from hub_ext.flows import people
from hub_ext.model import SiteRole
from tests.support.console import BY_ROLE, PREFIX, ApiClient, ConsoleVisitor, enter, hidden, program
from tests.support.hub import RunningHub, wait_for
from tests.support.scenario import STEWARD


@pytest.fixture(scope="module")
def cora(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "cora")


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "ada")


@pytest.mark.parametrize("name", BY_ROLE)
def test_each_role_comes_in_with_its_duties(hub: RunningHub, name: str) -> None:
    visitor = enter(hub, name)
    assert BY_ROLE[name].value in visitor.page().text
    me = program(visitor).call("GET", "me").json()
    assert me["roles"] == [BY_ROLE[name].value]
    assert me["unproven"] == []


def test_a_researcher_has_no_duties(ada: ConsoleVisitor) -> None:
    me = program(ada).call("GET", "me").json()
    assert me["roles"] == me["deeds"] == []


def test_nobody_comes_in_without_a_sign_in(hub: RunningHub) -> None:
    answer = requests.get(f"{hub.url}{PREFIX}", timeout=30)
    assert "/hub/login" in answer.url
    api = ApiClient(hub.url, "not-a-token").call("GET", "me")
    assert api.status_code == 401
    assert api.headers["Content-Type"] == "application/problem+json"


def test_a_token_without_the_consoles_scope_is_refused(cora: ConsoleVisitor) -> None:
    answer = program(cora, "read:users:name!user").call("GET", "me")
    assert answer.status_code == 403


def test_a_token_holds_no_more_roles_than_its_scopes(cora: ConsoleVisitor) -> None:
    answer = program(cora, "access:services!service=console").call("GET", "me")
    assert answer.json()["roles"] == []
    assert answer.json()["unproven"] == ["curator"]


def test_a_role_taken_away_ends_at_once_and_a_new_one_asks_for_a_sign_in(hub: RunningHub) -> None:
    bob = hub.scenario.bob
    people.change_person(hub.site, STEWARD, bob.id, roles=(SiteRole.OPERATOR,))
    try:
        visitor = enter(hub, "bob")
        assert "operator" in visitor.page().text
        people.change_person(hub.site, STEWARD, bob.id, roles=(SiteRole.AUDITOR,))
        page = visitor.page().text
        assert "operator" not in page
        assert "You have a new role" in page
        again = enter(hub, "bob").page().text
        assert "auditor" in again
        assert "You have a new role" not in again
    finally:
        people.change_person(hub.site, STEWARD, bob.id, roles=())


def test_somebody_ended_is_a_stranger(hub: RunningHub) -> None:
    carol = hub.scenario.carol
    visitor = enter(hub, "carol")
    with hub.site.store.transaction() as tx:
        persons.replace(tx, people.replace(carol, ended=hub.site.now()))
    try:
        assert visitor.page().status_code == 403
    finally:
        with hub.site.store.transaction() as tx:
            persons.replace(tx, carol)


def test_signing_out_of_the_hub_ends_the_console_too(hub: RunningHub) -> None:
    visitor = enter(hub, "otto")
    visitor.visitor.page("logout")
    # The Hub's answer about a token is good for some seconds.
    wait_for(lambda: "/hub/login" in visitor.page().url, 30)


def test_no_answer_lets_a_script_of_others_in(cora: ConsoleVisitor) -> None:
    for path in ("", "no-such-page", "api/v1/me", "static/console.js", "static/console.css"):
        headers = cora.page(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy, path
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_hold_no_script_of_their_own_and_ask_for_one(cora: ConsoleVisitor) -> None:
    page = cora.page().text
    assert page.count("<script") == page.count(f'<script src="{PREFIX}static/console.js">') == 1
    assert "style=" not in page
    script = cora.page("static/console.js")
    assert "htmx" in script.text
    assert (
        cora.page("static/console.js", headers={"If-None-Match": script.headers["ETag"]}).status_code == 304
    )


def test_a_form_without_the_pages_token_is_refused(cora: ConsoleVisitor) -> None:
    with_it = cora.send("language", {"language": "en"})
    assert with_it.status_code == 200
    without = cora.visitor.session.post(f"{cora.root}language", data={"language": "en"}, timeout=30)
    assert without.status_code == 403
    assert "open for too long" in without.text


def test_a_call_with_the_cookie_needs_the_pages_token_too(cora: ConsoleVisitor) -> None:
    session, url = cora.visitor.session, f"{cora.root}api/v1/me"
    assert session.post(url, json={}, timeout=30).status_code == 403
    token = hidden(cora.page().text, "_xsrf")
    assert session.post(url, json={}, headers={"X-XSRFToken": token}, timeout=30).status_code == 405


def test_the_language_is_the_browsers_until_one_is_chosen(hub: RunningHub) -> None:
    visitor = enter(hub, "cora", "fr")
    assert '<html lang="fr">' in visitor.page().text
    assert "Accueil" in visitor.page().text
    visitor.send("language", {"language": "en"})
    assert '<html lang="en">' in visitor.page().text
    assert (
        '<html lang="en">' in visitor.visitor.page("home").text
        or "My servers" in visitor.visitor.page("home").text
    )


@pytest.mark.parametrize(
    "back",
    ["https://elsewhere.example/", "//elsewhere.example/", f"{PREFIX}..\\..\\x", "javascript:alert(1)"],
)
def test_the_choice_of_a_language_leads_nowhere_else(cora: ConsoleVisitor, back: str) -> None:
    answer = cora.send("language", {"language": "en", "back": back}, allow_redirects=False)
    assert answer.headers["Location"] == PREFIX


def test_an_unknown_page_is_said_in_the_readers_language(hub: RunningHub, cora: ConsoleVisitor) -> None:
    answer = cora.page("no-such-page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "Cette page n’existe pas" in enter(hub, "stella", "fr").page("no-such-page").text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nothing", 404), ("POST", "me", 405), ("DELETE", "me", 405), ("GET", "me/", 404)],
)
def test_problems_are_told_as_such(cora: ConsoleVisitor, method: str, path: str, status: int) -> None:
    answer = program(cora).call(method, path)
    assert answer.status_code == status
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == status
    assert told["title"]


def test_the_navigation_leads_to_the_console(hub: RunningHub, cora: ConsoleVisitor) -> None:
    assert f'href="{PREFIX}"' in cora.visitor.page("home").text
