"""The page and the JSON of a session at the server's own path, and more time asked for there."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from hub_ext.adapters.store import audit, blocks, idle_warnings, launches, server_uses
from hub_ext.errors import StoreError
from hub_ext.flows import idle_warnings as idle_warnings_flow
from hub_ext.flows import people, projects, session_warnings
from hub_ext.gate import sessions
from hub_ext.model import (
    AuditEvent,
    Block,
    BlockKind,
    BlockScope,
    Launch,
    Localised,
    Person,
    StopReason,
    Verb,
)
from hub_ext.policy.idle import Warn
from tests.gate.browser import Browser
from tests.gate.conftest import House, RunningGate
from tests.support.scenario import STEWARD

CLOSED = 503
PAGE = "/user/olga/_hub-ext/"


@dataclass
class Olga:
    """Somebody with a server of a project of theirs, who has entered it."""

    house: House
    person: Person
    launch: Launch
    browser: Browser

    def shown(self, **more: str) -> dict[str, Any]:
        """The JSON of the session."""
        answer = self.browser.fetch(f"{PAGE}session", **more)
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))

    def warn(self) -> None:
        """A warning stands from now on."""
        at = self.house.site.now() + timedelta(minutes=20)
        idle_warnings_flow.write_down(self.house.site, [(self.launch, Warn(StopReason.IDLE, at))])

    def warned(self) -> bool:
        with self.house.site.store.reading() as tx:
            return idle_warnings.find(tx, self.launch.id) is not None

    def record(self) -> list[AuditEvent]:
        with self.house.site.store.reading() as tx:
            return list(audit.listing(tx, subject=self.launch.id, verb=Verb.LAUNCH_EXTENDED))


@pytest.fixture(scope="module")
def study(house: House) -> Person:
    """Olga's place in a project."""
    site, later = house.site, house.site.now() + timedelta(days=90)
    person = people.add_person(site, STEWARD, issuer="demo", subject="olga", username="olga")
    projects.add_project(site, STEWARD, "lungs", Localised("<Lungs> & more", "Les <poumons>"))
    projects.add_approval(
        site,
        STEWARD,
        "lungs",
        reference="EC-1",
        controller="Hospital",
        purpose="research",
        legal_basis="consent",
        valid_until=later,
    )
    projects.add_member(site, STEWARD, "lungs", person.id, valid_until=later)
    return person


@pytest.fixture
def olga(house: House, study: Person, gate: RunningGate) -> Iterator[Olga]:
    house.start("olga")
    with house.site.store.transaction() as tx:
        (launch,) = [each for each in launches.listing(tx, active=True) if each.username == "olga"]
        launch = replace(launch, person_id=study.id, project="lungs", version_ids=(), volume_ids=())
        launches.replace(tx, launch)
    browser = house.browser("olga")
    assert browser.open("/user/olga/lab").status == 204
    yield Olga(house, study, launch, browser)
    house.stop("olga")


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_the_page_shows_the_session_and_needs_nothing_from_elsewhere(olga: Olga) -> None:
    answer = olga.browser.get(PAGE)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<h1><bdi>Main server</bdi></h1>" in answer.body
    assert "&lt;Lungs&gt; &amp; more" in answer.body
    assert "<Lungs>" not in answer.body
    for address in ("/user/olga/", "/hub/home", "/hub/hub-ext/restart/olga/", "/hub/logout"):
        assert f'href="{address}"' in answer.body
    assert "<form" not in answer.body
    assert re.findall(r"(?:src=|url\(|@import|<script|<link|https?:)", answer.body) == []


def test_the_language_is_the_readers(olga: Olga) -> None:
    french = olga.browser.get(PAGE, **{"Accept-Language": "fr-CH,fr;q=0.9"}).body
    assert '<html lang="fr">' in french
    assert "Les &lt;poumons&gt;" in french
    assert '<html lang="en">' in olga.browser.get(PAGE).body
    chosen = olga.browser.get(f"{PAGE}?language=fr").body
    assert '<html lang="fr">' in chosen
    assert '<html lang="en">' in olga.browser.get(f"{PAGE}?language=%22x").body
    olga.warn()
    assert (
        'action="/user/olga/_hub-ext/more-time?language=fr"' in olga.browser.get(f"{PAGE}?language=fr").body
    )
    (warning,) = olga.shown(**{"Accept-Language": "fr"})["warnings"]
    assert warning["text"].startswith("Il sera arrêté à ")


