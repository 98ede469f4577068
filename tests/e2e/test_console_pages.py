"""Every page that a visitor's links lead to, in a real browser: usable by all, nothing blocked, no error."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from hub_ext.cli.setup.layout import Layout
from hub_ext.services.console.pages import ROUTES
from tests.support.axe import violations
from tests.support.console import PREFIX, ApiClient, enter
from tests.support.hub import PASSWORDS, RunningHub, wait_for

SEEN: set[str] = set()


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
    """Addresses of the console's own pages on this page; files to download are none."""
    found = page.eval_on_selector_all("a[href]:not([download])", "all => all.map(one => one.href)")
    paths = (urlsplit(one) for one in found)
    return [one.path for one in paths if one.path.startswith(PREFIX)]


def kind_of(path: str) -> str:
    """The route of a page: one image's page stands for all of them."""
    return next((route for route, _ in ROUTES if re.fullmatch(route, path.removeprefix(PREFIX))), path)


def too_wide(page: Page) -> list[str]:
    """What a phone would have to be moved sideways for; tables in a region that scrolls are not."""
    before = page.viewport_size
    assert before
    page.set_viewport_size({"width": 400, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(before)
    return [f"{width} px wide on a phone"] if width > 400 else []


@pytest.mark.parametrize("name", ["cora", "stella", "otto", "audra", "ada"])  # who changes things, first
def test_every_page_of_a_role_is_whole_and_open_to_all(
    page: Page, hub: RunningHub, layout: Layout, name: str
) -> None:
    wrong: list[str] = []
    page.on(
        "console", lambda told: wrong.append(f"{page.url}: {told.text}") if told.type == "error" else None
    )
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    sign_in(page, hub, name)
    # Axe styles its own things, which the console forbids and the browser then tells.
    looked_at = page.context.new_page()
    looked_at.emulate_media(reduced_motion="reduce")  # colours that change slowly have no contrast yet
    waiting, kinds = [PREFIX], set()
    while waiting:
        path = waiting.pop(0)
        if kind_of(path) in kinds:
            continue
        kinds.add(kind_of(path))
        answer = page.goto(f"{hub.url}{path}")
        assert answer
        if answer.status != 200:
            wrong.append(f"{path}: {answer.status}")
            continue
        waiting += links(page)
        if kind_of(path) in SEEN:  # by somebody who may do as much there
            continue
        SEEN.add(kind_of(path))
        looked_at.goto(f"{hub.url}{path}")
        wrong += [f"{path}: {one}" for one in violations(looked_at, layout.node)]
        looked_at.evaluate("document.documentElement.setAttribute('data-bs-theme', 'dark')")
        wrong += [f"{path}, dark: {one}" for one in violations(looked_at, layout.node)]
        wrong += [f"{path}: {one}" for one in too_wide(page)]
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


def test_tokens_are_made_and_revoked_in_french(page: Page, hub: RunningHub, layout: Layout) -> None:
    sign_in(page, hub, "bob")
    page.click("text=Français")
    page.goto(f"{hub.url}/hub/home")
    page.click("text=Jetons pour les programmes")
    page.fill("#token-note", "Export <b>")
    page.select_option("#token-expiration-seconds", label="une semaine")
    page.click("text=Créer un jeton")
    page.wait_for_selector("#token-area", state="visible")
    token = page.locator("#token-result").inner_text()
    assert ApiClient(hub.url, token).call("GET", "me").status_code == 200
    page.reload()
    assert violations(page, layout.node) == []
    assert too_wide(page) == []
    row = page.locator("tr", has_text="Export <b>")
    row.get_by_role("button").click()
    row.wait_for(state="detached")
    # The Hub's answer about a token is good for some seconds.
    wait_for(lambda: ApiClient(hub.url, token).call("GET", "me").status_code == 401, 20)


def test_the_hub_s_own_pages_are_whole_and_open_to_all(page: Page, hub: RunningHub, layout: Layout) -> None:
    page.emulate_media(reduced_motion="reduce")
    wrong: list[str] = []

    def look(path: str) -> None:
        page.goto(f"{hub.url}/hub/{path}")
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
            wrong.extend(f"{path}, {theme}: {one}" for one in violations(page, layout.node))
        wrong.extend(f"{path}: {one}" for one in too_wide(page))

    look("login")
    sign_in(page, hub, "bob")
    for path in ("home", "spawn", "token", "nothing", "user/bob/lab"):
        look(path)
    assert not wrong, "\n".join(wrong)
