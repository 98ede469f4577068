"""People in the console: found, added, given roles, ended; never one's own entry; each role of a visitor."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import persons
from hub_ext.flows import people
from hub_ext.model import Person, PersonKind, SiteRole
from tests.e2e.test_console_requests import day, person
from tests.support.console import ConsoleVisitor, enter, hidden, program
from tests.support.hub import PASSWORDS, RunningHub
from tests.support.scenario import STEWARD

EVIL = "<script>alert(1)</script>{{7*7}}"
RIGHT_TO_LEFT = "safe \u202egnp.exe"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def stella(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "stella")


@pytest.fixture
def guest(hub: RunningHub) -> Iterator[Person]:
    """Somebody without an account here, ended afterwards."""
    name = f"guest-{next(NUMBERS)}"
    made = people.add_person(hub.site, STEWARD, issuer="https://id.example", subject=name, username=name)
    yield made
    if not people.person_of(hub.site, made.id).ended:
        people.end_person(hub.site, STEWARD, made.id, "tested")


def test_a_person_is_added_given_a_role_and_ended(hub: RunningHub, stella: ConsoleVisitor) -> None:
    name = f"guest-{next(NUMBERS)}"
    fields = {"issuer": "https://id.example", "subject": name, "username": name, "display_name": EVIL}
    answer = stella.send("new/person", {**fields, "kind": "guest", "sponsor": "ada", "until": day(hub, 30)})
    assert "Added." in answer.text
    assert "&lt;script&gt;" in answer.text
    assert EVIL not in answer.text
    with hub.site.store.reading() as tx:
        made = persons.find_username(tx, name)
    assert made is not None
    assert (made.kind, made.sponsor_id) == (PersonKind.GUEST, hub.scenario.ada.id)
    path = f"people/{made.id}"
    version = hidden(stella.page(path).text, "version")
    changed = {"username": name, "kind": "guest", "roles": ["curator", "auditor"], "version": version}
    assert "Saved." in stella.send(path, changed).text
    assert people.person_of(hub.site, made.id).roles == (SiteRole.CURATOR, SiteRole.AUDITOR)
    late = stella.send(path, {**changed, "email": "late@hospital.example"})
    assert late.status_code == 409
    assert "late@hospital.example" in late.text  # nothing is lost
    assert name in stella.page(f"people?q={name}").text
    assert "No session stops by it." in stella.page(f"{path}/end").text
    assert "Ended on" in stella.send(f"{path}/end", {"why": "tested"}).text
    assert made.id not in stella.page(f"people?q={name}").text
    assert made.id in stella.page(f"people?q={name}&ended=1").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"issuer": ""}, "Fill this in"),
        ({"subject": "x\0"}, "cannot be seen"),
        ({"username": "a/b"}, "not one of the Hub"),
        ({"username": "Upper"}, "not one of the Hub"),
        ({"username": "ada"}, "Another person has"),
        ({"username": "x" * 2**20}, "255 characters"),
        ({"display_name": RIGHT_TO_LEFT}, "cannot be seen"),
        ({"email": RIGHT_TO_LEFT}, "cannot be seen"),
        ({"language": "de"}, "no language"),
        ({"kind": EVIL}, "Choose one of the list"),
        ({"roles": "admin"}, "Choose one of the list"),
        ({"sponsor": "nobody"}, "no person"),
        ({"until": EVIL}, "Type a day"),
        ({"until": "9999-12-31"}, "beyond the calendar"),
        ({"uid": "0"}, "Not saved"),
    ],
)
def test_what_cannot_be_added_is_said(
    hub: RunningHub, stella: ConsoleVisitor, fields: dict[str, str], said: str
) -> None:
    asked = {"issuer": "https://id.example", "subject": "nobody-yet", "username": "nobody-yet", **fields}
    answer = stella.send("new/person", {"display_name": "Not lost", **asked})
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>alert" not in answer.text
    if "display_name" not in fields:
        assert 'value="Not lost"' in answer.text
    with hub.site.store.reading() as tx:
        assert persons.find_sign_in(tx, "https://id.example", "nobody-yet") is None


def test_nobody_changes_their_own_entry(hub: RunningHub, stella: ConsoleVisitor) -> None:
    with hub.site.store.reading() as tx:
        own = persons.find_username(tx, "stella")
    assert own is not None
    path = f"people/{own.id}"
    page = stella.page(path)
    assert "This is you" in page.text
    assert 'name="roles"' not in page.text
    fields = {"username": "stella", "roles": ["operator", "steward"], "version": "1"}
    assert stella.send(path, fields).status_code == 403
    assert stella.send(f"{path}/end", {"why": "x"}).status_code == 403
    steward = program(stella)
    etag = steward.call("GET", path).headers["ETag"]
    answer = steward.call("PATCH", path, {"roles": ["operator"]}, headers={"If-Match": etag})
    assert answer.status_code == 403
    assert people.person_of(hub.site, own.id).roles == (SiteRole.STEWARD,)


def in_hub(hub: RunningHub, name: str) -> bool:
    """Whether the Hub's own database has a user of that name."""
    with sqlite3.connect(hub.site.settings.hub_dir / "jupyterhub.sqlite") as held:
        return bool(held.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchall())


