"""Stops, drains and quarantines from the console, and what the people concerned read on the Hub's pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import audit, launches, volumes
from hub_ext.flows import blocks
from hub_ext.flows import quarantine as flow
from hub_ext.model import BlockKind, BlockScope, Launch, StopReason, Verb, VolumeKind
from tests.e2e.test_console_pages import sign_in
from tests.support.console import ConsoleVisitor, enter, program
from tests.support.hub import PASSWORDS, RunningHub, Visitor, wait_for
from tests.support.scenario import STEWARD

OPTIONS = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    """Ada with a server that runs; nothing stays stopped or quarantined afterwards."""
    visitor = hub.visitor("ada")
    assert visitor.api("POST", "server", OPTIONS).status_code in (201, 202)
    visitor.wait_ready()
    yield visitor
    for block in blocks.standing(hub.site):
        blocks.lift(hub.site, STEWARD, block.id)
    with hub.site.store.reading() as tx:
        ids = [volume.id for volume in volumes.listing(tx)]
    for held in flow.standing(hub.site, ids).values():
        for one in held:
            flow.release(hub.site, STEWARD, one.dataset, one.volume_id, "the test is over")
    for name, server in visitor.servers().items():
        if server["ready"] or server["pending"]:
            visitor.stop(name)


@pytest.fixture(scope="module")
def otto(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "otto")


@pytest.fixture(scope="module")
def stella(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "stella")


def last(hub: RunningHub) -> Launch:
    with hub.site.store.reading() as tx:
        found = launches.last_of(tx, hub.scenario.ada.id, "")
    assert found is not None
    return found


def test_a_project_is_stopped_after_a_look_and_lifted(
    hub: RunningHub, ada: Visitor, otto: ConsoleVisitor
) -> None:
    asked = {"kind": "stop", "scope": "project", "subject": "onco", "why": "A <b>leak</b> is looked into."}
    before = last(hub)
    look = otto.send("blocks", asked, of="blocks")
    assert "Is this what you mean?" in look.text
    assert "<bdi>ada</bdi>, onco, answer" in look.text
    assert blocks.standing(hub.site) == ()
    assert last(hub) == before
    done = otto.send("blocks", {**asked, "sure": "true"}, of="blocks")
    assert "It stands." in done.text
    ada.wait_stopped(seconds=60)
    assert last(hub).stop_reason == StopReason.BLOCKED
    # Who is in the project reads it above every page, in their language; nobody else does.
    said = "The operators have stopped the project &#34;onco&#34; for now: “A &lt;b&gt;leak&lt;/b&gt; is"
    assert said in ada.page("home").text
    french = hub.visitor("ada", "fr").page("home").text
    assert "L’exploitation a mis à l’arrêt le projet « onco » pour l’instant" in french
    assert "leak" not in hub.visitor("carol").page("home").text
    assert "leak" in enter(hub, "ada").page().text
    assert "The operators stopped it, with others like it." in ada.page("home").text
    refused = ada.api("POST", "server", OPTIONS)
    assert refused.status_code == 409
    assert "leak" in refused.text
    assert "Choose another project" in refused.text
    (block,) = blocks.standing(hub.site)
    assert "Lifted." in otto.send(f"blocks/{block.id}/lift", {}, of="blocks").text
    assert "leak" not in ada.page("home").text
    assert ada.api("POST", "server", OPTIONS).status_code in (201, 202)
    ada.wait_ready()


def test_only_operators_stop_and_auditors_look(hub: RunningHub, ada: Visitor, otto: ConsoleVisitor) -> None:
    asked = {"kind": "stop", "scope": "everything", "subject": "", "why": "x", "sure": "true"}
    audra = enter(hub, "audra")
    page = audra.page("blocks")
    assert page.status_code == 200
    assert "See what it stops" not in page.text
    assert audra.send("blocks", asked).status_code == 403
    body = {"kind": "stop", "scope": "everything", "why": "x"}
    assert program(audra).call("POST", "blocks", body).status_code == 403
    for name in ("ada", "cora", "stella"):
        other = enter(hub, name)
        assert "console/blocks" not in other.page().text
        assert other.page("blocks").status_code == other.send("blocks", asked).status_code == 403
        assert program(other).call("POST", "blocks", body).status_code == 403
        assert program(other).call("GET", "blocks").status_code == 403
    for bad in (
        {**asked, "why": " "},
        {**asked, "scope": "project", "subject": "nowhere"},
        {**asked, "scope": "galaxy"},
        {**asked, "until": "yesterday"},
        {**asked, "until": "2020-01-01T10:00"},
        {**asked, "kind": "drain", "end_by": "2020-01-01T10:00"},
    ):
        assert otto.send("blocks", bad, of="blocks").status_code == 400, bad
    assert blocks.standing(hub.site) == ()


def test_a_drain_by_the_api_warns_and_ends_by_its_time(
    hub: RunningHub, ada: Visitor, otto: ConsoleVisitor
) -> None:
    api, launch = program(otto), last(hub)
    end_by = hub.site.now() + timedelta(minutes=12)
    body = {
        "kind": "drain",
        "scope": "everything",
        "why": "The disk is changed.",
        "end_by": end_by.isoformat(),
    }
    (looked,) = api.call("POST", "blocks/look", body).json()["items"]
    assert looked["id"] == launch.id
    made = api.call("POST", "blocks", body)
    assert made.status_code == 201, made.text
    wait_for(lambda: _events(hub, launch.id, Verb.LAUNCH_WARNED), 20)
    home = ada.page("home").text
    assert "It will be stopped on" in home
    assert "the operators say “The disk is changed.”" in home
    assert "Servers that it concerns are stopped by" in home
    (own,) = program(enter(hub, "ada")).call("GET", "me/sessions").json()["items"]
    assert own["ends"] is not None
    assert "The disk is changed." in own["warning"]
    shown = api.call("GET", f"sessions/{launch.id}").json()
    assert shown["ends_for"] == ["blocked"]
    assert "The disk is changed." in otto.page(f"sessions/{launch.id}").text
    # Who has not signed in reads it as well.
    stranger = requests.get(f"{hub.url}/hub/login", timeout=30, proxies={"http": ""})
    assert "The disk is changed." in stranger.content.decode()
    block = made.json()["id"]
    soon = {**body, "end_by": (hub.site.now() + timedelta(seconds=3)).isoformat()}
    assert api.call("POST", "blocks", soon).status_code == 201
    ada.wait_stopped(seconds=60)
    assert last(hub).stop_reason == StopReason.BLOCKED
    assert api.call("POST", f"blocks/{block}/lift").status_code == 200
    assert api.call("POST", f"blocks/{block}/lift").status_code == 400
    assert [one["scope"] for one in api.call("GET", "blocks").json()["items"]][:2] == ["everything"] * 2


def _events(hub: RunningHub, subject: str, verb: Verb) -> bool:
    with hub.site.store.reading() as tx:
        return bool(audit.listing(tx, subject=subject, verb=verb))


def test_a_home_is_quarantined_and_released(hub: RunningHub, ada: Visitor, stella: ConsoleVisitor) -> None:
    with hub.site.store.reading() as tx:
        mounted = volumes.listing(tx, ids=last(hub).volume_ids)
    (home,) = [volume.id for volume in mounted if volume.kind is VolumeKind.HOME]
    assert home in stella.page("datasets/mri/exposures").text
    assert "Choose homes or folders first" in stella.page("datasets/mri/quarantine").text
    question = stella.page(f"datasets/mri/quarantine?volume={home}").text
    assert "<bdi>ada</bdi>, onco, answer" in question
    path = "datasets/mri/quarantine"
    asked = {"volume": home, "why": "Ada copied it", "told": "Copies are looked for."}
    for name in ("ada", "otto", "audra"):
        assert enter(hub, name).send(path, asked).status_code == 403
    assert stella.send(path, {**asked, "told": " "}).status_code == 400
    done = stella.send(path, asked)
    assert "In quarantine now: 1." in done.text
    assert "Ada copied it" in done.text
    ada.wait_stopped(seconds=60)
    assert last(hub).stop_reason == StopReason.QUARANTINED
    refused = ada.api("POST", "server", OPTIONS).text
    assert "Copies are looked for." in refused
    assert "data@hospital.example" in refused
    assert "Ada copied it" not in refused + ada.page("spawn").text + ada.page("home").text
    api = program(stella)
    assert api.call("POST", "datasets/mri/quarantines", {"why": "x", "told": "x"}).status_code == 400
    look = api.call("POST", "datasets/mri/quarantines/look", {"all": True, "why": "x", "told": "x"})
    assert look.status_code == 200, look.text
    question = stella.page(f"datasets/mri/release/{home}").text
    assert "Release" in question
    released = api.call("POST", f"datasets/mri/quarantines/{home}/release", {"why": "none found"})
    assert released.status_code == 200, released.text
    assert ada.api("POST", "server", OPTIONS).status_code in (201, 202)
    ada.wait_ready()


@dataclass
class Pictures:
    """Of a page, in both themes, wide and narrow, for whoever wants to see them."""

    folder: Path
    language: str

    def take(self, page: Page, name: str) -> None:
        for theme in ("light", "dark"):
            page.evaluate(f"document.documentElement.setAttribute('data-bs-theme', '{theme}')")
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 860})
                path = self.folder / f"stops-{name}-{self.language}-{theme}-{width}.png"
                page.screenshot(path=path, full_page=True)
        page.set_viewport_size({"width": 1280, "height": 860})


@pytest.fixture(params=["en", "fr"])
def pictures(request: pytest.FixtureRequest, kept_state: Path, hub: RunningHub, page: Page) -> Pictures:
    """See Pictures; the browser's reader has chosen the language."""
    cookie = {"name": "hub-ext-language", "value": request.param, "url": hub.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    return Pictures(kept_state / "artefacts", request.param)


def test_an_operator_stops_in_a_browser(
    hub: RunningHub, ada: Visitor, page: Page, pictures: Pictures
) -> None:
    """The button, the look, the deed."""
    sign_in(page, hub, "otto")
    page.goto(f"{hub.url}/services/console/sessions")
    pictures.take(page, "sessions")
    page.locator("a[href*='kind=stop']").click()
    page.select_option("#scope", "project")
    page.fill("#subject", "onco")
    page.fill("#why", "Files were copied / Des fichiers ont été copiés")
    pictures.take(page, "form")
    page.locator("main form button.btn-outline-danger").click()
    expect(page.get_by_text("ada, onco, answer")).to_be_visible()
    pictures.take(page, "sure")
    page.locator("button.btn-danger").click()
    expect(page.get_by_role("status").first).to_be_visible()
    pictures.take(page, "list")
    ada.wait_stopped(seconds=60)


def test_a_researcher_is_told_in_a_browser(
    hub: RunningHub, ada: Visitor, page: Page, pictures: Pictures
) -> None:
    """The banner and the warning before, the reason after."""
    end_by = hub.site.now() + timedelta(minutes=12)
    drain = blocks.Wanted(BlockKind.DRAIN, BlockScope.PROJECT, "onco", "New disk / Nouveau disque", end_by)
    blocks.add(hub.site, STEWARD, drain)
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "ada")
    page.fill("#password_input", PASSWORDS["ada"])
    page.click("#login_submit")
    page.wait_for_url("**/user/**")  # to the server that runs
    page.goto(f"{hub.url}/hub/home")
    expect(page.locator(".hx-banner")).to_contain_text("New disk")
    expect(page.locator(".card .alert-warning")).to_contain_text("New disk")
    pictures.take(page, "home")
    ada.stop()
    page.goto(f"{hub.url}/hub/spawn")
    expect(page.locator("main, body").first).to_contain_text("New disk")
    pictures.take(page, "spawn")


def test_a_steward_quarantines_in_a_browser(
    hub: RunningHub, ada: Visitor, page: Page, pictures: Pictures
) -> None:
    sign_in(page, hub, "stella")
    page.goto(f"{hub.url}/services/console/datasets/mri/exposures")
    page.locator("input[name=volume]").first.check()
    pictures.take(page, "exposures")
    page.locator("main form button").first.click()
    page.fill("#why", "Ada copied it")
    page.fill("#told", "Copies are looked for / On cherche des copies")
    pictures.take(page, "quarantine")
    page.locator("button.btn-danger").click()
    expect(page.get_by_role("status").first).to_be_visible()
    pictures.take(page, "quarantined")
