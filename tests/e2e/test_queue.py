"""The line for GPUs on the real Hub and engine: joined by form and API, started by itself, cancelled."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import audit, launches, leases
from hub_ext.adapters.store import queue as rows
from hub_ext.flows import gpu, queue, reconcile
from hub_ext.flows.launch.end import container_name
from hub_ext.model import Launch, LaunchState, Verb
from hub_ext.model.queue import Waiting, WaitingState
from tests.support.console import enter, program
from tests.support.hub import PASSWORDS, RunningHub, Visitor, wait_for

WITH_GPU = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 1}
ZERO = os.makedev(1, 5)


@pytest.fixture(scope="module")
def card(hub: RunningHub) -> Iterator[str]:
    """One GPU on this node: a plain device node, which the engine attaches by CDI; its name in containers."""
    instance = hub.site.settings.instance
    nodes, engine_s = Path(f"/dev/{instance}-linegpu"), Path(f"/etc/cdi/{instance}-line.json")
    (ours,) = hub.site.settings.cdi_dirs
    for folder in (nodes, engine_s.parent, ours):
        folder.mkdir(parents=True, exist_ok=True)
    os.mknod(nodes / "0", stat.S_IFCHR | 0o666, ZERO)
    edits = {"deviceNodes": [{"path": "/dev/linegpu0", "hostPath": str(nodes / "0")}]}
    spec = {
        "cdiVersion": "0.6.0",
        "kind": f"{instance}-line.hub-ext.test/gpu",
        "devices": [{"name": "0", "containerEdits": edits}],
    }
    for path in (engine_s, ours / "line.json"):
        path.write_text(json.dumps(spec))
    asyncio.run(gpu.refresh(hub.site, reconcile.RECONCILER))
    try:
        yield "linegpu0"
    finally:
        engine_s.unlink()
        (ours / "line.json").unlink()
        asyncio.run(gpu.refresh(hub.site, reconcile.RECONCILER))
        shutil.rmtree(nodes)


@pytest.fixture
def ada(hub: RunningHub, card: str) -> Iterator[Visitor]:
    """Ada with a server that holds the one GPU."""
    visitor = hub.visitor("ada")
    assert visitor.api("POST", "server", WITH_GPU).status_code in (201, 202)
    visitor.wait_ready()
    yield visitor
    visitor.forget()


@pytest.fixture
def bob(hub: RunningHub) -> Iterator[Visitor]:
    """Bob, whose servers are stopped at the end, and whose places in line are given up."""
    visitor = hub.visitor("bob")
    yield visitor
    for row in standing(hub):
        queue.cancel(hub.site, reconcile.RECONCILER, row.id, "the test is over")
    visitor.forget()


def standing(hub: RunningHub) -> tuple[Waiting, ...]:
    with hub.site.store.reading() as tx:
        return rows.living(tx)


def newest(hub: RunningHub, person_id: str) -> Launch:
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, person_id, "")
    assert launch is not None
    return launch


def verbs(hub: RunningHub, subject: str) -> list[str]:
    with hub.site.store.reading() as tx:
        return [event.verb.value for event in audit.listing(tx, subject=subject)]


def holders(hub: RunningHub) -> list[str]:
    with hub.site.store.reading() as tx:
        return [lease.launch_id for lease in leases.active(tx)]


def test_the_second_waits_and_starts_by_itself(
    hub: RunningHub, ada: Visitor, bob: Visitor, card: str
) -> None:
    refused = bob.api("POST", "server", WITH_GPU)
    assert refused.status_code == 409
    assert "free now: 0" in refused.text
    page = bob.submit({**WITH_GPU, "wait": "yes"})
    assert "place 1 of 1" in page.text
    assert "alert-success" in page.text
    assert bob.pending() is None  # no spinner is left behind
    (row,) = standing(hub)
    assert (row.person_id, row.state) == (hub.scenario.bob.id, WaitingState.WAITING)
    home = bob.page("home").text
    assert "Place 1 of 1." in home
    assert "/services/console/queue" in home
    assert "Place 1 sur 1." in bob.page("home", headers={"Accept-Language": "fr"}).text
    assert "Place 1 of 1." not in ada.page("home").text

    ada.stop()
    bob.wait_ready()
    launch = newest(hub, hub.scenario.bob.id)
    assert (launch.gpus, launch.state) == (1, LaunchState.RUNNING)
    assert holders(hub) == [launch.id]
    inspected = asyncio.run(hub.site.engine.inspect(container_name(hub.site, launch.id)))
    assert inspected is not None
    assert card in os.listdir(f"/proc/{inspected['State']['Pid']}/root/dev")
    assert verbs(hub, row.id) == ["queue.joined", "queue.called", "queue.started"]
    with hub.site.store.reading() as tx:
        (admitted,) = audit.listing(tx, subject=launch.id, verb=Verb.LAUNCH_ADMITTED)
    assert (admitted.actor.id, admitted.actor.on_behalf) == ("queue", hub.scenario.bob.id)
    assert "Place 1 of 1." not in bob.page("home").text


def test_the_line_outlives_a_hub(hub: RunningHub, ada: Visitor, bob: Visitor) -> None:
    assert "in line" in bob.api("POST", "server", {**WITH_GPU, "wait": True}).text
    hub.kill()
    hub.start_again()
    ada.wait_ready()
    (row,) = standing(hub)
    # Killed between the call and the start, too.
    hub.kill()
    container = container_name(hub.site, newest(hub, hub.scenario.ada.id).id)
    asyncio.run(hub.site.engine.stop(container, 1))
    wait_for(lambda: not holders(hub) or _mended(hub), 30)
    queue.call(hub.site)
    hub.start_again()
    bob.wait_ready()
    with hub.site.store.reading() as tx:
        after = rows.get(tx, row.id)
    assert after.state is WaitingState.STARTED
    assert holders(hub) == [after.launch_id]
    # Whoever cared for the line before may have called it already; nobody started it twice.
    assert verbs(hub, row.id).count("queue.started") == 1


def _mended(hub: RunningHub) -> bool:
    """What the reconciler does; it ended with its Hub."""
    asyncio.run(reconcile.sweep(hub.site))
    return not holders(hub)


def test_cancelled_by_page_and_program_and_seen_by_whom_it_concerns(
    hub: RunningHub, ada: Visitor, bob: Visitor
) -> None:
    bob.submit({**WITH_GPU, "wait": "yes"})
    (row,) = standing(hub)
    console = enter(hub, "bob")
    page = console.page("queue").text
    assert f"queue/{row.id}/cancel" in page
    other = enter(hub, "ada")
    assert row.id not in other.page("queue").text
    assert "everybody&#39;s: 1" in other.page("queue").text
    assert program(other).call("GET", "queue").json()["items"] == []
    assert program(other).call("POST", f"queue/{row.id}/cancel", {}).status_code == 404
    assert other.send(f"queue/{row.id}/cancel", {}).status_code == 404
    otto, audra = enter(hub, "otto"), enter(hub, "audra")
    (told,) = program(otto).call("GET", "queue").json()["items"]
    assert (told["id"], told["place"], told["of"], told["by"]) == (row.id, 1, 1, None)
    assert row.id in otto.page("queue").text
    assert program(audra).call("POST", f"queue/{row.id}/cancel", {"why": "x"}).status_code == 404
    assert "The reason is empty" in otto.send(f"queue/{row.id}/cancel", {"why": " "}).text
    assert standing(hub) == (row,)

    assert "It waits no more." in console.send(f"queue/{row.id}/cancel", {}).text
    assert standing(hub) == ()
    bob.api("POST", "server", {**WITH_GPU, "wait": True})
    (again,) = standing(hub)
    answer = program(otto).call("POST", f"queue/{again.id}/cancel", {"why": "The cards are moved."})
    assert answer.status_code == 204
    assert verbs(hub, again.id) == ["queue.joined", "queue.cancelled"]
    assert program(otto).call("POST", f"queue/{again.id}/cancel", {"why": "x"}).status_code == 400
    ada.stop()
    assert bob.servers() == {} or not bob.servers()[""]["ready"]


def test_a_right_that_ended_meanwhile_is_told_at_home(hub: RunningHub, ada: Visitor, bob: Visitor) -> None:
    bob.submit({**WITH_GPU, "wait": "yes"})
    (row,) = standing(hub)
    # As if it had been asked for what is there no more.
    with hub.site.store.transaction() as tx:
        rows.replace(tx, replace(row, environment="draft"))
    ada.stop()
    wait_for(lambda: not standing(hub), 30)
    assert verbs(hub, row.id) == ["queue.joined", "queue.called", "queue.failed"]
    for language, words in (("en", "Your turn for a GPU came"), ("fr", "Votre tour d’avoir un GPU")):
        assert words in bob.page("home", headers={"Accept-Language": language}).text
        console = enter(hub, "bob", language)
        assert words in console.page("queue").text


def test_in_a_browser(hub: RunningHub, ada: Visitor, bob: Visitor, page: Page, kept_state: Path) -> None:
    artefacts = kept_state / "artefacts"
    artefacts.mkdir(exist_ok=True)
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "bob")
    page.fill("#password_input", PASSWORDS["bob"])
    page.click("#login_submit")
    page.goto(f"{hub.url}/hub/spawn/bob")
    page.check("input[name=environment][value=answer]")
    page.select_option("#gpus", "0")
    expect(page.locator("#choose-wait")).to_be_hidden()
    page.select_option("#gpus", "1")
    expect(page.locator("#gpus option:checked")).to_have_text("1: by waiting in line")
    expect(page.locator("#choose-wait")).to_be_visible()
    page.click("#start-server")  # the tick box is required now
    expect(page.locator("#start-server")).to_be_enabled()
    page.check("#choose-wait input")
    page.screenshot(path=artefacts / "queue-form.png", full_page=True)
    page.click("#start-server")
    expect(page.locator(".spawn-error-msg")).to_contain_text("place 1 of 1")
    page.screenshot(path=artefacts / "queue-joined.png", full_page=True)
    page.goto(f"{hub.url}/hub/home")
    expect(page.locator("[data-in-line]")).to_contain_text("Place 1 of 1.")
    page.screenshot(path=artefacts / "queue-home.png", full_page=True)
    page.get_by_role("link", name="See the line, or cancel").click()
    page.screenshot(path=artefacts / "queue-page.png", full_page=True)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_text("It waits no more.")).to_be_visible()
    assert standing(hub) == ()
