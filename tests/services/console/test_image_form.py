"""The form of an entry in a browser without script: only the fields of the chosen interface are seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.services.console.conftest import TOKEN, Running
from tests.support import chromium

OF_PROGRAM = ("#command", "#port", "#prefix", "#ready_path", "#polls", "#secret_variable", "#secret_scheme")
WIDTHS: dict[str, Any] = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 380, "height": 700}}


@pytest.fixture(params=WIDTHS)
def page(console: Running, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The form of a new image."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.PROGRAM, args=list(chromium.FLAGS), timeout=60_000
        )
        context = browser.new_context(
            viewport=WIDTHS[request.param],
            java_script_enabled=False,
            extra_http_headers={"Authorization": f"Bearer {TOKEN}"},
        )
        made = context.new_page()
        made.goto(f"{console.url}images/new")
        yield made
        browser.close()


def test_only_the_fields_of_the_chosen_interface_are_seen(page: Page) -> None:
    expect(page.get_by_role("radio", name="Jupyter")).to_be_checked()
    expect(page.locator("#jupyter_command")).to_be_visible()
    for field in OF_PROGRAM:
        expect(page.locator(field)).to_be_hidden()
    page.get_by_role("radio", name="Another program").check()
    expect(page.locator("#jupyter_command")).to_be_hidden()
    for field in OF_PROGRAM:
        expect(page.locator(field)).to_be_visible()
        box = page.locator(field).bounding_box()
        assert box
        viewport = page.viewport_size
        assert viewport
        assert box["x"] + box["width"] <= viewport["width"], field

    for name in ("slug", "path", "tag", "title_en", "title_fr"):
        page.fill(f"#{name}", "code")
    page.fill("#command", "server 'open")
    page.fill("#polls", "GET healthz")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#command-error")).to_contain_text("A quote of the command is not closed")
    expect(page.get_by_role("radio", name="Another program")).to_be_checked()
    expect(page.locator("#command")).to_have_value("server 'open")
    expect(page.locator("#polls")).to_have_value("GET healthz")
    expect(page.locator("#slug")).to_have_value("code")
