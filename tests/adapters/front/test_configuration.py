"""The text of nginx.conf: what a running front cannot show, and values that must not become directives."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.front import FrontSettings, TlsFiles, nginx_conf, page_files
from hub_ext.errors import SettingsError

SETTINGS = FrontSettings(
    address="127.0.0.1",
    port=8000,
    hub="127.0.0.1:8081",
    console="127.0.0.1:8002",
    gate_socket=Path("/run/gate/gate.sock"),
    folder=Path("/run/conf"),
    modules=Path("/run/programs/usr/lib/nginx/modules"),
    scratch=Path("/run/scratch"),
    access_log=Path("/run/logs/access.log"),
)
TLS = TlsFiles(Path("/run/conf/certificate.pem"), Path("/run/conf/key.pem"))


def locations(text: str) -> dict[str, list[str]]:
    """The directives of each location."""
    found = re.findall(r"(?ms)^        location (.+?) \{$(.*?)^        \}$", text)
    return {place: [line.strip() for line in body.splitlines()] for place, body in found}


def test_each_setting_has_its_place() -> None:
    text = nginx_conf(
        replace(SETTINGS, upload_max_bytes=7, hub_body_bytes=8, console_body_bytes=9, open_files=100)
    )
    assert "listen 127.0.0.1:8000 backlog" in text
    assert "server 127.0.0.1:8081 max_fails=0;" in text
    assert "server 127.0.0.1:8002 max_fails=0;" in text
    assert "server unix:/run/gate/gate.sock max_fails=0;" in text
    assert "    client_max_body_size 8;" in text.split("server {")[0]
    assert "client_max_body_size 7;" in locations(text)["^~ /user/"]
    assert "client_max_body_size 9;" in locations(text)["/services/console/"]
    assert "client_max_body_size 0;" in locations(text)["= /.hub-ext/check"]
    assert "worker_connections 50;" in text


def test_each_container_is_an_upstream_of_its_own() -> None:
    text = nginx_conf(replace(SETTINGS, containers=("10.9.0.2:8888", "10.9.0.3:8888")))
    assert re.findall(r"10\.9\.0\.\d:8888 (\d\.container);", text) == ["1.container", "2.container"]
    found = re.findall(r"upstream (\d\.container) \{\s+server (\S+) max_fails=0;", text)
    assert found == [("1.container", "10.9.0.2:8888"), ("2.container", "10.9.0.3:8888")]
    assert "default $gate_upstream;" in text
    with pytest.raises(SettingsError, match="containers"):
        nginx_conf(replace(SETTINGS, containers=("10.9.0.2:8888", "x; }")))


def test_http_2_is_for_tls_only() -> None:
    assert "http2" not in re.sub("#.*", "", nginx_conf(SETTINGS))
    text = nginx_conf(replace(SETTINGS, tls=TLS))
    assert "listen 127.0.0.1:8000 ssl http2 backlog=4096;" in text
    assert "ssl_certificate_key /run/conf/key.pem;" in text


def test_every_place_that_sends_on_replaces_the_client_s_words() -> None:
    places = {
        place: lines for place, lines in locations(nginx_conf(SETTINGS)).items() if "pages" not in place
    }
    assert len(places) == 10
    del places["^~ /user/"]  # goes on to @server
    for place, lines in places.items():
        assert any(line.startswith("proxy_pass ") for line in lines), place
        for name in (
            "X-Gate-Upstream",
            "X-Gate-Authorization",
            "X-Gate-Cookie",
            "X-Gate-Prefix",
            "Forwarded",
        ):
            assert f'proxy_set_header {name} "";' in lines, place
        for name in ("X-Original-URI", "X-Original-Method", "X-Forwarded-For", "Host"):
            assert any(line.startswith(f"proxy_set_header {name} ") for line in lines), place


def test_every_place_under_user_is_judged() -> None:
    places = locations(nginx_conf(SETTINGS))
    for place in ("^~ /user/", "= /.hub-ext/websocket"):
        assert "auth_request /.hub-ext/check;" in places[place]


@pytest.mark.parametrize("value", ["a b", "a;b", "a{", 'a"', "$host", "a\nb", "a#b", "é"])
def test_a_value_is_a_word(value: str) -> None:
    for changed in (replace(SETTINGS, hub=value), replace(SETTINGS, tls=TlsFiles(Path(value), TLS.key))):
        with pytest.raises(SettingsError, match="The front cannot be configured"):
            nginx_conf(changed)


def test_each_page_is_in_both_languages() -> None:
    assert set(page_files()) == {"restarting.html", "server.html", "too-large.html", "too-many-cookies.html"}
    for page in page_files().values():
        assert '<html lang="en">' in page
        assert '<div lang="fr">' in page
        assert "http" not in page
