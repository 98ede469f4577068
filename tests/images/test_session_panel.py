"""What JupyterLab's page shows of its session: warnings as they stand, more time, and the way to the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from hub_ext.settings import Settings
from tests.images.server import BASE_URL, SECRET, Server, docker, server
from tests.images.test_ended import LAB_MS, browser

__all__ = ["browser"]  # a fixture

OWN = f"{BASE_URL}_hub-ext/"
WARNING = {"kind": "stop", "at": "2026-05-03T17:00:00Z", "text": "It is stopped at 19:00. <b>Use it.</b>"}
MORE_TIME = {"address": f"{OWN}more-time", "token": "sealed", "label": "More time (2 h)", "left": 3}
NOTIFICATION = ".Toastify__toast"


@pytest.fixture(scope="module")
def reachable(names: Mapping[str, str], closed_network: Settings) -> Iterator[Server]:
    """A server that this machine's browser can reach."""
    with server(names["python"], network=closed_network.network_name) as running:
        yield running


@dataclass
class Gate:
    """Answers the gate's paths; `warnings` stand, and `accepts` says whether more time is given."""

    warnings: list[dict[str, Any]] = field(default_factory=lambda: [WARNING])
    accepts: bool = True
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        request = route.request
        self.asked.append(request.url.partition(BASE_URL)[2])
        if request.method == "POST":
            self.sent.append(request.post_data or "")
            if not self.accepts:
                route.fulfill(status=409, body=json.dumps({"message": "No more.", "reason": "none-left"}))
                return
            self.warnings = []
        more_time = MORE_TIME if self.warnings else None
        route.fulfill(status=200, body=json.dumps({"warnings": self.warnings, "more_time": more_time}))


@dataclass
class Lab:
    """A page of JupyterLab, and the gate before it."""

    page: Page
    gate: Gate

    def look_again(self) -> None:
        """As if the person came back to the page."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.fixture
def lab(reachable: Server, browser: Browser) -> Iterator[Lab]:
    address = docker(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", reachable.container
    ).strip()
    context = browser.new_context()
    gate = Gate()
    context.route(f"**{OWN}**", gate.answer)
    page = context.new_page()
    page.goto(f"http://{address}:8888{BASE_URL}lab?token={SECRET}")
    expect(page.locator(".jp-Launcher")).to_be_visible(timeout=LAB_MS)
    yield Lab(page, gate)
    context.close()


def test_a_warning_is_shown_once_and_goes_when_it_does(lab: Lab) -> None:
    shown = lab.page.locator(NOTIFICATION)
    expect(shown).to_have_count(1, timeout=LAB_MS)
    expect(shown).to_contain_text("About this server: It is stopped at 19:00. <b>Use it.</b>")
    assert lab.gate.asked == ["_hub-ext/session?language=en"]
    lab.look_again()
    lab.page.wait_for_timeout(500)
    assert len(lab.gate.asked) == 2
    expect(shown).to_have_count(1)
    lab.gate.warnings = []
    lab.look_again()
    expect(shown).to_have_count(0)


def test_who_dismisses_it_is_not_told_again_of_the_same(lab: Lab) -> None:
    shown = lab.page.locator(NOTIFICATION)
    expect(shown).to_have_count(1, timeout=LAB_MS)
    shown.get_by_role("button", name="Hide notification").or_(shown.locator(".Toastify__close-button")).or_(
        shown.locator(".jp-Notification-Toast-Close")
    ).first.click()
    expect(shown).to_have_count(0)
    lab.look_again()
    lab.page.wait_for_timeout(500)
    expect(shown).to_have_count(0)
    lab.gate.warnings = [WARNING | {"at": "2026-05-03T18:00:00Z"}]
    lab.look_again()
    expect(shown).to_have_count(1)


def test_more_time_is_asked_for_with_the_token_of_the_page(lab: Lab) -> None:
    shown = lab.page.locator(NOTIFICATION)
    expect(shown).to_have_count(1, timeout=LAB_MS)
    shown.get_by_role("button", name="More time (2 h)").click()
    expect(shown).to_have_count(0)
    assert lab.gate.sent == ["token=sealed"]


def test_a_no_is_said(lab: Lab) -> None:
    lab.gate.accepts = False
    shown = lab.page.locator(NOTIFICATION)
    expect(shown).to_have_count(1, timeout=LAB_MS)
    shown.get_by_role("button", name="More time (2 h)").click()
    expect(shown.filter(has_text="No more.")).to_have_count(1)


def test_the_file_menu_leads_to_the_page(lab: Lab) -> None:
    lab.page.get_by_role("menuitem", name="File", exact=True).click()
    with lab.page.context.expect_page() as opened:
        lab.page.locator('.lm-Menu-item[data-command="hub-ext:session"]').click()
    assert opened.value.url.endswith(f"{OWN}?language=en")


def test_a_hidden_page_asks_nothing(lab: Lab) -> None:
    expect(lab.page.locator(NOTIFICATION)).to_have_count(1, timeout=LAB_MS)
    asked = len(lab.gate.asked)
    lab.page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    lab.look_again()
    lab.page.wait_for_timeout(500)
    assert len(lab.gate.asked) == asked