def test_a_name_is_erased_here_and_at_the_hub(hub: RunningHub, stella: ConsoleVisitor) -> None:
    zelda = person(hub, "zelda")
    seen = hub.visitor("zelda")
    assert seen.servers() == {}
    assert in_hub(hub, "zelda")
    path, steward = f"people/{zelda.id}", program(stella)
    assert stella.send(f"{path}/erase", {"why": "asked for it"}).status_code == 400  # not ended yet
    assert steward.call("POST", f"{path}/erase", {"why": "asked for it"}).status_code == 400
    assert in_hub(hub, "zelda")
    people.end_person(hub.site, STEWARD, zelda.id, "left")
    assert f"{path}/erase" in stella.page(path).text
    assert "Fill this in" in stella.send(f"{path}/erase", {"why": " "}).text
    assert in_hub(hub, "zelda")
    # Somebody who has the username now keeps their user at the Hub.
    other = people.add_person(hub.site, STEWARD, issuer="demo", subject="zelda-2", username="zelda")
    assert "The name is erased." in stella.send(f"{path}/erase", {"why": "asked for it"}).text
    assert people.person_of(hub.site, zelda.id).username == f"erased-{zelda.uid}"
    assert in_hub(hub, "zelda")
    assert f"{path}/erase" not in stella.page(path).text
    path = f"people/{other.id}"
    people.end_person(hub.site, STEWARD, other.id, "left too")
    erased = steward.call("POST", f"{path}/erase", {"why": "asked for it"})
    assert (erased.status_code, erased.json()["username"]) == (200, f"erased-{other.uid}")
    assert not in_hub(hub, "zelda")
    assert seen.session.get(f"{hub.url}/hub/api/user", timeout=30).status_code in (401, 403)
    assert steward.call("POST", f"{path}/erase", {"why": "again"}).status_code == 400


def test_only_stewards_see_people(hub: RunningHub, guest: Person) -> None:
    for name in ("audra", "cora", "otto", "ada"):
        visitor = enter(hub, name)
        assert "console/people" not in visitor.page().text
        for path in ("people", f"people/{guest.id}", "new/person", f"people/{guest.id}/end"):
            assert visitor.page(path).status_code == 403, (name, path)
        assert visitor.send(f"people/{guest.id}/erase", {"why": "x"}).status_code == 403
        fields = {"username": guest.username, "roles": "operator", "version": "1"}
        for path in (f"people/{guest.id}", "new/person", f"people/{guest.id}/end"):
            assert visitor.send(path, fields).status_code == 403, (name, path)
        assert program(visitor).call("GET", "people").status_code == 403
    assert people.person_of(hub.site, guest.id).roles == ()


def test_the_same_through_the_api(hub: RunningHub, stella: ConsoleVisitor, guest: Person) -> None:
    steward, path = program(stella), f"people/{guest.id}"
    answer = steward.call("GET", path)
    etag = answer.headers["ETag"]
    assert answer.json()["username"] == guest.username
    assert "subject" not in answer.json()
    changed = steward.call("PATCH", path, {"roles": ["curator"]}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["roles"]) == (200, ["curator"])
    assert changed.headers["ETag"] == steward.call("GET", path).headers["ETag"]
    assert steward.call("PATCH", path, {"roles": []}, headers={"If-Match": etag}).status_code == 412
    first = steward.call("GET", "people?limit=2").json()
    assert len(first["items"]) == 2
    second = steward.call("GET", f"people?limit=2&after={first['next']}").json()
    assert second["items"][0]["username"] > first["items"][1]["username"]
    found = steward.call("GET", f"people?q={guest.username}").json()["items"]
    assert [one["id"] for one in found] == [guest.id]
    name = f"guest-{next(NUMBERS)}"
    body = {"issuer": "https://id.example", "subject": name, "username": name}
    made = steward.call("POST", "people", body)
    assert made.status_code == 201
    assert steward.call("POST", "people", body).status_code == 400
    assert steward.call("POST", "people", {**body, "roles": ["admin"]}).status_code == 422
    assert steward.call("POST", f"people/{made.json()['id']}/end", {"why": "tested"}).json()["ended"]
    assert steward.call("GET", "people/per-none").status_code == 404


def test_in_a_browser(hub: RunningHub, guest: Person, page: Page, kept_state: Path) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "stella")
    page.fill("#password_input", PASSWORDS["stella"])
    page.click("#login_submit")
    page.wait_for_url("**/hub/**")
    page.goto(f"{hub.url}/services/console/people")
    page.get_by_label("Search").fill(guest.username)
    page.get_by_role("button", name="Search").click()
    page.screenshot(path=kept_state / "artefacts" / "people.png", full_page=True)
    page.get_by_role("link", name=guest.username).click()
    page.get_by_label("operator").check()
    page.screenshot(path=kept_state / "artefacts" / "person.png", full_page=True)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert people.person_of(hub.site, guest.id).roles == (SiteRole.OPERATOR,)
