"""Sessions in the console: seen live by operators and auditors, stopped with a reason for the owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import audit, gpus, launches, leases
from hub_ext.model import Gpu, GpuHealth, Launch, Lease, StopReason, Verb
from tests.support.console import ConsoleVisitor, enter, program
from tests.support.hub import PASSWORDS, RunningHub, Visitor, wait_for

OPTIONS = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    """Ada with a server that runs."""
    visitor = hub.visitor("ada")
    assert visitor.api("POST", "server", OPTIONS).status_code in (201, 202)
    visitor.wait_ready()
    yield visitor
    for name, server in visitor.servers().items():
        if server["ready"] or server["pending"]:
            visitor.stop(name)


@pytest.fixture(scope="module")
def otto(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "otto")


def running(hub: RunningHub) -> Launch:
    with hub.site.store.reading() as tx:
        found = launches.listing(tx, person_id=hub.scenario.ada.id, active=True)
    assert len(found) == 1
    return found[0]


def test_seen_and_stopped_with_a_reason(hub: RunningHub, ada: Visitor, otto: ConsoleVisitor) -> None:
    launch = running(hub)
    path = f"sessions/{launch.id}"
    api = program(otto)
    shown = api.call("GET", path).json()
    assert (shown["username"], shown["datasets"], shown["state"]) == ("ada", ["mri"], "running")
    assert shown["idle_seconds"] is not None  # the Hub's; the stub tells nothing of kernels
    assert shown["mem_bytes"] > 0
    assert path in otto.page("sessions").text
    assert shown["digest"] in otto.page(path).text
    fragment = otto.page("sessions", headers={"HX-Request": "true"}).text
    assert path in fragment
    assert "<html" not in fragment
    # An auditor sees and does not stop; a researcher sees nothing.
    audra = enter(hub, "audra")
    assert "Stop this session" not in audra.page(path).text
    assert audra.send(path, {"why": "x"}).status_code == 403
    for name in ("ada", "cora", "stella"):
        other = enter(hub, name)
        assert "console/sessions" not in other.page().text
        assert other.page("sessions").status_code == other.page(path).status_code == 403
        assert other.send(path, {"why": "x"}).status_code == 403
        assert program(other).call("POST", f"{path}/stop", {"why": "x"}).status_code == 403
    assert "The reason is empty" in otto.send(path, {"why": " "}).text
    assert running(hub) == launch
    assert "It is being stopped" in otto.send(path, {"why": "The <b>disk</b> is changed."}).text
    ada.wait_stopped()
    with hub.site.store.reading() as tx:
        ended = launches.get(tx, launch.id)
        order = audit.listing(tx, subject=launch.id, verb=Verb.LAUNCH_STOPPING)[-1]
    assert ended.stop_reason == StopReason.OPERATOR
    assert order.facts["why"] == "The <b>disk</b> is changed."
    home = ada.page("home").text
    assert "The operators stopped it." in home
    assert "The &lt;b&gt;disk&lt;/b&gt; is changed." in home
    assert api.call("POST", f"{path}/stop", {"why": "again"}).status_code == 400
    assert api.call("GET", path).status_code == 404
    assert "That session has ended" in otto.page(path).text


def test_gpus_and_who_holds_them(hub: RunningHub, ada: Visitor, otto: ConsoleVisitor) -> None:
    launch, node, now = running(hub), hub.site.settings.node, hub.site.now()
    held = Gpu("gpu-console", node, "nvidia.com/gpu=console", "H100 <b>", 2**36, now, 2, GpuHealth.OK)
    with hub.site.store.transaction() as tx:
        gpus.add(tx, held)
        leases.add(tx, Lease("lea-console", held.id, 1, launch.id, now, now + timedelta(days=1)))
    try:
        found = [one for one in program(otto).call("GET", "gpus").json()["items"] if one["gpu"] == held.id]
        assert [(one["share"], one["person_id"]) for one in found] == [
            (1, None),
            (2, hub.scenario.ada.id),
        ]
        api = program(otto)
        # The console's last look may be two seconds old.
        wait_for(lambda: api.call("GET", f"sessions/{launch.id}").status_code == 200, 10)
        (shown,) = api.call("GET", f"sessions/{launch.id}").json()["gpus"]
        assert (shown["gpu"], shown["percent"]) == (held.id, None)  # there is no driver here
        page = otto.page("gpus").text
        assert "H100 &lt;b&gt;" in page
        assert launch.id in page
        assert enter(hub, "ada").page("gpus").status_code == 403
        lose_and_tell(hub, ada, otto)
    finally:
        with hub.site.store.transaction() as tx:
            leases.end(tx, launch.id, now)
            gpus.replace(tx, replace(held, ended=now, health=GpuHealth.LOST))


def lose_and_tell(hub: RunningHub, ada: Visitor, otto: ConsoleVisitor) -> None:
    """The card is gone, as the culler may see itself: its holder and the operators read it at home."""
    with hub.site.store.transaction() as tx:
        lease = leases.get(tx, "lea-console")
        leases.replace(tx, replace(lease, lost=lease.lost or hub.site.now()))
    for language, words in (("en", "This server lost its GPU"), ("fr", "Ce serveur a perdu son GPU")):
        assert words in ada.page("home", headers={"Accept-Language": language}).text
    for visitor in (otto, enter(hub, "ada")):
        assert "Sessions that lost their GPU" in visitor.page().text
    assert "lost while held" in otto.page("gpus").text
    assert "Sessions that lost" not in enter(hub, "bob").page().text


def test_in_a_browser(hub: RunningHub, ada: Visitor, page: Page, kept_state: Path) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "otto")
    page.fill("#password_input", PASSWORDS["otto"])
    page.click("#login_submit")
    page.goto(f"{hub.url}/services/console/sessions")
    page.screenshot(path=kept_state / "artefacts" / "sessions.png", full_page=True)
    page.get_by_role("link", name="ada", exact=True).click()
    page.get_by_label("Reason").fill("Maintenance.")
    page.screenshot(path=kept_state / "artefacts" / "session.png", full_page=True)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_text("It is being stopped.")).to_be_visible()
    ada.wait_stopped()
    # The page follows without being loaded again.
    expect(page.get_by_role("link", name="ada", exact=True)).to_have_count(0, timeout=20_000)
