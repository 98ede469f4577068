"""The page of a session at its server's own address, the file in its container, and a restart."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from hub_ext.adapters.store import audit, launches, server_uses
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.flows import idle_warnings as idle_warnings_flow
from hub_ext.flows.launch.end import container_name
from hub_ext.model import Launch, LaunchState, StopReason, Verb
from hub_ext.policy.idle import Warn
from tests.e2e.test_browser import LAB_MS
from tests.e2e.test_culler import start
from tests.support.axe import violations
from tests.support.hub import PASSWORDS, RunningHub, Visitor, wait_for
from tests.support.patience import patient

OPTIONS = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}
SECONDS = 20
TRIES = 10


@dataclass
class Session:
    """Ada's server, which she has entered; `address` is that of its pages, with a slash at its end."""

    hub: RunningHub
    ada: Visitor
    launch: Launch
    address: str

    @property
    def origin(self) -> str:
        return self.address.partition("/user/")[0]

    def call(self, method: str, path: str, visitor: Visitor | None = None, **more: Any) -> requests.Response:
        session = (visitor or self.ada).session
        more = {"timeout": patient(SECONDS), "allow_redirects": False} | more
        return session.request(method, f"{self.address}_hub-ext/{path}", **more)

    def press(self, token: str, **headers: str) -> requests.Response:
        """The button *More time*, from a page of that origin."""
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
        return self.call("POST", "more-time", headers=own | headers, data={"token": token})

    def warn(self) -> None:
        """A warning stands. The culler takes it back at its next sweep, in two seconds at the earliest."""
        at = self.hub.site.now() + timedelta(minutes=20)
        idle_warnings_flow.write_down(self.hub.site, [(self.launch, Warn(StopReason.IDLE, at))])

    def warned_token(self) -> str:
        """Warns, until the page has the button."""
        for _ in range(TRIES):
            self.warn()
            found = re.search(r'name="token" value="([^"]+)"', self.call("GET", "").text)
            if found:
                return found[1]
        raise AssertionError("no warning was shown")


@pytest.fixture
def session(hub: RunningHub) -> Iterator[Session]:
    ada = hub.visitor("ada")
    launch_id = start(hub, ada, OPTIONS)
    with hub.site.store.reading() as tx:
        launch = launches.get(tx, launch_id)
    yield Session(hub, ada, launch, ada.enter())
    hub.visitor("ada").forget()


def newest(hub: RunningHub) -> Launch:
    with hub.site.store.reading() as tx:
        found = launches.last_of(tx, hub.scenario.ada.id, "")
    assert found is not None
    return found


def test_the_container_has_the_facts_in_a_file_that_it_cannot_write(session: Session) -> None:
    site = session.hub.site
    inspected = asyncio.run(site.engine.inspect(container_name(site, session.launch.id)))
    assert inspected is not None
    pid = inspected["State"]["Pid"]
    root = Path(f"/proc/{pid}/root")
    inside = json.loads((root / "run/hub-ext/session.json").read_text(encoding="utf-8"))
    shown = session.call("GET", "session").json()["session"]
    # The file is from before the start, and nothing was measured yet.
    assert inside | {"started": "", "kept": []} == shown | {"started": "", "kept": []}
    assert [folder["folder"] for folder in inside["kept"]] == ["/home/jovyan", "/project"]
    assert [dataset["folder"] for dataset in inside["datasets"]] == ["/data/mri"]
    (mount,) = [
        line.split()
        for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        if line.split()[4] == "/run/hub-ext"
    ]
    assert "ro" in mount[5].split(",")
    with pytest.raises(OSError, match="Read-only file system"):
        (root / "run/hub-ext/session.json").write_text("mine")
    (root / "run/control").write_text("the tmpfs around it is writable")
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    assert "HUB_EXT_SESSION=/run/hub-ext/session.json" in environment


def test_the_page_is_for_whoever_may_enter(session: Session) -> None:
    page = session.call("GET", "")
    assert page.status_code == 200
    assert "onco study" in page.text
    assert "mri in English" in page.text
    bob = session.hub.visitor("bob")
    for path in ("", "session"):
        answer = session.call("GET", path, bob)
        assert answer.status_code in (302, 403, 503)
        assert "onco" not in answer.text
    assert session.call("POST", "more-time", bob).status_code == 403


def test_another_site_presses_no_button(session: Session) -> None:
    token = session.warned_token()
    for site, origin in (("cross-site", "http://evil.example"), ("same-site", session.hub.url)):
        assert session.press(token, Origin=origin, **{"Sec-Fetch-Site": site}).status_code == 403
    # The control: the page itself. The culler may have taken the warning back meanwhile.
    wait_for(lambda: session.press(session.warned_token()).status_code == 303, SECONDS)


