"""Hub and console answer to the Hub's name alone: the names of servers must not have them at their origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.cli.setup.front import front_settings
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings
from tests.front.conftest import Site, running

PLACES = (
    "/",
    "/hub/home",
    "/hub/static/x.js",
    "/hub/api/users/a/server/progress",
    "/services/console/",
    "/favicon.ico",
)


@pytest.fixture(scope="module")
def named_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("named"), name="localhost") as site:
        yield site


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_s_name_has_neither_hub_nor_console(named_site: Site, place: str, method: str) -> None:
    named_site.reset()
    name = f"sabc.localhost:{named_site.port}"
    answer = named_site.ask(f"{place}?a=b", host=name, method=method)
    assert answer.status == 302
    assert answer.value("location") == f"http://localhost:{named_site.port}{place}?a=b"
    assert [each.requests for each in (named_site.hub, named_site.console)] == [[], []]


@pytest.mark.parametrize("place", PLACES)
def test_control_the_hub_s_name_and_its_address_have_both(named_site: Site, place: str) -> None:
    for name in ("localhost", "127.0.0.1"):
        named_site.reset()
        assert named_site.ask(place, host=f"{name}:{named_site.port}").status == 200
        assert len(named_site.hub.requests + named_site.console.requests) == 1


def test_a_browser_at_the_bare_address_is_led_to_the_name(named_site: Site) -> None:
    named_site.reset()
    navigates = [("Sec-Fetch-Mode", "navigate")]
    page = named_site.ask("/hub/home?x=1", navigates)
    assert page.status == 302
    assert page.value("location") == f"http://localhost:{named_site.port}/hub/home?x=1"
    server = named_site.ask("/user/alice/lab", navigates)
    assert server.value("location") == f"http://localhost:{named_site.port}/user/alice/lab"
    # Forms and programs go on.
    assert named_site.ask("/hub/x", navigates, method="POST").status == 200
    assert named_site.ask("/hub/x").status == 200


def test_the_gate_is_asked_at_every_name(named_site: Site) -> None:
    for name in ("localhost", "sabc.localhost", "elsewhere.example"):
        named_site.reset()
        named_site.ask("/user/alice/lab", host=f"{name}:{named_site.port}")
        (request,) = [each for each in named_site.gate.requests if each.target == "/check"]
        assert request.value("x-forwarded-host") == f"{name}:{named_site.port}"


def test_beyond_loopback_servers_need_names(tmp_path: Path) -> None:
    plain = Settings(state_dir=tmp_path, bind_url="http://0.0.0.0:8000")
    with pytest.raises(SettingsError, match="at the Hub's own origin"):
        front_settings(plain)
    named = replace(plain, public_url="https://hub.example", subdomain_host="https://nb.example")
    assert front_settings(named).public_origin == "https://hub.example"


def test_without_names_every_name_has_all(
    another_site: Callable[..., AbstractContextManager[Site]],
) -> None:
    with another_site() as site:
        assert site.ask("/hub/home", host=f"anything:{site.port}").status == 200
