"""Settings that hang on each other, as an operator's file gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from hub_ext.config import HubExt
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings, address_and_port

TLS = {"ssl_cert": "/etc/ssl/hub.crt", "ssl_key": "/etc/ssl/hub.key"}
URLS = {"public_url": "http://localhost:8000", "subdomain_host": "http://nb.localhost:8000"}


def settings(**traits: Any) -> Settings:
    return HubExt(config=Config({"HubExt": {"state_dir": "/none", **traits}})).settings()


def test_with_a_certificate_all_addresses_are_https() -> None:
    given = settings(**TLS, **URLS, servers_url="http://nb.example", bind_url="http://127.0.0.1:8000")
    assert (given.ssl_cert, given.ssl_key) == (Path("/etc/ssl/hub.crt"), Path("/etc/ssl/hub.key"))
    assert given.public_url == "https://localhost:8000"
    assert given.subdomain_host == "https://nb.localhost:8000"
    assert given.servers_url == "https://nb.example"
    assert given.front_url == "https://127.0.0.1:8000"
    assert settings(**TLS, public_url="https://hub.example").public_url == "https://hub.example"
    assert settings(**TLS).public_url == ""


def test_without_one_addresses_are_as_they_were_given() -> None:
    given = settings(**URLS, bind_url="http://127.0.0.1:8000/")
    assert (given.ssl_cert, given.ssl_key) == (None, None)
    assert (given.public_url, given.subdomain_host) == tuple(URLS.values())
    assert given.front_url == "http://127.0.0.1:8000"
    assert settings(public_url="https://hub.example").public_url == "https://hub.example"


@pytest.mark.parametrize("missing", TLS)
def test_certificate_and_key_go_together(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"c.HubExt.{missing} is not set"):
        settings(**{name: path for name, path in TLS.items() if name != missing})


def test_one_project_at_a_time_is_for_one_shared_name() -> None:
    public = {"public_url": "https://hub.example"}
    assert settings(**public, servers_url="https://nb.example").one_project_at_a_time
    both = settings(**public, servers_url="https://nb.example", subdomain_host="https://nb.example")
    assert not both.one_project_at_a_time
    assert not settings(**public).one_project_at_a_time


@pytest.mark.parametrize(
    ("bind_url", "found"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1", "8000")),
        ("http://[::1]:8000/", ("[::1]", "8000")),
        ("http://127.0.0.1", ("127.0.0.1", "")),
        ("http://:8000", ("", "8000")),
        ("8000", ("", "")),
    ],
)
def test_address_and_port_of_a_bind_url(bind_url: str, found: tuple[str, str]) -> None:
    assert address_and_port(bind_url) == found