def test_looking_at_it_is_no_use(session: Session) -> None:
    def use() -> Any:
        with session.hub.site.store.reading() as tx:
            return server_uses.find(tx, session.launch.id)

    wait_for(lambda: use() is not None, SECONDS)  # Ada has entered
    before = use()
    for _ in range(4):
        session.call("GET", "session")
        session.call("GET", "")
    assert use() == before
    assert session.ada.session.post(f"{session.address}api/sessions", headers={"Origin": session.origin}).ok
    wait_for(lambda: use() != before, SECONDS)


def test_a_restart_is_a_new_start_of_the_same_choice(session: Session) -> None:
    address = session.call("GET", "session").json()["restart"]
    assert address.startswith(f"{session.hub.url}/hub/hub-ext/restart/ada/")
    page = session.ada.session.get(address, timeout=patient(SECONDS))
    assert "Restart or stop this server?" in page.text
    for visitor in (session.hub.visitor("bob"),):
        assert visitor.session.get(address).status_code == 404
        answer = visitor.session.post(address, data={"do": "stop", "_xsrf": visitor.xsrf})
        assert answer.status_code == 404
    assert session.ada.session.post(address, data={"do": "restart"}).status_code == 403
    assert newest(session.hub).id == session.launch.id

    form = {"do": "restart", "_xsrf": session.ada.xsrf}
    session.ada.session.post(address, data=form, timeout=patient(90))
    session.ada.wait_ready()
    again = newest(session.hub)
    assert again.id != session.launch.id
    assert again.state is LaunchState.RUNNING
    assert (again.project, again.image, again.version_ids) == (
        session.launch.project,
        session.launch.image,
        session.launch.version_ids,
    )
    with session.hub.site.store.reading() as tx:
        assert launches.get(tx, session.launch.id).stop_reason == StopReason.PERSON

    stopped = session.ada.session.post(
        address, data={"do": "stop", "_xsrf": session.ada.xsrf}, timeout=patient(90)
    )
    assert stopped.url.endswith("/hub/home")
    assert newest(session.hub).state is LaunchState.ENDED


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("locale", "title", "given"),
    [
        ("en-GB", "This session", "Not for idleness before"),
        ("fr-FR", "Cette session", "Pas pour inactivité avant"),
    ],
)
def test_the_page_in_a_browser(
    session: Session,
    chromium: Browser,
    kept_state: Path,
    locale: str,
    title: str,
    given: str,
    scheme: str,
) -> None:
    context = chromium.new_context(locale=locale, color_scheme=scheme)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        _sign_in(page, session.hub)
        _open_warned(session, page)
        expect(page.get_by_text(title, exact=True)).to_be_visible()
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(
                path=kept_state / "artefacts" / f"session-{locale[:2]}-{scheme}-{width}.png", full_page=True
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page, kept_state / "node") == []
        # The culler may take the warning back before the button is pressed.
        for _ in range(TRIES):
            _open_warned(session, page)
            page.get_by_role("button").click()
            if page.get_by_text(given).count():
                break
        expect(page.get_by_text(given)).to_be_visible()
        page.goto(session.call("GET", "session").json()["restart"])
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(
                path=kept_state / "artefacts" / f"restart-{locale[:2]}-{scheme}-{width}.png", full_page=True
            )
    finally:
        context.close()


def test_a_running_lab_warns_and_gives_more_time(
    hub: RunningHub, built_images: dict[str, BuiltImage], page: Page, session: Session
) -> None:
    hub.publish("python", built_images["python"])
    launch_id = start(hub, session.ada, OPTIONS | {"environment": "python"}, "work")
    with hub.site.store.reading() as tx:
        lab = Session(hub, session.ada, launches.get(tx, launch_id), session.ada.enter("work"))
    _sign_in(page, hub)
    page.goto(f"{lab.address}lab")
    expect(page.locator(".jp-Launcher")).to_be_visible(timeout=LAB_MS)
    more_time = page.locator(".Toastify__toast").get_by_role("button", name="More time (2 h)")

    def extended() -> bool:
        with hub.site.store.reading() as tx:
            return bool(audit.listing(tx, subject=launch_id, verb=Verb.LAUNCH_EXTENDED))

    for _ in range(TRIES):
        # The culler may take the warning back before the button is pressed.
        lab.warn()
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        with suppress(PlaywrightTimeout):
            more_time.click(timeout=1_500)
            page.wait_for_timeout(500)
        if extended():
            break
    assert extended()
    expect(page.locator(".Toastify__toast").filter(has_text="It is stopped at")).to_have_count(0)


def _sign_in(page: Page, hub: RunningHub) -> None:
    page.goto(f"{hub.url}/hub/login?next=%2Fhub%2Fhome")
    page.fill("#username_input", "ada")
    page.fill("#password_input", PASSWORDS["ada"])
    page.click("#login_submit")


def _open_warned(session: Session, page: Page) -> None:
    """The page, while a warning stands."""
    for _ in range(TRIES):
        session.warn()
        page.goto(f"{session.address}_hub-ext/")
        if page.locator("button").count():
            return
    raise AssertionError("no warning was shown")
