"""The page of a server that has ended, in a real browser: it is loaded again, and that is all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from hub_ext.settings import Settings
from tests.images.server import BASE_URL, SECRET, Server, docker, server

CHROMIUM = "/usr/bin/chromium"
LAB_MS = 60_000
# Twice what an untouched page waits between two questions.
POLLED_MS = 25_000
GATE_PAGE = "<!doctype html><title>Ended</title><h1>This server has ended.</h1>"
DIALOG = ".jp-Dialog"


@pytest.fixture(scope="module")
def reachable(names: Mapping[str, str], closed_network: Settings) -> Iterator[Server]:
    """A server that this machine's browser can reach."""
    with server(names["python"], network=closed_network.network_name) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Gate:
    """Between page and server: what it answers once the server has ended, and how often it was asked."""

    headers: Mapping[str, str]
    asked: list[str] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        """A page for whoever loads one; 503 with the headers for all that a page asks."""
        self.asked.append(route.request.url)
        if route.request.is_navigation_request():
            route.fulfill(status=503, content_type="text/html", body=GATE_PAGE)
        else:
            route.fulfill(status=503, content_type="application/json", headers=dict(self.headers), body="{}")


@pytest.fixture
def page(reachable: Server, browser: Browser) -> Iterator[Page]:
    """JupyterLab's page."""
    address = docker(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", reachable.container
    ).strip()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://{address}:8888{BASE_URL}lab?token={SECRET}")
    expect(page.locator(".jp-Launcher")).to_be_visible(timeout=LAB_MS)
    yield page
    context.close()


End = Callable[[Mapping[str, str]], Gate]


@pytest.fixture
def end(page: Page) -> End:
    """End the server: from now on the gate answers."""

    def ended(headers: Mapping[str, str]) -> Gate:
        gate = Gate(headers)
        page.context.route(f"**{BASE_URL}**", gate.answer)
        return gate

    return ended


def test_the_page_of_an_ended_server_is_loaded_again(page: Page, end: End) -> None:
    gate = end({"X-Hub-Ext-Reload": "ended"})
    expect(page.get_by_role("heading", name="This server has ended.")).to_be_visible(timeout=POLLED_MS)
    asked = len(gate.asked)
    page.wait_for_timeout(3000)
    assert len(gate.asked) == asked, "a page of the gate asks nothing"


def test_an_outage_is_no_end(page: Page, end: End) -> None:
    """Positive control: without the gate's header JupyterLab says that it tries again, and the page stays."""
    end({})
    expect(page.locator(DIALOG)).to_contain_text("Server Connection Error", timeout=POLLED_MS)
    expect(page.locator(".jp-Launcher")).to_be_visible()


def test_whoever_stays_for_what_was_not_saved_is_asked_once(page: Page, end: End) -> None:
    questions: list[str] = []
    page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.dismiss()))
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator('.lm-Menu-item[data-type="submenu"]', has_text="New").first.click()
    page.locator('.lm-Menu-item[data-command="fileeditor:create-new"]').first.click()
    page.locator(".jp-FileEditor .cm-content").click(timeout=LAB_MS)
    page.keyboard.type("not saved")
    gate = end({"X-Hub-Ext-Reload": "ended"})
    deadline = time.monotonic() + POLLED_MS / 1000
    while not questions and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert questions == ["beforeunload"]
    page.wait_for_timeout(2000)
    asked = len(gate.asked)
    page.wait_for_timeout(POLLED_MS)
    assert questions == ["beforeunload"]
    assert [url for url in gate.asked[asked:] if "/api/kernels" not in url] == []
    expect(page.locator(DIALOG)).to_have_count(0)
    expect(page.locator(".jp-FileEditor .cm-content")).to_contain_text("not saved")
