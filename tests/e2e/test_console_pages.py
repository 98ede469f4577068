"""Every page that a visitor's links lead to, in a real browser: usable by all, nothing blocked, no error."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from hub_ext.cli.setup.layout import Layout
from tests.support.axe import violations
from tests.support.console import PREFIX, enter
from tests.support.hub import PASSWORDS, RunningHub

# One page of a kind is looked at closely: /images/python stands for /images/r.
KINDS = re.compile(r"(?<=/)(?!images$|new$)[a-z]+-[a-z0-9]{20}(?=/|$)")
MOST_PAGES = 60


def sign_in(page: Page, hub: RunningHub, name: str) -> None:
    """To the console's first page, by the Hub's own sign-in."""
    enter(hub, name)  # returns once the console is there
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", name)
    page.fill("#password_input", PASSWORDS[name])
    page.click("#login_submit")
    page.wait_for_url("**/hub/**")
    page.goto(f"{hub.url}{PREFIX}")


def links(page: Page) -> list[str]:
    """Addresses of the console's own pages on this page, without their fragments."""
    found = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    paths = (urlsplit(one) for one in found)
    return [one.path for one in paths if one.path.startswith(PREFIX)]


@pytest.mark.parametrize("name", ["cora", "stella", "otto", "audra", "ada"])
def test_every_page_of_a_role_is_whole_and_open_to_all(
    page: Page, hub: RunningHub, layout: Layout, name: str
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.emulate_media(reduced_motion="reduce")  # colours that change slowly have no contrast yet
    sign_in(page, hub, name)
    waiting, seen, kinds, wrong = [PREFIX], {PREFIX}, set(), []
    while waiting and len(seen) <= MOST_PAGES:
        path = waiting.pop(0)
        kind = KINDS.sub("*", path)
        if kind in kinds:
            continue
        kinds.add(kind)
        answer = page.goto(f"{hub.url}{path}")
        assert answer
        if "html" not in answer.headers.get("content-type", ""):
            continue
        if answer.status != 200:
            wrong.append(f"{path}: {answer.status}")
            continue
        wrong += [f"{path}: {one}" for one in said]
        wrong += [f"{path}: {one}" for one in violations(page, layout.node)]
        page.evaluate("document.documentElement.setAttribute('data-bs-theme', 'dark')")
        wrong += [f"{path}, dark: {one}" for one in violations(page, layout.node)]
        said.clear()  # axe itself says something about its own styles
        for found in links(page):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    assert not wrong, "\n".join(wrong)


def test_the_frame_is_used_by_keyboard_and_remembers_theme_and_language(page: Page, hub: RunningHub) -> None:
    sign_in(page, hub, "cora")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "hx-skip"
    before = page.evaluate("document.documentElement.dataset.bsTheme")
    page.click("[data-theme-toggle]")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") != before
    page.click("text=Français")
    assert page.locator("h1").inner_text() == "Accueil"
    page.goto(f"{hub.url}/hub/home")
    assert "Mes serveurs" in page.locator("h1").inner_text()
