"""Cookies that are taken elsewhere, and cookies that a page sets for others, in Chromium and in Firefox.

A name of *.localhost has no parent for cookies in either browser: `Domain=localhost` is refused. A name below
a site's own has one, which tests/front/test_browser_cookies.py tries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hub_ext.cli.setup.layout import Layout
from hub_ext.settings import RegistrySettings
from tests.support.browsers import scripts
from tests.support.browsers.attack_world import (
    AttackedServer,
    AttackWorld,
    attack_world,
    page_of,
    sign_in,
)
from tests.support.browsers.driver import Browser, Cookie, Page, Profile
from tests.support.browsers.hostile_server import SECRET
from tests.support.hub import RunningHub, wait_within

CLOSED_SECONDS = 10


@pytest.fixture(scope="module")
def world(
    hub: RunningHub, registry: RegistrySettings, stubs: dict[str, str], layout: Layout
) -> Iterator[AttackWorld]:
    """Victim, attacker and servers, for all tests."""
    with attack_world(hub, registry, stubs["answer"], layout.docker_config, "viola", "moriarty") as made:
        yield made


@pytest.fixture
def page(fresh_profile: Profile, world: AttackWorld) -> Page:
    """The victim's tab, signed in at the Hub and at her infected server."""
    made = fresh_profile.page()
    sign_in(made, world.hub, world.victim.name)
    assert opens(made, world.infected)
    return made


def opens(page: Page, server: AttackedServer) -> bool:
    """Whether that server's page is shown; else the Hub asks who it is."""
    page.open(server.address)
    shown: bool = page.wait(
        "return document.readyState == 'complete' && (document.body.innerText.includes(secret) ? 'shown' : "
        "location.pathname == '/hub/login' ? 'asked' : '')",
        secret=SECRET,
    )
    return shown == "shown"


def gate_cookie(profile: Profile, server: AttackedServer) -> Cookie:
    """The one that opens the server to that profile."""
    name = f"hub-ext-gate-{server.launch.id}"
    (found,) = (one for one in profile.cookies() if one.name == name and one.domain == server.host)
    return found


def test_a_gate_cookie_opens_its_own_server_until_the_sign_out(
    each_browser: Browser, fresh_profile: Profile, page: Page, world: AttackWorld
) -> None:
    taken = gate_cookie(fresh_profile, world.infected)
    thief = each_browser.profile()
    try:
        there = thief.page()
        for server in (world.private, world.attackers):
            for name in (taken.name, f"hub-ext-gate-{server.launch.id}"):
                thief.add_cookie(replace(taken, name=name, domain=server.host, path=server.path))
            assert not opens(there, server)
        thief.add_cookie(taken)
        assert opens(there, world.infected)  # the control: it is the one that opens
        page.open(f"{world.hub.url}/hub/logout")
        wait_within(lambda: not opens(there, world.infected), CLOSED_SECONDS)
    finally:
        thief.close()


def test_a_page_sets_no_cookie_of_another_name(
    fresh_profile: Profile, page: Page, world: AttackWorld
) -> None:
    """Nobody is signed out, signed in as somebody else, or given a session that another knows."""

    def others() -> set[tuple[str, str, str, str]]:
        cookies = [one for one in fresh_profile.cookies() if one.domain.strip(".") != world.infected.host]
        return {(one.name, one.value, one.domain, one.path) for one in cookies}

    assert opens(page, world.private)
    page.open(f"{world.hub.url}/hub/home")
    before, session = others(), gate_cookie(fresh_profile, world.infected).value
    names = dict.fromkeys(
        ("jupyterhub-hub-login", "jupyterhub-session-id", "_xsrf", "service-console"), "tossed"
    )
    for server in (world.infected, world.private, world.attackers):
        names[f"hub-ext-gate-{server.launch.id}"] = session
    paths = [server.path for server in (world.infected, world.private, world.attackers)]
    page.open(page_of(world.infected.address))
    page.run(scripts.TOSS, names=names, paths=paths, parent="localhost")
    assert others() == before
    assert opens(page, world.infected)
    assert opens(page, world.private)
    page.open(f"{world.hub.url}/hub/home")
    assert world.victim.name in page.text()
    page.open(world.attackers.address)
    assert "You do not have permission to access" in page.text()


def test_control_at_the_hub_s_own_name_a_page_signs_out(page: Page, world: AttackWorld) -> None:
    page.open(page_of(world.weak.origin + world.infected.path))
    page.run(scripts.TOSS, names={"jupyterhub-hub-login": "tossed"}, paths=[], parent="localhost")
    page.open(f"{world.hub.url}/hub/home")
    assert page.address().startswith(f"{world.hub.url}/hub/login")


def test_a_session_that_is_pushed_out_comes_back(
    fresh_profile: Profile, page: Page, world: AttackWorld
) -> None:
    page.open(page_of(world.infected.address))
    page.run(scripts.FILL, count=300, letters=1, domain=world.infected.host)
    assert gate_cookie_is_gone(fresh_profile, world)
    assert opens(page, world.infected)


def gate_cookie_is_gone(profile: Profile, world: AttackWorld) -> bool:
    """Whether the browser has forgotten the victim's session at her infected server."""
    name = f"hub-ext-gate-{world.infected.launch.id}"
    return not [one for one in profile.cookies() if (one.name, one.domain) == (name, world.infected.host)]


def test_cookies_that_fill_every_request_are_cleared(page: Page, world: AttackWorld) -> None:
    page.open(page_of(world.infected.address))
    assert page.run(scripts.FILL, count=170, letters=3900, domain=world.infected.host) > 500_000
    page.open(world.infected.address)
    assert "Too many cookies" in page.text()
    assert opens(page, world.infected)
