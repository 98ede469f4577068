"""The main job in a real browser: sign in, choose, start, read the data, fail to write it, stop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from hub_ext.adapters.store import acceptances, audit, images, launches
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.flows import data, dataset_versions, grants, terms
from hub_ext.model import DatasetClass, Localised, Verb
from tests.support.hub import PASSWORDS, RunningHub
from tests.support.scenario import STEWARD

TRIES = 10
# JupyterLab's first page on two busy cores.
LAB_MS = 120_000


@pytest.fixture(scope="module")
def python_image(hub: RunningHub, built_images: dict[str, BuiltImage]) -> str:
    """The real Python image of this checkout in the catalogue, by its slug."""
    hub.publish("python", built_images["python"])
    return "python"


def sign_in(page: Page, hub: RunningHub, name: str) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", name)
    page.fill("#password_input", PASSWORDS[name])
    page.click("#login_submit")
    page.wait_for_url("**/hub/spawn*")


def choose(page: Page, field: str, value: str) -> None:
    page.check(f"input[name={field}][value={value}]:not(:disabled)")


def run_cell(page: Page, number: int, code: str) -> None:
    """Types the code into the cell of that number, from 0, and sees it run."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    ran = cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[(\*|\d+)\]"))
    for _ in range(TRIES):
        # While the kernel connects, JupyterLab draws cells anew, and what was typed is lost: look, and again.
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(code)
        page.keyboard.press("Shift+Enter")
        with suppress(PlaywrightTimeout):
            ran.wait_for(timeout=3_000)
            return
    raise AssertionError(f"cell {number} did not run")


@pytest.fixture
def carol(hub: RunningHub) -> Iterator[str]:
    """A person whose servers are stopped afterwards, also when the test fails."""
    yield "carol"
    hub.visitor("carol").forget()


def test_the_main_job(hub: RunningHub, python_image: str, page: Page, kept_state: Path, carol: str) -> None:
    sign_in(page, hub, carol)
    choose(page, "project", "neuro")
    choose(page, "environment", python_image)
    choose(page, "datasets", "mri")
    # What may not meet it cannot be ticked any more, and says why.
    codes = page.locator("#choose-datasets label:not([hidden]) input[value=codes]")
    expect(codes).to_be_disabled()
    expect(page.get_by_text("Cannot be together with mri in English.")).to_be_visible()
    choose(page, "size", "s")
    page.screenshot(path=kept_state / "artefacts" / "spawn-form.png", full_page=True)
    pages: list[tuple[str, int]] = []
    page.on(
        "response",
        lambda one: pages.append((one.url, one.status)) if one.request.is_navigation_request() else None,
    )
    page.click("#start-server")

    page.wait_for_url("**/user/carol/lab**", timeout=LAB_MS)
    # The page that waits is loaded once, and leads to the server's first page. Where the server was faster
    # than that page, the Hub itself leads on, to the server.
    (waits,) = [status for url, status in pages if "/hub/spawn-pending/" in url]
    assert waits in (200, 302)
    assert waits == 302 or not [url for url, _ in pages if url.endswith("/user/carol/")]
    page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click(timeout=LAB_MS)
    expect(page.locator(".jp-Notebook .cm-content").first).to_be_visible(timeout=LAB_MS)
    expect(page.locator(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator")).to_have_attribute(
        "data-status", "idle", timeout=LAB_MS
    )
    run_cell(page, 0, "print(open('/data/mri/values.csv').read())")
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("patient,value", timeout=60_000)
    run_cell(page, 1, "open('/data/mri/mine.csv', 'w')")
    expect(page.locator(".jp-OutputArea-output").last).to_contain_text(
        "Read-only file system", timeout=60_000
    )
    run_cell(
        page, 2, "import os; print(os.environ['HUB_EXT_PROJECT'], open('/run/hub-ext/session.json').read())"
    )
    expect(page.locator(".jp-OutputArea-output").last).to_contain_text('"slug": "mri"', timeout=60_000)
    run_cell(page, 3, "import os; open(os.environ['HUB_EXT_SESSION'], 'w')")
    expect(page.locator(".jp-OutputArea-output").last).to_contain_text(
        "Read-only file system", timeout=60_000
    )
    page.screenshot(path=kept_state / "artefacts" / "notebook.png")
    page.get_by_role("menuitem", name="File", exact=True).click()
    with page.context.expect_page() as opened:
        page.locator('.lm-Menu-item[data-command="hub-ext:session"]').click()
    session = opened.value
    expect(session.get_by_text("neuro study").first).to_be_visible()
    expect(session.get_by_text("/data/mri")).to_be_visible()
    session.screenshot(path=kept_state / "artefacts" / "session-of-notebook.png")
    session.close()

    page.goto(f"{hub.url}/hub/home")
    expect(page.get_by_text("neuro study")).to_be_visible()
    page.click("#stop")
    expect(page.locator("#start")).to_be_visible(timeout=60_000)
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, hub.scenario.carol.id, "")
        assert launch is not None
        verbs = [event.verb for event in audit.listing(tx, subject=launch.id)]
        assert audit.verify(tx).ok
    assert verbs == [
        Verb.LAUNCH_ADMITTED,
        Verb.LAUNCH_STARTED,
        Verb.LAUNCH_STOPPING,
        Verb.LAUNCH_STOPPED,
    ]


