"""What a page of an attacker's does in a victim's browser, in Chromium and in Firefox.

The same tries succeed where the same containers and the same Hub stand behind a proxy that asks nothing.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from hub_ext.cli.setup.layout import Layout
from hub_ext.settings import RegistrySettings
from tests.support.browsers import leaks, scripts
from tests.support.browsers.attack_world import AttackWorld, attack_world, page_of, sign_in
from tests.support.browsers.driver import Browser, Page, PageError, Profile
from tests.support.browsers.hostile_server import SECRET
from tests.support.hub import RunningHub, wait_for
from tests.support.patience import patient

# A page that tells whoever asks.
CONFIDING = f"<script>onmessage = (event) => event.source.postMessage('{SECRET} mine', '*')</script>"


@pytest.fixture(scope="module")
def world(
    hub: RunningHub, registry: RegistrySettings, stubs: dict[str, str], layout: Layout
) -> Iterator[AttackWorld]:
    """Victim, attacker and servers, for all tests."""
    with attack_world(hub, registry, stubs["answer"], layout.docker_config, "vera", "mallory") as made:
        yield made


@pytest.fixture(scope="module")
def profile(each_browser: Browser, world: AttackWorld) -> Iterator[Profile]:
    """The victim's: signed in at the Hub and the console, and at both of her servers."""
    opened = each_browser.profile()
    page = opened.page()
    sign_in(page, world.hub, world.victim.name)
    page.open(f"{world.hub.url}/services/console/")
    page.wait("return document.body.innerText.includes(name)", name=world.victim.name)
    for server in (world.infected, world.private):
        page.open(server.address)
        page.wait("return document.body.innerText.includes(secret)", secret=SECRET)
    yield opened
    opened.close()


@pytest.fixture
def page(profile: Profile) -> Page:
    """A tab of hers."""
    return profile.page()


def seen_since(world: AttackWorld, before: list[str]) -> list[str]:
    """What reached the victim's private server since it had seen `before`."""
    return world.seen_by(world.private)[len(before) :]


def test_the_page_of_a_colleague_s_server_is_not_even_shown(page: Page, world: AttackWorld) -> None:
    body = "<script>document.title = 'taken'</script>"
    page.open(page_of(world.attackers.address, body))
    assert "You do not have permission to access" in page.text()
    assert page.run("return document.title") != "taken"
    page.open(page_of(world.weak.origin + world.attackers.path, body))
    assert page.run("return document.title") == "taken"


@pytest.mark.parametrize("source", ["her own server", "the attacker's site"])
def test_a_page_takes_nobody_s_account_over(page: Page, world: AttackWorld, source: str) -> None:
    before = world.tokens()
    own, site = page_of(world.infected.address), page_of(f"{world.elsewhere_at('localhost')}/")
    page.open(own if source == "her own server" else site)
    results = page.run(scripts.TAKE_OVER, hub=world.hub.url, user=world.victim.name)
    assert len(results) == 12
    assert not [name for name, result in results.items() if world.victim.name in result], results
    assert not [name for name, result in results.items() if "html" in result], results
    assert world.tokens() == before


def test_control_without_a_gate_the_page_takes_the_account_over(page: Page, world: AttackWorld) -> None:
    before = world.tokens()
    page.open(page_of(world.weak.origin + world.infected.path))
    results = page.run(scripts.TAKE_OVER, hub=world.weak.origin, user=world.victim.name)
    read = {name for name, result in results.items() if world.victim.name in result}
    assert read >= {"page of the Hub", "API of the Hub", "a token", "Hub in a window"}, results
    assert "API of the console" in read, results
    assert len(world.tokens() - before) == 1


@pytest.mark.parametrize("source", ["the infected server", "the attacker's site", "another port of its name"])
def test_a_page_reaches_no_other_server_of_the_same_person(
    page: Page, world: AttackWorld, source: str
) -> None:
    """Nothing is read and nothing done; a window opens, as by a link, and cannot be looked into."""
    sources = {
        "the infected server": world.infected.address,
        "the attacker's site": f"{world.elsewhere_at('localhost')}/",
        # Its cookies are sent along, since they know no ports.
        "another port of its name": f"{world.elsewhere_at(world.private.host)}/",
    }
    page.open(page_of(sources[source]))
    before = world.seen_by(world.private)
    results = page.run(scripts.REACH, target=world.private.address)
    assert len(results) == 10
    assert not [name for name, result in results.items() if SECRET in result], results
    message = page.run(scripts.MESSAGE, target=page_of(world.private.address, CONFIDING))
    assert SECRET not in message
    opened = {f"GET {world.private.path}{path}" for path in ("in-window", "page")}
    assert {line.partition("?")[0] for line in seen_since(world, before)} == opened


