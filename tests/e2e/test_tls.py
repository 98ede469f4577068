"""The whole way over TLS: sign-in, a server at a name of its own, cookies, a kernel in a browser."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, WebSocket, expect, sync_playwright

from hub_ext.cli.setup import front_certificate
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import silent
from hub_ext.config import load_settings
from tests.e2e.test_browser import LAB_MS, choose, run_cell, sign_in
from tests.e2e.test_culler import start
from tests.support import chromium as chromium_support
from tests.support.certificates import Authority
from tests.support.hub import RunningHub, wait_for
from tests.support.patience import patient

OPTIONS = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
HOSTS = ("localhost", "*.nb.localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def tls_hub(hub: RunningHub, authority: Authority) -> Iterator[RunningHub]:
    """The run's Hub, for these tests with the settings of an operator who has a certificate."""
    layout, port = hub.serving.ready.layout, urlsplit(hub.url).port
    certificate, key = authority.issue("server", hosts=HOSTS)
    hub.serving.stop()
    layout.local_settings_file.write_text(
        f"c.HubExt.ssl_cert = {str(certificate)!r}\nc.HubExt.ssl_key = {str(key)!r}\n"
        f"c.HubExt.subdomain_host = 'https://nb.localhost:{port}'\n"
    )
    settings = load_settings(str(layout.settings_file))
    serving = Serving(Prepared(layout, settings, hub.serving.ready.engine), silent, ready_seconds=patient(60))
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(front_certificate, "_LOOK_SECONDS", 0.0)
            serving.start()
        yield RunningHub(serving, hub.wire, hub.scenario)
    finally:
        serving.stop()
        layout.local_settings_file.unlink()
        hub.serving.start()


def test_from_the_sign_in_to_the_page_of_a_server(tls_hub: RunningHub, authority: Authority) -> None:
    assert tls_hub.url.startswith("https://localhost:")
    ada = tls_hub.visitor("ada", authority=authority.ca_file)
    start(tls_hub, ada, OPTIONS)
    try:
        address = urlsplit(ada.enter())
        assert address.scheme == "https"
        assert str(address.hostname).endswith(".nb.localhost")
        console = f"{tls_hub.url}/services/console/"
        wait_for(lambda: ada.session.get(console, timeout=patient(30)).status_code == 200, 30)
        cookies = list(ada.session.cookies)
        assert {cookie.domain for cookie in cookies} >= {"localhost.local", address.hostname}
        assert [(cookie.name, cookie.path) for cookie in cookies if not cookie.secure] == []
    finally:
        ada.forget()


def test_who_comes_without_tls_is_led_on(tls_hub: RunningHub, authority: Authority) -> None:
    plain = tls_hub.url.replace("https://", "http://")
    session = requests.Session()
    session.trust_env = False
    session.verify = str(authority.ca_file)
    page = session.get(f"{plain}/hub/login", timeout=patient(30))
    assert page.status_code == 200
    assert page.url == f"{tls_hub.url}/hub/login"
    assert [answer.status_code for answer in page.history] == [302]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's browser without HTTP/2, all of whose requests it ends when an address of its machine changes.

    Here that is the machine of the servers too, whose networks change whenever one of them starts.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_support.PROGRAM, args=[*chromium_support.FLAGS, "--disable-http2"]
        )
        yield browser
        browser.close()


@pytest.fixture
def trusting_page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh visitor, whose browser takes the test's certificate."""
    context = chromium.new_context(locale="en-GB", ignore_https_errors=True)
    made = context.new_page()
    made.set_default_timeout(LAB_MS)
    yield made
    context.close()


def test_a_kernel_in_a_browser_outlives_a_renewed_certificate(
    tls_hub: RunningHub, authority: Authority, built_images: dict[str, BuiltImage], trusting_page: Page
) -> None:
    page, opened, closed = trusting_page, [], []

    def keep(socket: WebSocket) -> None:
        opened.append(socket.url)
        socket.on("close", lambda gone: closed.append(gone.url))

    page.on("websocket", keep)
    tls_hub.publish("python", built_images["python"])
    sign_in(page, tls_hub, "carol")
    choose(page, "project", "neuro")
    choose(page, "environment", "python")
    choose(page, "size", "s")
    page.click("#start-server")
    try:
        page.wait_for_url("https://*.nb.localhost:*/user/carol/lab**")
        # Without what other tests left open in her JupyterLab.
        page.goto(f"{page.url.partition('?')[0]}?reset")
        page.locator('.jp-LauncherCard[data-category="Notebook"]').first.click()
        expect(page.locator(".jp-Notebook-ExecutionIndicator").first).to_have_attribute(
            "data-status", "idle", timeout=LAB_MS
        )
        run_cell(page, 0, "kept = 6 * 7; print('before', kept)")
        expect(page.locator(".jp-OutputArea-output").first).to_contain_text("before 42", timeout=LAB_MS)
        kernels = [url for url in opened if "/channels" in url]
        assert kernels
        assert all(url.startswith("wss://") for url in opened)
        closed.clear()
        renewed, _ = authority.issue("server", hosts=HOSTS)
        tls_hub.serving.renew_certificate()
        there = ("127.0.0.1", urlsplit(tls_hub.url).port or 0)
        wait_for(lambda: ssl.get_server_certificate(there).strip() == renewed.read_text().strip(), 10)
        run_cell(page, 1, "print('after', kept)")
        expect(page.locator(".jp-OutputArea-output").last).to_contain_text("after 42", timeout=LAB_MS)
        assert closed == []
        assert [url for url in opened if "/channels" in url] == kernels
    finally:
        tls_hub.visitor("carol", authority=authority.ca_file).forget()