def test_the_form_narrows_with_the_project(hub: RunningHub, page: Page) -> None:
    sign_in(page, hub, "ada")
    offered = page.locator("#choose-datasets label:not([hidden]) input")
    choose(page, "project", "cardio")
    expect(offered).to_have_count(1)
    expect(offered).to_have_value("codes")
    choose(page, "project", "onco")
    expect(offered).to_have_count(3)


def test_datasets_that_may_not_meet_exclude_each_other(hub: RunningHub, page: Page) -> None:
    sign_in(page, hub, "carol")
    choose(page, "project", "derma")
    codes, mri = (
        page.locator(f"#choose-datasets label:not([hidden]) input[value={slug}]") for slug in ("codes", "mri")
    )
    codes.check()
    expect(mri).to_be_disabled()
    expect(page.get_by_text("Cannot be together with codes in English.")).to_be_visible()
    codes.uncheck()
    expect(mri).to_be_enabled()


@pytest.fixture
def atlas(hub: RunningHub, tmp_path: Path) -> Iterator[str]:
    """A dataset of derma with terms of use, ended afterwards."""
    site, title = hub.site, Localised("Atlas", "Atlas")
    folder = site.settings.dataset_roots[0] / "atlas"
    folder.mkdir()
    (folder / "a.csv").write_text("a\n")
    data.register_dataset(site, STEWARD, "atlas", title, title, DatasetClass.OPEN)
    reading = dataset_versions.register_version(site, STEWARD, "atlas", folder, probe=False)
    with ThreadPoolExecutor(1) as other:  # the browser's driver keeps this thread's loop
        other.submit(asyncio.run, reading).result()
    grants.add_grant(site, STEWARD, "atlas", "derma", valid_until=site.now() + timedelta(days=9))
    text = "Copy nothing.\n<script>alert(1)</script>"
    terms.add_terms(site, STEWARD, "atlas", Localised(text, "Ne rien copier."))
    yield "atlas"
    data.end_dataset(site, STEWARD, "atlas", "tested")


def test_terms_are_read_and_accepted_before_the_first_mount(
    hub: RunningHub, page: Page, atlas: str, carol: str, kept_state: Path
) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    sign_in(page, hub, carol)
    choose(page, "project", "derma")
    choose(page, "environment", "answer")
    accept = page.get_by_label("I have read these terms and accept them.")
    expect(accept).to_be_hidden()
    choose(page, "datasets", atlas)
    expect(page.get_by_text("Terms of use of Atlas, version 1")).to_be_visible()
    expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
    page.screenshot(path=kept_state / "artefacts" / "terms.png", full_page=True)
    page.click("#start-server")  # the browser itself asks for the tick
    assert page.url.endswith("/hub/spawn")
    accept.check()
    page.click("#start-server")
    page.wait_for_url("**/user/carol/**")
    assert dialogs == []
    with hub.site.store.reading() as tx:
        (kept,) = acceptances.listing(tx, dataset=atlas)
    assert (kept.person_id, kept.number) == (hub.scenario.carol.id, 1)
    page.goto(f"{hub.url}/hub/home")
    page.click("#stop")
    page.locator("#start").click()
    choose(page, "project", "derma")
    choose(page, "datasets", atlas)
    expect(accept).to_have_count(0)  # once is enough


def test_a_refusal_is_read_on_the_page_that_waits(hub: RunningHub, page: Page) -> None:
    """More than a second after the click, when the browser is on the pending page already."""
    sign_in(page, hub, "ada")
    choose(page, "project", "onco")
    choose(page, "environment", "hang")
    page.click("#start-server")
    page.wait_for_url("**/hub/spawn-pending/ada*")
    expect(page.locator("#progress-message")).to_contain_text("Waiting for the server to answer")
    expect(page.locator(".spawn-error-msg")).to_contain_text("did not answer in time", timeout=60_000)
    page.click("#back")
    expect(page.locator("#start-server")).to_be_enabled()


def test_a_reader_of_french_chooses_it_on_the_page(hub: RunningHub, page: Page) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.click("[data-language=fr]")
    expect(page.locator("#login_submit")).to_have_value("Se connecter")
    assert page.evaluate("document.documentElement.lang") == "fr"
    page.fill("#username_input", "ada")
    page.fill("#password_input", "wrong")
    page.click("#login_submit")
    expect(page.locator(".login_error")).to_have_text("Identifiant ou mot de passe incorrect")
    page.fill("#password_input", PASSWORDS["ada"])
    page.click("#login_submit")
    expect(page.locator("#start-server")).to_have_text("Démarrer")


def test_no_text_of_the_catalogue_becomes_markup(hub: RunningHub, page: Page) -> None:
    """A payload in a title is text; a dialog would fail the test."""
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    with hub.site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        evil = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script></textarea>{{7*7}}"
        images.replace(
            tx,
            replace(entry, title=Localised(evil, evil), description=Localised(evil, evil)),
            expected_version=entry.version,
        )
    try:
        sign_in(page, hub, "ada")
        expect(page.locator("#choose-environment")).to_contain_text("<img src=x onerror=alert(1)>")
        expect(page.locator("#choose-environment")).to_contain_text("{{7*7}}")
        assert dialogs == []
    finally:
        with hub.site.store.transaction() as tx:
            changed = images.get(tx, "answer")
            images.replace(
                tx,
                replace(changed, title=entry.title, description=entry.description),
                expected_version=changed.version,
            )
