"""A real notebook in Chromium and Firefox: what its outputs ask of others, and its end after a sign-out."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.store import launches
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.flows import people
from hub_ext.model import Person
from tests.support.browsers.attack_world import sign_in
from tests.support.browsers.driver import Browser, Page
from tests.support.browsers.hostile_server import HostileServer
from tests.support.browsers.weak_proxy import OpenUpstream, WeakProxy
from tests.support.hub import RunningHub, Visitor
from tests.support.patience import patient
from tests.support.scenario import STEWARD

NAME = "nora"
CLOSED_SECONDS = 10
LAB_SECONDS = 60
# What a notebook's outputs, its text and a page beside it ask elsewhere, where nothing forbids it.
LEAKS = {"/html", "/background", "/markdown", "/text", "/file"}


@pytest.fixture(scope="module")
def person(hub: RunningHub) -> Iterator[Person]:
    """Whose JupyterLab opens these tests' notebooks again, and nobody else's."""
    person = hub.add_person(NAME, "neuro")
    yield person
    people.end_person(hub.site, STEWARD, person.id, "the tests of notebooks are over")


@pytest.fixture(scope="module")
def nora(hub: RunningHub, person: Person, built_images: dict[str, BuiltImage]) -> Iterator[Visitor]:
    """With a server of the real Python image."""
    hub.publish("python", built_images["python"])
    visitor = hub.visitor(NAME)
    options = {"project": "neuro", "environment": "python", "datasets": [], "size": "s", "gpus": 0}
    answer = visitor.api("POST", "server", {"user_options": options})
    assert answer.status_code in (201, 202), answer.text
    visitor.wait_ready()
    yield visitor
    hub.visitor(NAME).forget()


@pytest.fixture(scope="module")
def address(nora: Visitor) -> str:
    """Below which the server's pages are."""
    return nora.enter()


@pytest.fixture
def pages(each_browser: Browser, hub: RunningHub) -> Iterator[tuple[Page, Page]]:
    """Two tabs of Nora's, who is signed in."""
    profile = each_browser.profile()
    first, second = profile.page(), profile.page()
    sign_in(first, hub, NAME)
    yield first, second
    profile.close()


@pytest.fixture
def elsewhere() -> Iterator[HostileServer]:
    """Another place, which counts what it is asked."""
    server = HostileServer("127.0.0.1", 0)
    server.start()
    yield server
    server.close()


@pytest.fixture
def weak(hub: RunningHub, person: Person, nora: Visitor) -> Iterator[str]:
    """Where the same server's pages are without a gate before them."""
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, person.id, "")
    assert launch is not None
    secrets = launch_secrets.read(hub.site.settings, launch.id)
    assert secrets is not None
    settings = hub.site.settings
    proxy = WeakProxy(f"127.0.0.1:{settings.hub_port}", f"127.0.0.1:{settings.console_port}", {})
    proxy.servers[f"/user/{NAME}/"] = OpenUpstream(launch.upstream, secrets.token)
    yield f"{proxy.origin}/user/{NAME}/"
    proxy.close()


KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
EMPTY = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": KERNEL}, "cells": []}
OUTPUTS = ("text/html", "text/markdown", "image/svg+xml")


def notebook(place: str) -> dict[str, object]:
    """One whose outputs and text show pictures of that place, each with data in its address."""
    markup = {
        "text/html": f'<img src="{place}/html?data"><iframe src="{place}/frame?data"></iframe>'
        f'<p style="background: url({place}/background?data)">x</p>',
        "text/markdown": f"![x]({place}/markdown?data)",
        "image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{place}/vector?data"/></svg>',
    }
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {kind: markup[kind]}} for kind in OUTPUTS
    ]
    code = {"cell_type": "code", "metadata": {}, "source": "", "execution_count": 1, "outputs": outputs}
    text = {"cell_type": "markdown", "metadata": {}, "source": f"![x]({place}/text?data)"}
    return EMPTY | {"cells": [{"id": "a", **code}, {"id": "b", **text}]}


def save(nora: Visitor, address: str, path: str, model: dict[str, object]) -> None:
    """Keep a file in the server's home, as JupyterLab does."""
    origin = address.partition("/user/")[0]
    answer = nora.session.put(
        f"{address}api/contents/{path}", json=model, headers={"Origin": origin}, timeout=patient(30)
    )
    assert answer.status_code in (200, 201), answer.text


def test_the_outputs_of_a_notebook_ask_nobody_else(
    pages: tuple[Page, Page], nora: Visitor, address: str, weak: str, elsewhere: HostileServer
) -> None:
    page, place = pages[0], f"http://127.0.0.1:{elsewhere.server_port}"
    model = {"type": "notebook", "format": "json", "content": notebook(place)}
    save(nora, address, "asks.ipynb", model)
    html = f'<img src="{place}/file?data">'
    save(nora, address, "asks.html", {"type": "file", "format": "text", "content": html})
    asked: dict[str, set[str]] = {}
    for server in (address, weak):
        elsewhere.seen.clear()
        page.open(f"{server}files/asks.html")
        page.open(f"{server}lab/tree/asks.ipynb")
        shown = "return document.querySelectorAll('.jp-Notebook img').length > 1"
        page.wait(shown, LAB_SECONDS)
        # The control shows that they would all have come by then.
        end = time.monotonic() + patient(10)
        while time.monotonic() < end and not asked.get(server, set()) >= LEAKS:
            time.sleep(0.2)
            asked[server] = {line.split()[1].partition("?")[0] for line in elsewhere.seen}
    assert asked[address] == set()
    assert asked[weak] >= LEAKS


def test_signing_out_ends_an_open_kernel_in_one_clear_page(
    pages: tuple[Page, Page], hub: RunningHub, nora: Visitor, address: str
) -> None:
    page, other = pages
    save(nora, address, "ends.ipynb", {"type": "notebook", "format": "json", "content": EMPTY})
    page.open(f"{address}lab/tree/ends.ipynb")
    page.wait("return !!document.querySelector('.jp-Notebook')", LAB_SECONDS)
    page.run(
        """
        const kernel = await (await fetch(`${address}api/kernels`, {method: 'POST', body: '{}'})).json();
        const socket = new WebSocket(`${address.replace('http', 'ws')}api/kernels/${kernel.id}/channels`);
        await new Promise((done, fail) => Object.assign(socket, {onopen: done, onerror: fail}));
        window.channel = socket;
        """,
        address=address,
    )
    time.sleep(5)  # the control: without a sign-out it stays open
    assert page.run("return window.channel.readyState == WebSocket.OPEN")
    other.open(f"{hub.url}/hub/logout")
    # A page that has gone on has no such socket any more.
    page.wait("return !window.channel || window.channel.readyState == WebSocket.CLOSED", CLOSED_SECONDS)
    page.activate()
    page.wait("return location.pathname == '/hub/login' && document.readyState == 'complete'", LAB_SECONDS)
    assert "Sign in" in page.text()