def test_the_json_says_the_same(olga: Olga) -> None:
    shown = olga.shown()
    assert shown["session"]["launch"] == olga.launch.id
    assert shown["session"]["project"]["slug"] == "lungs"
    assert shown["session"]["end"]["why"]["en"].startswith('your place in the project "lungs" ends')
    assert (shown["warnings"], shown["more_time"]) == ([], None)
    assert (shown["page"], shown["home"], shown["sign_out"]) == (PAGE, "/hub/home", "/hub/logout")
    olga.warn()
    shown = olga.shown()
    (warning,) = shown["warnings"]
    assert warning["kind"] == "stop"
    assert "nothing has run in it" in warning["text"]
    assert (shown["more_time"]["left"], shown["more_time"]["label"]) == (3, "More time (2 h)")
    block = Block(
        *("blo-1", BlockKind.DRAIN, BlockScope.EVERYTHING, "", "a <new> disk", olga.house.site.now(), "op")
    )
    with olga.house.site.store.transaction() as tx:
        blocks.add(tx, block)
    assert [each["kind"] for each in olga.shown()["warnings"]] == ["stop", "block"]
    assert "a &lt;new&gt; disk" in olga.browser.get(PAGE).body
    with olga.house.site.store.transaction() as tx:
        blocks.replace(tx, replace(block, lifted=olga.house.site.now(), lifted_by="op"))


def test_the_button_gives_more_time_and_says_so(olga: Olga) -> None:
    olga.warn()
    page = olga.browser.get(PAGE).body
    assert "More time (2 h)" in page
    answer = olga.browser.send(f"{PAGE}more-time", {"token": token_of(page)})
    assert (answer.status, answer.location) == (303, PAGE)
    assert not olga.warned()
    (event,) = olga.record()
    assert event.actor.id == olga.person.id
    after = olga.browser.get(PAGE).body
    assert "<form" not in after
    assert "Not for idleness before" in after
    # Pressed again, on a page that stood open.
    again = olga.browser.send(f"{PAGE}more-time", {"token": token_of(page)})
    assert again.status == 409
    assert "there is nothing to extend" in again.body
    assert len(olga.record()) == 1


def test_a_page_of_the_server_asks_as_the_button_does(olga: Olga) -> None:
    olga.warn()
    token = olga.shown()["more_time"]["token"]
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    answer = olga.browser.request(f"{PAGE}more-time", "POST", headers, f"token={token}")
    assert answer.status == 201
    assert json.loads(answer.body)["warnings"] == []
    refused = olga.browser.request(f"{PAGE}more-time", "POST", headers, f"token={token}")
    assert refused.status == 409
    assert json.loads(refused.body)["reason"] == "not-due"


def test_more_time_ends_some_time(olga: Olga) -> None:
    for _ in range(olga.house.site.settings.extensions_most):
        olga.warn()
        token = olga.shown()["more_time"]["token"]
        assert olga.browser.send(f"{PAGE}more-time", {"token": token}).status == 303
    olga.warn()
    assert olga.shown()["more_time"] is None
    assert "<form" not in olga.browser.get(PAGE).body
    answer = olga.browser.send(f"{PAGE}more-time", {"token": token})
    assert answer.status == 409
    assert "as often as is allowed here" in answer.body
    assert olga.warned()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:9000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "", "Sec-Fetch-Mode": "", "Sec-Fetch-Dest": ""},
        {"Origin": "null", "Sec-Fetch-Site": "", "Sec-Fetch-Mode": "", "Sec-Fetch-Dest": ""},
    ],
)
def test_another_site_presses_no_button(olga: Olga, headers: dict[str, str]) -> None:
    olga.warn()
    token = token_of(olga.browser.get(PAGE).body)
    assert olga.browser.send(f"{PAGE}more-time", {"token": token}, **headers).status == 403
    assert olga.warned()
    # The control: the same form from the page itself.
    assert olga.browser.send(f"{PAGE}more-time", {"token": token}).status == 303
    assert not olga.warned()