def test_control_without_a_gate_a_page_reaches_it(page: Page, world: AttackWorld) -> None:
    target = world.weak.origin + world.private.path
    page.open(page_of(world.weak.origin + world.infected.path))
    results = page.run(scripts.REACH, target=target)
    read = {name for name, result in results.items() if SECRET in result}
    assert read >= {"fetch", "frame", "window"}, results
    page.open(page_of(f"{world.elsewhere_at('localhost')}/"))
    before = world.seen_by(world.private)
    page.run(scripts.REACH, target=target)
    assert SECRET in page.run(scripts.MESSAGE, target=page_of(target, CONFIDING))
    seen = " ".join(seen_since(world, before))
    for path in ("by-fetch", "by-fetch-unread", "by-beacon", "by-form", "in-frame", "as-script"):
        assert path in seen


def test_only_its_own_pages_open_a_channel(page: Page, world: AttackWorld) -> None:
    """A kernel's WebSocket, tried from other origins: browsers send cookies with it and ask nobody."""
    channel = f"{world.private.path}channels"
    ours, at_hub, weak = (
        f"{origin}{channel}".replace("http", "ws", 1)
        for origin in (world.private.origin, world.hub.url, world.weak.origin)
    )
    page.open(world.private.address)
    assert page.run(scripts.CHANNEL, target=ours) == "read open"
    before = world.seen_by(world.private)
    sources = [
        page_of(world.infected.address),
        page_of(f"{world.elsewhere_at('localhost')}/"),
        page_of(f"{world.elsewhere_at(world.private.host)}/"),
        f"{world.hub.url}/hub/home",
    ]
    for source in sources:
        page.open(source)
        for target in (ours, at_hub):
            assert page.run(scripts.CHANNEL, target=target).startswith("nothing"), (source, target)
    assert seen_since(world, before) == []
    # The control: from the attacker's site, to the same container.
    page.open(sources[1])
    assert page.run(scripts.CHANNEL, target=weak) == "read open"


def test_a_service_worker_gets_its_server_s_path_alone(page: Page, world: AttackWorld) -> None:
    prefix = world.infected.path
    code = page_of(prefix, "", "text/javascript", Service_Worker_Allowed="/")
    beyond = ("/", "/hub/", "/user/", prefix.rstrip("/"), world.attackers.path)
    page.open(page_of(world.infected.address))
    for scope in beyond:
        assert "SecurityError" in page.run(scripts.WORKER, code=code, scope=scope), scope
    assert page.run(scripts.WORKER, code=code, scope=prefix) == f"read {prefix}"
    # At the Hub's name no server has a script at all.
    page.open(f"{world.hub.url}/hub/home")
    for scope in (*beyond, prefix):
        assert page.run(scripts.WORKER, code=code, scope=scope).startswith("nothing"), scope
    page.open(page_of(world.weak.origin + prefix))
    for scope in beyond:
        assert page.run(scripts.WORKER, code=code, scope=scope) == f"read {scope}"


def leak(page: Page, world: AttackWorld, address: str) -> None:
    """Try everything from a page at that server."""
    page.open(page_of(address, "<body></body>"))
    world.elsewhere.seen.clear()
    elsewhere = world.elsewhere_at("127.0.0.1")
    page.run(leaks.LEAK, elsewhere=elsewhere, all_markup=leaks.MARKUP, all_scripts=leaks.SCRIPTS)


def asked_elsewhere(world: AttackWorld) -> set[str]:
    """Which of the tries have reached the attacker's site."""
    return {line.split()[1].partition("?")[0].strip("/") for line in world.elsewhere.seen}


def test_a_page_asks_nobody_else_for_anything(page: Page, world: AttackWorld) -> None:
    leak(page, world, world.weak.origin + world.infected.path)
    wait_for(lambda: asked_elsewhere(world) == {*leaks.MARKUP, *leaks.SCRIPTS}, 20)
    leak(page, world, world.infected.address)
    time.sleep(patient(3))
    assert asked_elsewhere(world) == set()


@pytest.fixture
def relay() -> Iterator[socket.socket]:
    """Where a call's packets would arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


def is_called(profile: Profile, address: str, relay: socket.socket) -> bool:
    """Whether a packet of a call arrives that a page at that address makes."""
    page = profile.page()
    page.open(page_of(address))
    with suppress(PageError):  # Chromium ends a page whose frame may not call
        page.run(leaks.CALL, port=relay.getsockname()[1])
    relay.settimeout(patient(4))
    try:
        relay.recv(2048)
    except TimeoutError:
        return False
    return True


def test_a_page_calls_nobody(
    each_browser: Browser, profile: Profile, world: AttackWorld, relay: socket.socket
) -> None:
    """By WebRTC. Firefox has no policy against it yet: there it remains, as the documentation says."""
    assert is_called(profile, world.infected.address, relay) == (each_browser.name == "firefox")
    assert is_called(profile, world.weak.origin + world.infected.path, relay)


def test_navigation_remains(page: Page, world: AttackWorld) -> None:
    """No policy of ours keeps a page from it, and one that leads nowhere leaves the page where it is."""
    page.open(page_of(world.infected.address, "<body></body>"))
    world.elsewhere.seen.clear()
    away = page_of(f"{world.elsewhere_at('127.0.0.1')}/", "data", status=204)
    page.run("setTimeout(() => { location = away; })", away=away)
    wait_for(lambda: world.elsewhere.seen, 10)
    assert page.address().startswith(world.infected.address)
