"""Datasets and grants in the console: registered, described, versions, terms, access; each role."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import datasets, grants, versions
from hub_ext.flows import data, overview, projects, terms
from hub_ext.flows import grants as grant_flows
from hub_ext.model import DatasetClass, Grant, Localised, VersionState
from tests.e2e.test_console_requests import day
from tests.support.console import ConsoleVisitor, enter, hidden, program
from tests.support.hub import PASSWORDS, RunningHub, wait_for
from tests.support.scenario import STEWARD

EVIL = "<script>alert(1)</script>{{7*7}}"
RIGHT_TO_LEFT = "safe \u202egnp.exe"
ABOUT = {"title_en": "Lungs", "title_fr": "Poumons", "data_class": "coded"}


@pytest.fixture(scope="module")
def stella(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "stella")


@pytest.fixture
def lungs(hub: RunningHub) -> Iterator[str]:
    """A dataset with a folder of files, ended afterwards; slugs are never used twice."""
    site = hub.site
    with site.store.reading() as tx:
        slug = f"lungs-{len(datasets.listing(tx))}"
    folder = site.settings.dataset_roots[0] / slug
    folder.mkdir()
    (folder / "a.csv").write_text("a\n")
    title = Localised("Lungs", "Poumons")
    data.register_dataset(site, STEWARD, slug, title, title, DatasetClass.CODED)
    yield slug
    with site.store.reading() as tx:
        ended = datasets.get(tx, slug).ended
    if not ended:
        data.end_dataset(site, STEWARD, slug, "tested")


@pytest.fixture(scope="module")
def lab(hub: RunningHub) -> Iterator[str]:
    """An approved project without members."""
    site = hub.site
    projects.add_project(site, STEWARD, "lab", Localised("Lab", "Labo"))
    projects.add_approval(
        *(site, STEWARD, "lab"),
        reference="CPP-lab",
        controller="CHU",
        purpose="breathing",
        legal_basis="law",
        valid_until=site.now() + timedelta(days=100),
    )
    yield "lab"
    projects.end_project(site, STEWARD, "lab", "tested")


def given(hub: RunningHub, lungs: str, lab: str) -> Grant:
    until = hub.site.now() + timedelta(days=30)
    return grant_flows.add_grant(hub.site, STEWARD, lungs, lab, valid_until=until).grant


def test_a_dataset_is_registered_and_changed(hub: RunningHub, stella: ConsoleVisitor) -> None:
    with hub.site.store.reading() as tx:
        slug = f"chest-{len(datasets.listing(tx))}"
    more = {"stewards": "stella", "never_with": "key identifying", "read_gids": "5012", "contact": EVIL}
    answer = stella.send("new/dataset", {**ABOUT, "slug": slug, **more})
    assert "Registered. Next: its files." in answer.text
    assert answer.url == f"{stella.root}datasets/{slug}"
    assert "&lt;script&gt;alert(1)" in answer.text
    assert EVIL not in answer.text
    form = stella.page(f"datasets/{slug}/edit").text
    assert 'value="identifying key"' in form
    version = hidden(form, "version")
    changed = {**ABOUT, **more, "version": version, "title_fr": "Thorax", "contact": "a@b.example"}
    assert "Saved." in stella.send(f"datasets/{slug}/edit", changed).text
    late = stella.send(f"datasets/{slug}/edit", {**changed, "title_fr": "Côtes"})
    assert late.status_code == 409
    assert "Somebody else changed it" in late.text
    assert 'value="Côtes"' in late.text  # nothing is lost
    with hub.site.store.reading() as tx:
        kept = datasets.get(tx, slug)
    assert (kept.title.fr, kept.contact, kept.read_gids) == ("Thorax", "a@b.example", (5012,))
    ended = stella.send(f"datasets/{slug}/end", {"why": "tested"})
    assert "Ended on" in ended.text
    assert slug not in stella.page("datasets").text
    assert slug in stella.page("datasets?ended=1&q=thorax").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slug": "../x"}, "a-z, 0-9"),
        ({"slug": "mri"}, "already"),
        ({"slug": ""}, "a-z, 0-9"),
        ({"title_en": ""}, "Fill this in"),
        ({"title_fr": "x\0y"}, "cannot be seen"),
        ({"title_en": RIGHT_TO_LEFT}, "cannot be seen"),
        ({"title_en": "x" * 2**20}, "255 characters"),
        ({"description_en": "x" * 2**20}, "2000 characters"),
        ({"contact": RIGHT_TO_LEFT}, "cannot be seen"),
        ({"data_class": EVIL}, "Choose one of the list"),
        ({"stewards": EVIL}, "There is no person"),
        ({"never_with": "cats"}, "neither another dataset nor a class"),
        ({"decodes": "mri"}, "of class key, and no other"),
        ({"read_gids": "staff"}, "not the number of a group"),
        ({"read_gids": "0"}, "not a group that may read"),
        ({"folder": "/etc"}, "Not saved"),
    ],
)
def test_what_cannot_be_registered_is_said(
    hub: RunningHub, stella: ConsoleVisitor, fields: dict[str, str], said: str
) -> None:
    with hub.site.store.reading() as tx:
        before = len(datasets.listing(tx))
    answer = stella.send("new/dataset", {**ABOUT, "slug": "fresh", "read_gids": "77", **fields})
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>alert" not in answer.text
    assert len(answer.text) < 100_000
    if "title_fr" not in fields:
        assert 'value="Poumons"' in answer.text  # nothing is lost
    with hub.site.store.reading() as tx:
        assert len(datasets.listing(tx)) == before


def test_a_folder_becomes_the_current_version(hub: RunningHub, stella: ConsoleVisitor, lungs: str) -> None:
    path = f"datasets/{lungs}"
    assert stella.send(path, {"folder": "/etc"}).status_code == 200
    wait_for(lambda: "does not lie below" in stella.page(path).text, 30)
    folder = hub.site.settings.dataset_roots[0] / lungs
    stella.send(path, {"folder": str(folder)})

    def is_current() -> bool:
        with hub.site.store.reading() as tx:
            return versions.current(tx, lungs) is not None

    # Without `find` in the stub image nobody can look from inside: the reason is shown instead.
    wait_for(lambda: is_current() or 'role="alert"' in stella.page(path).text, 60)
    assert "Reading" not in stella.page(f"{path}/reading").text


def test_a_version_is_withdrawn_with_its_reason(hub: RunningHub, stella: ConsoleVisitor, lungs: str) -> None:
    from tests.flows.test_grants import add_version

    add_version(hub.site, lungs)
    path = f"datasets/{lungs}/versions/1/withdraw"
    assert "No session stops by it." in stella.page(path).text
    assert stella.send(path, {"why": ""}).status_code == 400
    assert stella.send(path, {"why": RIGHT_TO_LEFT}).status_code == 400
    assert "Withdrawn." in stella.send(path, {"why": "wrong files"}).text
    with hub.site.store.reading() as tx:
        (version,) = versions.listing(tx, dataset=lungs)
    assert version.state is VersionState.WITHDRAWN
    assert stella.send(path, {"why": "again"}).status_code == 400
    assert stella.page(f"datasets/{lungs}/versions/7/withdraw").status_code == 400
    assert stella.page("datasets/none").status_code == 404


def test_terms_and_exposures(hub: RunningHub, stella: ConsoleVisitor, lungs: str) -> None:
    path = f"datasets/{lungs}/terms"
    answer = stella.send(path, {"text_en": EVIL, "text_fr": "Ne rien\ncopier."})
    assert "at their next start" in answer.text
    assert "&lt;script&gt;" in answer.text
    assert EVIL not in answer.text
    again = stella.send(path, {"text_en": EVIL, "text_fr": "Ne rien\r\ncopier."})
    assert again.status_code == 400
    assert "already" in again.text
    terms.accept_terms(hub.site, hub.scenario.plan_actor, lungs, 1)
    assert "<bdi>ada</bdi>" in stella.page(path).text
    assert "nobody can mount it" in stella.page(f"datasets/{lungs}/exposures").text
    assert stella.send(path, {"text_en": "", "text_fr": "\0"}).status_code == 400


def test_a_grant_is_given_renewed_and_revoked(
    hub: RunningHub, stella: ConsoleVisitor, lungs: str, lab: str
) -> None:
    fields = {"dataset": lungs, "project": lab, "until": day(hub, 200)}
    beyond = stella.send("new/grant", fields)
    assert beyond.status_code == 400
    assert "No approval covers" in beyond.text
    answer = stella.send("new/grant", {**fields, "until": day(hub, 20)})
    assert "Granted." in answer.text
    assert "breathing" in answer.text  # the approval's purpose
    with hub.site.store.reading() as tx:
        (grant,) = grants.listing(tx, dataset=lungs)
    path = f"grants/{grant.id}"
    version = hidden(stella.page(path).text, "version")
    renewed = stella.send(path, {"until": day(hub, 50), "version": version})
    assert "Renewed." in renewed.text
    late = stella.send(path, {"until": day(hub, 60), "version": version})
    assert late.status_code == 409
    assert grant.id in stella.page("grants").text
    assert grant.id not in stella.page("grants?show=soon").text
    assert "No session stops by it." in stella.page(f"{path}/revoke").text
    assert "revoked" in stella.send(f"{path}/revoke", {"why": "asked to"}).text
    assert grant.id not in stella.page("grants").text
    assert grant.id in stella.page("grants?show=all").text
    assert stella.page("grants/gra-none").status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"until": "soon"},
        {"until": "9999-12-31"},
        {"until": "2020-01-01"},
        {"start": EVIL},
        {"number": "0x1"},
        {"number": "99"},
        {"members": "nobody"},
        {"approval": RIGHT_TO_LEFT},
        {"approval": "CPP-none"},
        {"project": "none"},
        {"project": "../x"},
    ],
)
def test_what_cannot_be_granted_is_said(
    hub: RunningHub, stella: ConsoleVisitor, lungs: str, lab: str, fields: dict[str, str]
) -> None:
    asked = {"dataset": lungs, "project": lab, "until": day(hub, 20), **fields}
    answer = stella.send("new/grant", asked)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    with hub.site.store.reading() as tx:
        assert grants.listing(tx, dataset=lungs) == ()


def test_who_may_only_read_and_who_sees_nothing(hub: RunningHub, lungs: str, lab: str) -> None:
    grant = given(hub, lungs, lab)
    audra = enter(hub, "audra")
    for path in ("datasets", f"datasets/{lungs}", f"datasets/{lungs}/terms", f"grants/{grant.id}", "grants"):
        page = audra.page(path)
        assert page.status_code == 200
        assert "btn-primary" not in page.text
        assert "btn-outline-danger" not in page.text
    sends = {
        "new/dataset": {**ABOUT, "slug": "mine"},
        f"datasets/{lungs}/edit": {**ABOUT, "version": "1"},
        f"datasets/{lungs}": {"folder": "/x"},
        f"datasets/{lungs}/terms": {"text_en": "x", "text_fr": "x"},
        f"datasets/{lungs}/end": {"why": "x"},
        f"grants/{grant.id}": {"until": day(hub, 40), "version": "1"},
        f"grants/{grant.id}/revoke": {"why": "x"},
        "new/grant": {"dataset": lungs, "project": lab, "until": day(hub, 9)},
    }
    for path, fields in sends.items():
        assert audra.send(path, fields).status_code == 403, path
    for name in ("ada", "cora", "otto"):
        other = enter(hub, name)
        assert f'{other.root.removeprefix(hub.url)}datasets"' not in other.page().text
        for path in ("datasets", f"datasets/{lungs}", f"grants/{grant.id}", "new/grant"):
            assert other.page(path).status_code == 403, (name, path)
        for path, fields in sends.items():
            assert other.send(path, fields).status_code == 403, (name, path)


def test_stewards_of_a_dataset_and_no_others_change_it(hub: RunningHub, lungs: str, lab: str) -> None:
    data.change_dataset(hub.site, STEWARD, lungs, stewards=(hub.scenario.bob.id,))
    bob, stella = enter(hub, "bob"), enter(hub, "stella")
    assert bob.page("datasets").text.count("datasets/lungs-") == 1
    assert bob.page("datasets/mri").status_code == 403
    fields = {"dataset": lungs, "project": lab, "until": day(hub, 9)}
    assert stella.send("new/grant", fields).status_code == 403
    assert stella.page(f"datasets/{lungs}/edit").status_code == 403
    assert "Granted." in bob.send("new/grant", fields).text
    assert bob.send("new/grant", {**fields, "dataset": "mri"}).status_code == 403
    assert program(bob).call("GET", "datasets/mri").status_code == 403


def test_the_same_through_the_api(hub: RunningHub, stella: ConsoleVisitor, lungs: str, lab: str) -> None:
    steward, auditor = program(stella), program(enter(hub, "audra"))
    path = f"datasets/{lungs}"
    answer = steward.call("GET", path)
    etag = answer.headers["ETag"]
    assert answer.json()["title"] == {"en": "Lungs", "fr": "Poumons"}
    assert steward.call("PATCH", path, {"contact": "x"}).status_code == 428
    assert auditor.call("PATCH", path, {"contact": "x"}, headers={"If-Match": etag}).status_code == 403
    changed = steward.call("PATCH", path, {"contact": "a@b.example"}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["contact"]) == (200, "a@b.example")
    assert steward.call("PATCH", path, {"contact": "x"}, headers={"If-Match": etag}).status_code == 412
    items = auditor.call("GET", "datasets?limit=2").json()
    assert len(items["items"]) == 2
    assert auditor.call("GET", f"datasets?after={items['next']}").json()["items"][0]["slug"] > items["next"]
    assert auditor.call("GET", f"{path}/versions").json()["items"] == []
    assert steward.call("POST", f"{path}/terms", {"en": "a", "fr": "b"}).json()["number"] == 1
    assert auditor.call("GET", f"{path}/terms").json()["versions"][0]["text"] == {"en": "a", "fr": "b"}
    assert auditor.call("GET", f"{path}/exposures").json()["items"] == []
    begun = steward.call("POST", f"{path}/versions", {"folder": "/etc"})
    assert begun.status_code == 202
    wait_for(lambda: steward.call("GET", f"{path}/reading").json()["over"], 30)
    assert "below" in steward.call("GET", f"{path}/reading").json()["error"]
    assert steward.call("POST", f"{path}/versions/x/withdraw", {"why": "x"}).status_code == 404
    assert steward.call("POST", f"{path}/versions/1/withdraw", {"why": "x"}).status_code == 400

    until = (hub.site.now() + timedelta(days=9)).isoformat()
    body = {"dataset": lungs, "project": lab, "valid_until": until}
    assert auditor.call("POST", "grants", body).status_code == 403
    made = steward.call("POST", "grants", body)
    assert made.status_code == 201
    assert "no current version" in made.json()["warnings"][0]
    grant, etag = made.json()["grant"], made.headers["ETag"]
    later = {"valid_until": (hub.site.now() + timedelta(days=19)).isoformat()}
    renewed = steward.call("PATCH", f"grants/{grant['id']}", later, headers={"If-Match": etag})
    assert renewed.status_code == 200
    again = steward.call("PATCH", f"grants/{grant['id']}", later, headers={"If-Match": etag})
    assert again.status_code == 412
    assert renewed.headers["ETag"] == auditor.call("GET", f"grants/{grant['id']}").headers["ETag"]
    assert auditor.call("GET", f"grants/{grant['id']}/ends").json()["items"] == []
    soon = auditor.call("GET", f"grants?dataset={lungs}&ending_days=30").json()["items"]
    assert [one["id"] for one in soon] == [grant["id"]]
    assert steward.call("POST", f"grants/{grant['id']}/revoke", {"why": "x"}).json()["state"] == "revoked"
    assert steward.call("POST", f"{path}/end", {"why": "tested"}).json()["ended"]
    assert steward.call("POST", "datasets", {"slug": "x" * 2**20}).status_code == 413
    for bad in ({"slug": "x" * 2**18}, {"slug": "a\0b"}, {}, {"slug": "ok", "title": {"en": "x"}}):
        assert steward.call("POST", "datasets", bad).status_code == 422
    hidden_text = {"en": RIGHT_TO_LEFT, "fr": "x"}
    body = {"slug": "hidden", "title": hidden_text, "data_class": "coded"}
    assert steward.call("POST", "datasets", body).status_code == 400
    assert overview.dataset_view(hub.site, lungs).dataset.contact == "a@b.example"


@pytest.mark.parametrize(("width", "theme", "language"), [(1200, "light", "en"), (420, "dark", "fr")])
def test_pages_in_a_browser(
    hub: RunningHub, lungs: str, lab: str, page: Page, kept_state: Path, width: int, theme: str, language: str
) -> None:
    grant = given(hub, lungs, lab)
    terms.add_terms(hub.site, STEWARD, lungs, Localised("Copy nothing.", "Ne rien copier."))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{hub.url}/hub/login")
    page.evaluate(f"localStorage.setItem('jupyterhub-bs-theme', '{theme}')")
    page.click(f"[data-language={language}]")
    page.fill("#username_input", "stella")
    page.fill("#password_input", PASSWORDS["stella"])
    page.click("#login_submit")
    page.wait_for_url("**/hub/**")
    root = f"{hub.url}/services/console/"
    for path in ("datasets", f"datasets/{lungs}", f"datasets/{lungs}/terms", "grants", f"grants/{grant.id}"):
        page.goto(root + path)
        expect(page.locator("h1")).to_be_visible()
        name = f"data-{path.replace('/', '-').replace(lungs, 'x').replace(grant.id, 'x')}-{language}.png"
        page.screenshot(path=kept_state / "artefacts" / name, full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.goto(f"{root}grants/{grant.id}/revoke")
    page.locator("#why").fill("asked to")
    page.locator("button.btn-danger").click()
    expect(page.locator("[role=status]").first).to_be_visible()
    with hub.site.store.reading() as tx:
        assert grants.get(tx, grant.id).revoked
