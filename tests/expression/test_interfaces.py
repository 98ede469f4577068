"""An interface as a command, an environment, a header and a path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub_ext.expression.interfaces import (
    ServerPlace,
    authorization,
    ready_path,
    request_path,
    server_command,
    server_environment,
)
from hub_ext.model.interfaces import (
    JUPYTER,
    Interface,
    InterfaceKind,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)

PREFIX = "/user/ana/gpu/"
PLACE = ServerPlace(
    PREFIX, "/tree/demo", user="ana", hub_host="https://hub.example.org", hub_prefix="/x/hub/"
)
APP = Interface(
    kind=InterfaceKind.COMMAND,
    command=("serve", "--at={port}{prefix}", "{start_url}", "{secret}", "{{port}}", "{0}", "%s {"),
    port=7860,
    prefix=PrefixHandling.STRIPPED,
    ready_path="healthy",
    polls=(),
    secret=SecretPlace("", SecretScheme.NONE),
)


def test_a_jupyter_server_is_the_interface_s_command_with_arguments() -> None:
    interface = replace(JUPYTER, command=("/opt/hub-ext/start", "jupyter-lab"), port=9999)
    assert server_command(interface, PLACE) == (
        "/opt/hub-ext/start",
        "jupyter-lab",
        "--ServerApp.ip=0.0.0.0",
        "--ServerApp.port=9999",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        "--ServerApp.base_url=/user/ana/gpu/",
        "--ServerApp.default_url=/tree/demo",
        "--ServerApp.allow_remote_access=True",
        "--ServerApp.trust_xheaders=True",
        "--ServerApp.quit_button=False",
        "--ServerApp.tornado_settings=hub_prefix=/x/hub/",
        "--ServerApp.tornado_settings=hub_host=https://hub.example.org",
        "--ServerApp.tornado_settings=user=ana",
    )


def test_a_command_gets_its_three_values_and_nothing_else_changes() -> None:
    assert server_command(APP, PLACE) == (
        *("serve", "--at=7860/user/ana/gpu/", "/tree/demo", "{secret}", "{7860}", "{0}", "%s {"),
    )


def test_a_value_that_reads_like_another_s_name_stays() -> None:
    place = ServerPlace("/user/{port}/", "/{prefix}", user="{port}")
    made = server_command(replace(APP, command=("serve", "{prefix}", "{start_url}")), place)
    assert made == ("serve", "/user/{port}/", "/{prefix}")


@pytest.mark.parametrize(
    ("interface", "environment"),
    [
        (JUPYTER, {"JUPYTER_TOKEN": "s3cret", "JUPYTER_RUNTIME_DIR": "/tmp/.jupyter"}),
        (replace(JUPYTER, secret=APP.secret), {"JUPYTER_RUNTIME_DIR": "/tmp/.jupyter"}),
        (APP, {}),
        (replace(APP, secret=SecretPlace("APP_KEY", SecretScheme.BEARER)), {"APP_KEY": "s3cret"}),
    ],
)
def test_the_secret_is_where_the_interface_says(interface: Interface, environment: dict[str, str]) -> None:
    assert server_environment(interface, "s3cret") == environment


@pytest.mark.parametrize(
    ("scheme", "header"),
    [
        (SecretScheme.NONE, ""),
        (SecretScheme.TOKEN, "token s3cret"),
        (SecretScheme.BEARER, "Bearer s3cret"),
    ],
)
def test_the_header_of_each_scheme(scheme: SecretScheme, header: str) -> None:
    assert authorization(SecretPlace("X", scheme), "s3cret") == header


@pytest.mark.parametrize(
    ("path", "stripped"),
    [
        (PREFIX, "/"),
        (f"{PREFIX}?a=/b", "/?a=/b"),
        (f"{PREFIX}a%2Fb/%C3%A9;x//y?q=%20#", "/a%2Fb/%C3%A9;x//y?q=%20#"),
        (f"{PREFIX}/evil.example", "//evil.example"),
    ],
)
def test_the_path_without_its_prefix_is_spelled_as_it_came(path: str, stripped: str) -> None:
    assert request_path(APP, PREFIX, path) == stripped
    assert request_path(JUPYTER, PREFIX, path) == path


@pytest.mark.parametrize("path", ["/user/ana/gp%75/x", "/user/ana/gpu", "/user/ana/", "/", ""])
def test_a_path_elsewhere_is_no_path_of_the_server(path: str) -> None:
    for interface in (APP, JUPYTER):
        with pytest.raises(ValueError, match="prefix"):
            request_path(interface, PREFIX, path)


def test_where_a_server_is_asked_whether_it_is_up() -> None:
    assert ready_path(APP, PREFIX) == "/healthy"
    assert ready_path(replace(APP, ready_path=""), PREFIX) == "/"
    assert ready_path(JUPYTER, PREFIX) == "/user/ana/gpu/api"
