"""The demo's own sign-in provider: chosen once, written down where only its owner reads it, ready to use."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.cli.setup import instance, oidc, settings_file
from hub_ext.cli.setup.choices import Choices
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.layout import Layout
from hub_ext.config import load, load_settings
from hub_ext.errors import SettingsError
from hub_ext.flows import demo
from tests.support.certificates import Authority

URL = "http://127.0.0.1:8000"
CHOSEN = Choices("hx", "10.212.0.0/22", 1, 2, 3)
ENGINE = EngineFacts("unix:///x.sock", "26", managed=False, cdi=False, rootless=False)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state")
    made.make()
    return made


def settings_of(layout: Layout) -> Path:
    traits = settings_file.values(layout, CHOSEN, engine_url="unix:///x", registries=[], bind_url=URL)
    return settings_file.write(layout, traits)


def test_what_was_chosen_stays(layout: Layout) -> None:
    assert oidc.issuer(layout) == ""
    oidc.choose(layout)
    first = layout.provider_file.read_text()
    oidc.choose(layout)
    assert layout.provider_file.read_text() == first
    assert oidc.issuer(layout).startswith("http://127.0.0.1:")


def test_an_instance_keeps_the_way_its_people_sign_in(layout: Layout) -> None:
    settings_of(layout)
    with pytest.raises(SettingsError) as told:
        oidc.choose(layout)
    assert "HUB_EXT_STATE" in told.value.advice
    assert not layout.provider_file.exists()


def test_the_hub_is_told_everything_but_the_secrets(layout: Layout) -> None:
    oidc.choose(layout)
    oidc.write_settings(layout, URL)
    path = settings_of(layout)
    assert load_settings(str(path)).sign_in == "oauth"
    told = load(str(path)).CuratedOAuthenticator
    issuer = oidc.issuer(layout)
    assert told.issuer == issuer
    assert told.jwks_url == f"{issuer}/jwks"
    assert told.oauth_callback_url == f"{URL}/hub/oauth_callback"
    secret = json.loads(layout.provider_file.read_text())["client"]["client_secret"]
    for file in (layout.provider_file, *layout.secrets.glob("oauth*"), *layout.secrets.glob("auth-state*")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for file in (path, layout.provider_settings_file):
        assert secret not in file.read_text()


def test_people_come_back_to_the_address_that_an_operator_gave_the_hub(
    layout: Layout, tmp_path: Path
) -> None:
    def way_back() -> str:
        settings = instance.write_settings(layout, CHOSEN, ENGINE, url=URL)
        callback = str(load(str(layout.settings_file)).CuratedOAuthenticator.oauth_callback_url)
        assert callback == f"{settings.browser_url}/hub/oauth_callback"
        return callback

    oidc.choose(layout)
    assert way_back() == "http://localhost:8000/hub/oauth_callback"
    certificate, key = Authority(tmp_path).issue("hub", hosts=("localhost",), lasts=timedelta(days=1))
    tls = f"c.HubExt.ssl_cert = {str(certificate)!r}\nc.HubExt.ssl_key = {str(key)!r}\n"
    layout.local_settings_file.write_text(tls)
    assert way_back() == "https://localhost:8000/hub/oauth_callback"
    layout.local_settings_file.write_text(f"{tls}c.HubExt.public_url = 'https://hub.example.org/'\n")
    assert way_back() == "https://hub.example.org/hub/oauth_callback"


def test_an_instance_without_one_is_told_nothing(layout: Layout) -> None:
    oidc.write_settings(layout, URL)
    assert load_settings(str(settings_of(layout))).sign_in == "demo"


def test_everybody_of_the_demo_has_an_account() -> None:
    accounts = oidc.demo_accounts(dict.fromkeys(demo.USERNAMES, "secret"))
    assert set(accounts) == set(demo.USERNAMES)
    assert all(account["sub"] == name for name, account in accounts.items())
