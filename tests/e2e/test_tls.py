"""The whole way over TLS: sign-in, the page of a server at a name of its own, and cookies for TLS alone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import silent
from hub_ext.config import load_settings
from tests.e2e.test_culler import start
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
