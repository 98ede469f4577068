"""Requests for access in the console: asked by a researcher, decided by a steward, each seeing the state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import grants
from hub_ext.flows import data, people, projects, requests
from hub_ext.flows import grants as grant_flows
from hub_ext.model import Actor, ActorKind, DatasetClass, Localised, MemberRole, Person, SiteRole
from hub_ext.model.requests import AccessRequest, RequestState
from tests.support.console import ConsoleVisitor, enter, program
from tests.support.hub import PASSWORDS, RunningHub
from tests.support.scenario import STEWARD

EVIL = "<script>alert(1)</script>{{7*7}}"


def person(hub: RunningHub, name: str) -> Person:
    """The person of that account, registered once."""
    with hub.site.store.reading() as tx:
        known = people.persons.find_username(tx, name)
    return known or people.add_person(hub.site, STEWARD, issuer="demo", subject=name, username=name)


@pytest.fixture(scope="module")
def rosa(hub: RunningHub) -> Iterator[Person]:
    """A researcher in an approved project of her own, that holds nothing; two datasets to ask for."""
    site, found = hub.site, person(hub, "rosa")
    until = site.now() + timedelta(days=100)
    projects.add_project(site, STEWARD, "heart", Localised("Heart", "Cœur"))
    projects.add_approval(
        *(site, STEWARD, "heart"),
        reference="CPP-heart",
        controller="CHU",
        purpose="care",
        legal_basis="law",
        valid_until=until,
    )
    place = projects.add_member(site, STEWARD, "heart", found.id, MemberRole.MEMBER)
    for slug in ("echo", "valves"):
        data.register_dataset(
            *(site, STEWARD, slug, Localised(f"{slug} in English", f"{slug} en français")),
            *(Localised("", ""), DatasetClass.CODED),
        )
    yield found
    projects.end_membership(site, STEWARD, place.id, "tested")
    projects.end_project(site, STEWARD, "heart", "tested")
    for slug in ("echo", "valves"):
        data.end_dataset(site, STEWARD, slug, "tested")


@pytest.fixture
def asks(hub: RunningHub, rosa: Person) -> Iterator[ConsoleVisitor]:
    """Rosa, whose requests and grants are taken back afterwards."""
    yield enter(hub, "rosa")
    actor = Actor(ActorKind.PERSON, rosa.id)
    for told in requests.listing(hub.site, person_id=rosa.id, states=requests.WAITING):
        requests.withdraw(hub.site, actor, told.request.id)
    with hub.site.store.reading() as tx:
        held = [grant for grant in grants.listing(tx, project="heart") if not grant.revoked]
    for grant in held:
        grant_flows.revoke_grant(hub.site, STEWARD, grant.id, "tested")


def day(hub: RunningHub, days: int) -> str:
    """So many days from now, as a date field has it."""
    return (hub.site.now() + timedelta(days=days)).date().isoformat()


def last(hub: RunningHub, rosa: Person) -> AccessRequest:
    return requests.listing(hub.site, person_id=rosa.id)[-1].request


def test_a_researcher_asks_and_a_steward_answers(hub: RunningHub, rosa: Person, asks: ConsoleVisitor) -> None:
    assert "Heart · echo in English" in asks.page("requests").text
    answer = asks.send("requests", {"what": "heart echo", "purpose": EVIL, "until": day(hub, 50)})
    request = last(hub, rosa)
    assert answer.url == f"{asks.root}requests/{request.id}"
    assert "waits for a steward" in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert EVIL not in answer.text

    stella = enter(hub, "stella")
    assert request.id in stella.page("requests").text
    path = f"requests/{request.id}"
    answer = stella.send(f"{path}?do=ask", {"text": "All of it?"})
    assert "waits for an answer" in answer.text
    assert "All of it?" in asks.page(path).text
    assert "Size only." in asks.send(f"{path}?do=answer", {"text": "Size only."}).text
    refused = stella.send(f"{path}?do=approve", {"until": day(hub, 400), "approval": "CPP-heart"})
    assert refused.status_code == 400
    assert "No approval covers" in refused.text
    assert 'value="CPP-heart"' in refused.text  # nothing is lost
    granted = stella.send(f"{path}?do=approve", {"until": day(hub, 20), "only_them": "true"})
    assert "Granted." in granted.text
    assert last(hub, rosa).state is RequestState.APPROVED
    assert "approved" in asks.page("requests").text
    with hub.site.store.reading() as tx:
        (grant,) = grants.listing(tx, project="heart", dataset="echo")
    assert grant.members == (rosa.id,)
    assert "Heart · echo in English" not in asks.page("requests").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"what": "heart echo", "purpose": ""}, "This is empty."),
        ({"what": "heart echo", "purpose": "a\0b"}, "cannot be seen"),
        ({"what": "heart echo", "purpose": "safe \u202egnp.exe"}, "cannot be seen"),
        ({"what": "heart echo", "purpose": "x" * 2**20}, "characters at most"),
        ({"what": "heart echo", "purpose": "x" * 3000}, "2000 fit"),
        ({"what": "heart echo", "purpose": "x", "until": "2020-01-01"}, "That day is over"),
        ({"what": "heart echo", "purpose": "x", "until": "9999-12-31"}, "beyond the calendar"),
        ({"what": "heart echo", "purpose": "x", "until": "9000-12-31"}, "is approved until"),
        ({"what": "heart echo", "purpose": "x", "until": EVIL}, "Type a day"),
        ({"what": "onco echo", "purpose": "x"}, "You have no place"),
        ({"what": "heart pet", "purpose": "x"}, "no dataset"),
        ({"what": EVIL, "purpose": "x"}, "a-z, 0-9"),
        ({"what": "heart echo", "purpose": "x", "person_id": "per-1"}, "Not saved"),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_field(
    hub: RunningHub, rosa: Person, asks: ConsoleVisitor, fields: dict[str, str], said: str
) -> None:
    before = len(requests.listing(hub.site, person_id=rosa.id))
    answer = asks.send("requests", {"until": day(hub, 30), **fields})
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>alert" not in answer.text
    assert len(answer.text) < 60_000
    if "until" not in fields:
        assert f'value="{day(hub, 30)}"' in answer.text  # nothing is lost
    assert len(requests.listing(hub.site, person_id=rosa.id)) == before


def made(hub: RunningHub, rosa: Person, dataset: str = "valves") -> str:
    request = requests.ask_access(
        hub.site, Actor(ActorKind.PERSON, rosa.id), dataset, "heart", "To see.\nAnd hear."
    )
    assert isinstance(request, AccessRequest)
    return request.id


def test_who_may_not_decide(hub: RunningHub, rosa: Person, asks: ConsoleVisitor) -> None:
    path = f"requests/{made(hub, rosa)}"
    sends = {"ask": {"text": "x"}, "refuse": {"text": "x"}, "approve": {"until": day(hub, 9)}}
    audra = enter(hub, "audra")
    read = audra.page(path).text
    assert "And hear." in read
    others = [enter(hub, name) for name in ("ada", "cora", "otto")]
    for other in others:
        assert other.page(path).status_code == 403
        assert path not in other.page("requests").text
    for do, fields in sends.items():
        mine = asks.send(f"{path}?do={do}", fields)
        assert mine.status_code == 403
        assert "request of your own" in mine.text
        assert f"do={do}" not in read
        assert "changes nothing" in audra.send(f"{path}?do={do}", fields).text
        for other in others:
            assert other.send(f"{path}?do={do}", fields).status_code == 403
    assert last(hub, rosa).state is RequestState.OPEN


def test_a_steward_does_not_decide_on_their_own(hub: RunningHub, rosa: Person, asks: ConsoleVisitor) -> None:
    people.change_person(hub.site, STEWARD, rosa.id, roles=(SiteRole.STEWARD,))
    try:
        both = enter(hub, "rosa")
        path = f"requests/{made(hub, rosa)}"
        assert "do=approve" not in both.page(path).text
        answer = both.send(f"{path}?do=approve", {"until": day(hub, 9)})
        assert "nobody decides on their own" in answer.text
        call = program(both).call("POST", f"{path}/refuse", {"text": "x"})
        assert call.status_code == 403
    finally:
        people.change_person(hub.site, STEWARD, rosa.id, roles=())


def test_the_stewards_of_a_dataset_decide_on_it(hub: RunningHub, rosa: Person, asks: ConsoleVisitor) -> None:
    """Bob looks after the valves; then no other steward does."""
    data.change_dataset(hub.site, STEWARD, "valves", stewards=(hub.scenario.bob.id,))
    try:
        path = f"requests/{made(hub, rosa)}"
        stella = enter(hub, "stella").send(f"{path}?do=refuse", {"text": "x"})
        assert "has stewards of its own" in stella.text
        bob = enter(hub, "bob")
        assert path in bob.page("requests").text
        assert "They read the reason" in bob.send(f"{path}?do=refuse", {"text": "Too many."}).text
        assert "Too many." in asks.page(path).text
    finally:
        data.change_dataset(hub.site, STEWARD, "valves", stewards=())


def test_the_same_through_the_api(hub: RunningHub, rosa: Person, asks: ConsoleVisitor) -> None:
    mine, steward = program(asks), program(enter(hub, "stella"))
    body = {"dataset": "valves", "project": "heart", "purpose": "To see."}
    answer = mine.call("POST", "requests", body)
    assert answer.status_code == 201
    request = answer.json()
    assert answer.headers["Location"].endswith(f"requests/{request['id']}")
    again = mine.call("POST", "requests", body)
    assert again.status_code == 409
    assert "already" in again.json()["reasons"][0]["reason"]
    path = f"requests/{request['id']}"
    held = steward.call("GET", "requests?mine=false&waiting=true").json()["items"]
    assert request["id"] in [one["id"] for one in held]
    assert mine.call("POST", f"{path}/ask", {"text": "x"}).status_code == 403
    assert steward.call("POST", f"{path}/ask", {"text": "Why?"}).json()["state"] == "asked-back"
    assert steward.call("POST", f"{path}/answer", {"text": "x"}).status_code == 409
    assert mine.call("POST", f"{path}/answer", {"text": "So."}).json()["questions"][0]["answer"] == "So."
    assert steward.call("POST", f"{path}/refuse", {"text": "No."}).json()["reason"] == "No."
    assert mine.call("POST", f"{path}/withdraw").status_code == 409
    assert mine.call("GET", path).json()["state"] == "refused"
    assert mine.call("GET", "requests/req-none").status_code == 404
    assert program(enter(hub, "ada")).call("GET", path).status_code == 403
    second = mine.call("POST", "requests", body).json()
    until = (hub.site.now() + timedelta(days=9)).isoformat()
    granted = steward.call("POST", f"requests/{second['id']}/approve", {"valid_until": until})
    assert (granted.status_code, granted.json()["state"]) == (200, "approved")
    assert granted.json()["grant_id"].startswith("gra-")


def test_in_a_browser(
    hub: RunningHub, rosa: Person, asks: ConsoleVisitor, page: Page, kept_state: Path
) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "rosa")
    page.fill("#password_input", PASSWORDS["rosa"])
    page.click("#login_submit")
    page.goto(f"{hub.url}/services/console/requests")
    page.get_by_label("Project and dataset").select_option("heart valves")
    page.get_by_label("Purpose").fill("To see <b>valves</b>.")
    page.screenshot(path=kept_state / "artefacts" / "requests-ask.png", full_page=True)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("waits for a steward")).to_be_visible()
    expect(page.get_by_text("To see <b>valves</b>.")).to_be_visible()
    page.screenshot(path=kept_state / "artefacts" / "request.png", full_page=True)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Withdrawn.")).to_be_visible()
    assert last(hub, rosa).state is RequestState.WITHDRAWN
