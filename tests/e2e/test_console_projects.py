"""Projects in the console: added, approved; members proposed by one, confirmed by another; each role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import approvals, memberships, projects
from hub_ext.flows import projects as flows
from hub_ext.flows import proposals
from hub_ext.model import Ceilings, Localised, MemberRole, Person, ProjectState
from tests.e2e.test_console_requests import day, person
from tests.support.console import ConsoleVisitor, enter, hidden, program
from tests.support.hub import PASSWORDS, RunningHub
from tests.support.scenario import STEWARD

EVIL = "<script>alert(1)</script>{{7*7}}"
RIGHT_TO_LEFT = "safe \u202egnp.exe"
TITLES = {"title_en": "Skin", "title_fr": "Peau"}
APPROVAL = {"reference": "CPP-skin", "controller": "CHU", "purpose": EVIL, "legal_basis": "law"}


@pytest.fixture(scope="module")
def stella(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "stella")


@pytest.fixture
def skin(hub: RunningHub) -> Iterator[str]:
    """A project that Magda leads and whose data manager is Bob; ended afterwards, with all places."""
    site = hub.site
    with site.store.reading() as tx:
        slug = f"skin-{len(projects.listing(tx))}"
    flows.add_project(site, STEWARD, slug, Localised("Skin", "Peau"))
    flows.add_member(site, STEWARD, slug, person(hub, "magda").id, MemberRole.LEAD)
    flows.add_member(site, STEWARD, slug, hub.scenario.bob.id, MemberRole.DATA_MANAGER)
    yield slug
    with site.store.reading() as tx:
        held = [place for place in memberships.listing(tx, project=slug) if not place.ended]
        ended = projects.get(tx, slug).ended
    for place in held:
        flows.end_membership(site, STEWARD, place.id, "tested")
    if not ended:
        flows.end_project(site, STEWARD, slug, "tested")


def places(hub: RunningHub, slug: str, who: Person) -> list[MemberRole]:
    with hub.site.store.reading() as tx:
        held = memberships.listing(tx, project=slug, person_id=who.id)
    return [place.role for place in held if not place.ended]


def test_a_project_is_added_approved_changed_and_ended(hub: RunningHub, stella: ConsoleVisitor) -> None:
    with hub.site.store.reading() as tx:
        slug = f"skin-{len(projects.listing(tx))}"
    limits = {"cpus": "2.5", "mem_gib": "8", "gpus": "0", "idle_minutes": "30"}
    answer = stella.send("new/project", {**TITLES, **limits, "slug": slug, "until": day(hub, 300)})
    assert "Next: its approval and its members." in answer.text
    path = f"projects/{slug}"
    approved = stella.send(f"{path}?do=approve", {**APPROVAL, "until": day(hub, 200)})
    assert "Written down." in approved.text
    assert "&lt;script&gt;" in approved.text
    assert EVIL not in approved.text
    form = stella.page(f"{path}/edit").text
    assert 'value="2.5"' in form
    version = hidden(form, "version")
    changed = {**TITLES, **limits, "version": version, "state": "frozen", "gpus": ""}
    assert "Saved." in stella.send(f"{path}/edit", changed).text
    late = stella.send(f"{path}/edit", {**changed, "title_fr": "Derme"})
    assert late.status_code == 409
    assert 'value="Derme"' in late.text  # nothing is lost
    with hub.site.store.reading() as tx:
        kept = projects.get(tx, slug)
        (approval,) = approvals.listing(tx, project=slug)
    assert (kept.state, kept.valid_until) == (ProjectState.FROZEN, None)
    assert kept.ceilings == Ceilings(2.5, 8 * 1024**3, None, 1800)
    assert "Ended." in stella.send(f"approvals/{approval.id}/end", {"why": "refused"}).text
    assert "Ended on" in stella.send(f"{path}/end", {"why": "tested"}).text
    assert slug not in stella.page("projects").text
    assert slug in stella.page(f"projects?ended=1&q={slug}").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slug": "../x"}, "a-z, 0-9"),
        ({"slug": "onco"}, "already"),
        ({"title_en": ""}, "Fill this in"),
        ({"title_en": RIGHT_TO_LEFT}, "cannot be seen"),
        ({"title_fr": "x" * 2**20}, "255 characters"),
        ({"cpus": "nan"}, "cannot be used"),
        ({"cpus": "-1"}, "0.1 or more"),
        ({"cpus": EVIL}, "Type a number"),
        ({"mem_gib": "0"}, "0.25 or more"),
        ({"gpus": "1.5"}, "whole number"),
        ({"idle_minutes": "0"}, "1 or more"),
        ({"until": "9999-12-31"}, "beyond the calendar"),
        ({"until": "2020-01-01"}, "would end"),
        ({"retain": "x\0"}, "Type a day"),
        ({"gid": "0"}, "Not saved"),
    ],
)
def test_what_cannot_be_added_is_said(
    hub: RunningHub, stella: ConsoleVisitor, fields: dict[str, str], said: str
) -> None:
    answer = stella.send("new/project", {**TITLES, "slug": "fresh", "retain": day(hub, 900), **fields})
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>alert" not in answer.text
    if "retain" not in fields:
        assert f'value="{day(hub, 900)}"' in answer.text  # nothing is lost
    with hub.site.store.reading() as tx:
        assert projects.find(tx, "fresh") is None


def test_a_lead_proposes_and_the_data_manager_confirms(hub: RunningHub, skin: str) -> None:
    magda, bob, carol = enter(hub, "magda"), enter(hub, "bob"), hub.scenario.carol
    path = f"projects/{skin}"
    assert skin in magda.page("projects").text
    assert "projects/onco" not in magda.page("projects").text
    assert magda.page("projects/onco").status_code == 403
    fields = {"username": "carol", "role": "lead", "member_until": day(hub, 90), "group": "derma"}
    assert "Somebody else confirms it." in magda.send(f"{path}?do=propose", fields).text
    (proposal,) = proposals.waiting(hub.site, skin)
    assert "do=confirm" not in magda.page(path).text
    own = magda.send(f"{path}?do=confirm&proposal={proposal.id}", {})
    assert own.status_code == 403
    assert program(magda).call("POST", f"proposals/{proposal.id}/confirm").status_code == 403
    assert places(hub, skin, carol) == []
    assert "Confirmed." in bob.send(f"{path}?do=confirm&proposal={proposal.id}", {}).text
    assert places(hub, skin, carol) == [MemberRole.LEAD]
    with hub.site.store.reading() as tx:
        (place,) = memberships.listing(tx, project=skin, person_id=carol.id)
    assert (place.group, place.approved_by) == ("derma", hub.scenario.bob.id)
    # A lead ends no place; the data manager does, but not their own.
    assert magda.page(f"memberships/{place.id}/end").status_code == 403
    assert "Ended." in bob.send(f"memberships/{place.id}/end", {"why": "left"}).text
    with hub.site.store.reading() as tx:
        (mine,) = memberships.listing(tx, project=skin, person_id=hub.scenario.bob.id)
    assert bob.send(f"memberships/{mine.id}/end", {"why": "x"}).status_code == 403
    assert places(hub, skin, carol) == []


def test_a_proposal_is_declined_with_its_reason_or_taken_back(
    hub: RunningHub, stella: ConsoleVisitor, skin: str
) -> None:
    magda, path = enter(hub, "magda"), f"projects/{skin}"
    nobody = "There is no person"
    for username, said in (("nobody", nobody), (EVIL, nobody), ("bob", "already")):
        answer = magda.send(f"{path}?do=propose", {"username": username, "role": "member"})
        assert answer.status_code == 400
        assert said in answer.text
        assert "<script>alert" not in answer.text
    magda.send(f"{path}?do=propose", {"username": "carol", "role": "member"})
    (proposal,) = proposals.waiting(hub.site, skin)
    at = f"{path}?do=decline&proposal={proposal.id}"
    assert stella.send(at, {"why": ""}).status_code == 400
    assert "Declined." in stella.send(at, {"why": "elsewhere"}).text
    assert stella.send(at, {"why": "again"}).status_code == 400
    magda.send(f"{path}?do=propose", {"username": "carol", "role": "member"})
    (proposal,) = proposals.waiting(hub.site, skin)
    assert stella.send(f"{path}?do=withdraw&proposal={proposal.id}", {}).status_code == 400
    assert "Withdrawn." in magda.send(f"{path}?do=withdraw&proposal={proposal.id}", {}).text
    assert proposals.waiting(hub.site, skin) == ()


def test_who_may_only_read_and_who_sees_nothing(hub: RunningHub, skin: str) -> None:
    path = f"projects/{skin}"
    with hub.site.store.reading() as tx:
        place = memberships.listing(tx, project=skin)[0]
    sends = {
        "new/project": {**TITLES, "slug": "mine"},
        f"{path}/edit": {**TITLES, "state": "active", "version": "1"},
        f"{path}/end": {"why": "x"},
        f"{path}?do=approve": {**APPROVAL, "until": day(hub, 9)},
        f"{path}?do=propose": {"username": "carol", "role": "member"},
        f"memberships/{place.id}/end": {"why": "x"},
    }
    audra = enter(hub, "audra")
    page = audra.page(path)
    assert page.status_code == 200
    assert "do=" not in page.text
    assert "/end" not in page.text
    for name in ("audra", "ada", "cora", "otto"):
        other = enter(hub, name)
        if name != "audra":
            assert other.page(path).status_code == 403
            assert other.page("projects").status_code == (403 if name != "ada" else 200)
            assert skin not in other.page("projects").text
        for where, fields in sends.items():
            assert other.send(where, fields).status_code == 403, (name, where)
    magda = enter(hub, "magda")
    for where in ("new/project", f"{path}/edit", f"{path}/end", f"{path}?do=approve"):
        assert magda.send(where, sends[where]).status_code == 403, where


def test_the_same_through_the_api(hub: RunningHub, stella: ConsoleVisitor, skin: str) -> None:
    steward, auditor, lead = program(stella), program(enter(hub, "audra")), program(enter(hub, "magda"))
    path = f"projects/{skin}"
    answer = lead.call("GET", path)
    etag = answer.headers["ETag"]
    assert answer.json()["title"] == {"en": "Skin", "fr": "Peau"}
    body = {"ceilings": {"cpus": 2.0}, "valid_until": "2040-01-01T00:00:00+01:00"}
    assert lead.call("PATCH", path, body, headers={"If-Match": etag}).status_code == 403
    assert auditor.call("PATCH", path, body, headers={"If-Match": etag}).status_code == 403
    changed = steward.call("PATCH", path, body, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["ceilings"]["cpus"]) == (200, 2.0)
    assert changed.headers["ETag"] == auditor.call("GET", path).headers["ETag"]
    assert steward.call("PATCH", path, body, headers={"If-Match": etag}).status_code == 412
    assert skin in [one["slug"] for one in auditor.call("GET", "projects").json()["items"]]
    assert [one["slug"] for one in lead.call("GET", "projects").json()["items"]] == [skin]
    assert lead.call("GET", "projects/onco").status_code == 403
    made = lead.call("POST", f"{path}/proposals", {"username": "carol", "group": "derma"})
    assert made.status_code == 201
    proposal = made.json()["id"]
    assert auditor.call("POST", f"proposals/{proposal}/confirm").status_code == 403
    assert [one["id"] for one in auditor.call("GET", f"{path}/proposals").json()["items"]] == [proposal]
    place = steward.call("POST", f"proposals/{proposal}/confirm").json()
    assert (place["person_id"], place["group"]) == (hub.scenario.carol.id, "derma")
    assert steward.call("POST", f"proposals/{proposal}/decline", {"why": "late"}).status_code == 400
    assert len(lead.call("GET", f"{path}/members").json()["items"]) == 3
    assert lead.call("POST", f"memberships/{place['id']}/end", {"why": "x"}).status_code == 403
    assert steward.call("POST", f"memberships/{place['id']}/end", {"why": "x"}).json()["ended"]
    approval = {**APPROVAL, "valid_until": "2040-01-01T00:00:00Z"}
    assert lead.call("POST", f"{path}/approvals", approval).status_code == 403
    written = steward.call("POST", f"{path}/approvals", approval).json()
    assert steward.call("POST", f"approvals/{written['id']}/end", {"why": "x"}).json()["ended"]
    assert auditor.call("GET", f"{path}/approvals").json()["items"][0]["purpose"] == EVIL
    for bad in ({"slug": "a\0"}, {"slug": "ok"}, {"slug": "ok", "title": {"en": "x", "fr": "x"}, "gid": 0}):
        assert steward.call("POST", "projects", bad).status_code == 422
    assert steward.call("POST", f"{path}/end", {"why": "tested"}).json()["ended"]


@pytest.mark.parametrize(("width", "theme", "language"), [(1200, "light", "en"), (420, "dark", "fr")])
def test_pages_in_a_browser(
    hub: RunningHub, skin: str, page: Page, kept_state: Path, width: int, theme: str, language: str
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{hub.url}/hub/login")
    page.evaluate(f"localStorage.setItem('jupyterhub-bs-theme', '{theme}')")
    page.click(f"[data-language={language}]")
    page.fill("#username_input", "magda")
    page.fill("#password_input", PASSWORDS["magda"])
    page.click("#login_submit")
    page.wait_for_url("**/hub/**")
    root = f"{hub.url}/services/console/"
    page.goto(f"{root}projects/{skin}")
    page.locator("summary").last.click()
    page.fill("#username", "carol")
    page.locator("form[action*=propose] button").click()
    expect(page.locator("[role=status]")).to_be_visible()
    (proposal,) = proposals.waiting(hub.site, skin)
    assert proposal.person_id == hub.scenario.carol.id
    for path in ("projects", f"projects/{skin}"):
        page.goto(root + path)
        page.screenshot(
            path=kept_state / "artefacts" / f"project-{path.count('/')}-{language}.png", full_page=True
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