def test_a_form_needs_the_token_of_its_own_sign_in(olga: Olga) -> None:
    olga.warn()
    other = olga.house.browser("olga")
    other.open("/user/olga/lab")
    for fields in ({}, {"token": ""}, {"token": "x" * 40}, {"token": token_of(other.get(PAGE).body)}):
        answer = olga.browser.send(f"{PAGE}more-time", fields)
        assert answer.status == 403, fields
        assert "This page was from an earlier sign-in." in answer.body
    assert olga.warned()


def test_who_has_no_right_sees_nothing_of_it(olga: Olga) -> None:
    olga.warn()
    token = token_of(olga.browser.get(PAGE).body)
    nobody, other = olga.house.browser(), olga.house.browser("mallory")
    assert nobody.get(PAGE).status == 302
    assert other.open(PAGE).status == 403
    for browser in (nobody, other):
        assert browser.fetch(f"{PAGE}session").status == CLOSED
        assert browser.send(f"{PAGE}more-time", {"token": token}).status == 403
        assert "lungs" not in browser.get(PAGE).body
    assert olga.warned()


def test_a_program_asks_with_a_token_of_its_person(olga: Olga) -> None:
    olga.warn()
    own = {"Authorization": f"token {olga.house.new_token('olga', 'access:servers!user=olga')}"}
    front = olga.house.front
    assert json.loads(front.request(f"{PAGE}session", headers=own).body)["warnings"]
    # A service that may open every server is no person, whatever its name, and asks for nothing.
    service = {"Authorization": f"token {olga.house.token}"}
    people.add_person(olga.house.site, STEWARD, issuer="demo", subject="tests", username="tests")
    assert front.request(f"{PAGE}more-time", "POST", service).status == 403
    assert olga.warned()
    assert front.request(f"{PAGE}more-time", "POST", own).status == 201
    assert olga.record()[0].actor.id == olga.person.id


def test_looking_is_no_use_of_the_server(olga: Olga, gate: RunningGate) -> None:
    gate.thread.call(gate.gate.uses.flush())
    before = _use(olga)
    olga.warn()
    for _ in range(3):
        olga.shown()
        olga.browser.get(PAGE)
    gate.thread.call(gate.gate.uses.flush())
    assert _use(olga) == before
    # The control: a request that reaches the server is one.
    assert olga.browser.fetch("/user/olga/api/kernels", "POST").status == 204
    gate.thread.call(gate.gate.uses.flush())
    assert _use(olga) != before


def _use(olga: Olga) -> Any:
    with olga.house.site.store.reading() as tx:
        return server_uses.find(tx, olga.launch.id)


def test_other_paths_and_methods_are_none(olga: Olga) -> None:
    assert olga.browser.fetch(f"{PAGE}other").status == 404
    assert olga.browser.fetch(f"{PAGE}session", "POST").status == 404
    assert olga.browser.fetch(f"{PAGE}more-time").status == 404
    assert olga.browser.send(PAGE, {}).status == 404


def test_what_is_unknown_is_not_said_to_be_absent(olga: Olga, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise StoreError("The store is away.")

    monkeypatch.setattr(session_warnings, "read", fails)
    answer = olga.browser.get(PAGE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "The service does not answer right now" in answer.body
    assert json.loads(olga.browser.fetch(f"{PAGE}session").body)["reason"] == "silent"


def test_a_store_that_hangs_holds_nobody_up(olga: Olga, monkeypatch: pytest.MonkeyPatch) -> None:

    free = threading.Event()
    monkeypatch.setattr(sessions, "SECONDS", 0.3)
    monkeypatch.setattr(session_warnings, "read", lambda *_: free.wait(20))
    try:
        assert [olga.browser.fetch(f"{PAGE}session").status for _ in range(3)] == [503] * 3
        assert olga.browser.fetch("/user/olga/api/contents").status == 204
    finally:
        free.set()


def test_a_session_that_has_ended_is_said(olga: Olga, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_warnings, "read", lambda *_: None)
    answer = olga.browser.get(PAGE)
    assert answer.status == 503
    assert "This server is not running" in answer.body
