"""Who enters a server, and with what: front, gate and Hub as they run; the server says what reaches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.engine import Engine
from hub_ext.adapters.store import launches
from hub_ext.flows import blocks
from hub_ext.flows.launch.end import container_name
from hub_ext.model import BlockKind, BlockScope, Launch
from tests.e2e.test_culler import start
from tests.support.hub import RunningHub, Visitor, wait_for, wait_within
from tests.support.patience import patient
from tests.support.scenario import STEWARD

OPTIONS = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
CLOSED_SECONDS = 10
PAGE = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    visitor = hub.visitor("ada")
    yield visitor
    visitor = hub.visitor("ada")  # she may have signed out
    visitor.forget()


@dataclass(frozen=True)
class Server:
    """Ada's server; `address` is that of its pages, with a slash at its end."""

    launch: Launch
    address: str

    def get(
        self, visitor: Visitor, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """A request as `visitor`."""
        return visitor.session.get(f"{self.address}{path}", headers=headers, timeout=patient(20), **more)

    def cookies(self, visitor: Visitor) -> str:
        """The Cookie header that a browser sends there."""
        domain = urlsplit(self.address).hostname
        found = [cookie for cookie in visitor.session.cookies if cookie.domain == domain]
        assert found
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found)


@pytest.fixture
def server(hub: RunningHub, ada: Visitor) -> Server:
    """Ada's server, which she has entered."""
    launch_id = start(hub, ada, OPTIONS)
    with hub.site.store.reading() as tx:
        return Server(launches.get(tx, launch_id), ada.enter())


def nobody(hub: RunningHub) -> Visitor:
    """Somebody without an account."""
    session = requests.Session()
    session.trust_env = False
    return Visitor(hub.url, "", session)


def token(visitor: Visitor, **more: Any) -> str:
    answer = visitor.api("POST", "tokens", {"note": "a test", "expires_in": 300, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def test_the_server_gets_its_secret_and_nothing_of_the_hub(
    hub: RunningHub, ada: Visitor, server: Server
) -> None:
    ada.session.cookies.set("theme", "dark", path="/")
    seen = server.get(ada, "api/contents?hash=0", {"Authorization": "", "X-Secret": "mine"}).json()
    kept = launch_secrets.read(hub.site.settings, server.launch.id)
    assert kept is not None
    assert seen["path"] == "/user/ada/api/contents?hash=0"
    assert seen["headers"]["Authorization"] == f"token {kept.token}"
    assert seen["headers"]["Cookie"] == "theme=dark"
    sent = {cookie.name for cookie in ada.session.cookies}
    assert {name for name in sent if name.startswith("jupyterhub")}  # the control: the browser has them
    assert not {name for name in seen["headers"] if name.lower().startswith(("x-gate", "x-original"))}


def test_nobody_enters_without_signing_in(hub: RunningHub, server: Server) -> None:
    visitor = nobody(hub)
    page = server.get(visitor, "lab", PAGE, allow_redirects=False)
    assert page.status_code == 302
    assert page.headers["Location"].startswith(f"{hub.url}/user/ada/_hub-ext/lead?state=")
    at_hub = visitor.session.get(page.headers["Location"], headers=PAGE, allow_redirects=False)
    assert at_hub.headers["Location"].startswith(f"{hub.url}/hub/api/oauth2/authorize?")
    for path in ("api/contents", "files/a.txt", "proxy/7860/", "api/kernels/k/channels"):
        assert server.get(visitor, path).status_code == 403
    # Jupyter's own door is not one: its secret from outside opens nothing.
    kept = launch_secrets.read(hub.site.settings, server.launch.id)
    assert kept is not None
    for headers, query in (({"Authorization": f"token {kept.token}"}, ""), ({}, f"?token={kept.token}")):
        assert server.get(visitor, f"api/contents{query}", headers).status_code == 403


def test_nobody_enters_another_s_server(hub: RunningHub, server: Server) -> None:
    bob = hub.visitor("bob")
    assert server.get(bob, "lab", PAGE).status_code == 403
    assert server.get(bob, "api/contents").status_code == 403
    headers = {"Authorization": f"token {token(bob)}"}
    assert server.get(nobody(hub), "api/contents", headers).status_code == 403


def test_an_api_token_enters_by_its_scopes(hub: RunningHub, ada: Visitor, server: Server) -> None:
    whole, narrow = token(ada), token(ada, scopes=["read:users:name!user=ada"])
    assert server.get(nobody(hub), "api/contents", {"Authorization": f"Bearer {whole}"}).status_code == 200
    assert server.get(nobody(hub), "api/contents", {"Authorization": f"Bearer {narrow}"}).status_code == 403
    assert server.get(nobody(hub), "api/contents", {"Authorization": "token nonsense"}).status_code == 403


def test_a_cookie_of_one_server_opens_no_other(hub: RunningHub, ada: Visitor, server: Server) -> None:
    start(hub, ada, OPTIONS, "other")
    gate_cookies = server.cookies(ada)
    visitor = nobody(hub)
    assert server.get(visitor, "api/contents", {"Cookie": gate_cookies}).status_code == 200
    assert server.get(visitor, "other/api/contents", {"Cookie": gate_cookies}).status_code == 403


def test_a_foreign_page_does_nothing(ada: Visitor, server: Server) -> None:
    url = f"{server.address}api/contents"
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors", "Origin": "http://127.0.0.1:1"}
        assert ada.session.post(url, headers=headers, timeout=patient(20)).status_code == 403
        assert ada.session.get(url, headers=headers, timeout=patient(20)).status_code == 403
    origin = server.address.partition("/user/")[0]
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Origin": origin}
    assert ada.session.post(url, headers=own, timeout=patient(20)).status_code == 200


def test_signing_out_closes_the_door(hub: RunningHub, ada: Visitor, server: Server) -> None:
    cookies = server.cookies(ada)
    assert server.get(ada, "api/contents").status_code == 200
    ada.page("logout")
    copied = nobody(hub)
    copied.session.headers["Cookie"] = cookies
    wait_within(lambda: server.get(copied, "api/contents").status_code == 403, CLOSED_SECONDS)


def test_a_stopped_server_is_said_and_opens_to_nobody(hub: RunningHub, ada: Visitor, server: Server) -> None:
    cookies = server.cookies(ada)
    ada.stop()
    page = server.get(ada, "lab", PAGE)
    assert page.status_code in (200, 424, 503)
    assert "/hub/home" in page.text
    wait_within(lambda: server.get(ada, "api/contents").status_code == 503, CLOSED_SECONDS)
    assert launch_secrets.read(hub.site.settings, server.launch.id) is None
    # The next server of that name belongs to another project; the cookie of the last one is no way in.
    start(hub, ada, {**OPTIONS, "project": "cardio"})
    ada.enter()
    assert server.get(nobody(hub), "api/contents", {"Cookie": cookies}).status_code == 403


def test_a_lost_right_closes_the_door(hub: RunningHub, ada: Visitor, server: Server) -> None:
    assert server.get(ada, "api/contents").status_code == 200
    wanted = blocks.Wanted(BlockKind.STOP, BlockScope.PERSON, "ada", "a test")
    block = blocks.add(hub.site, STEWARD, wanted)
    try:
        wait_within(lambda: server.get(ada, "api/contents").status_code == 503, CLOSED_SECONDS)
    finally:
        blocks.lift(hub.site, STEWARD, block.id)


@pytest.mark.parametrize("killed", ["gate", "front"])
def test_who_is_in_goes_on_after_a_restart(
    hub: RunningHub, ada: Visitor, server: Server, killed: str
) -> None:
    hub.kill_process(killed)
    hub.start_process(killed)
    wait_for(lambda: server.get(ada, "api/contents").status_code == 200, 10)


def test_a_gate_that_is_down_is_said(hub: RunningHub, ada: Visitor, server: Server) -> None:
    hub.kill_process("gate")
    try:
        assert server.get(ada, "api/contents").status_code == 503
        assert ada.page("home").status_code == 200
    finally:
        hub.start_process("gate")


def test_a_hub_that_is_down_darkens_no_open_notebook(hub: RunningHub, ada: Visitor, server: Server) -> None:
    assert server.get(ada, "api/contents").status_code == 200
    hub.kill()
    try:
        time.sleep(6)  # a yes is kept for five seconds
        assert server.get(ada, "api/contents").status_code == 200
        headers = {"Authorization": "token nobodys"}
        assert server.get(nobody(hub), "api/contents", headers).status_code == 503
    finally:
        hub.start_again()
    assert server.get(ada, "api/contents").status_code == 200


def test_the_hub_s_name_serves_no_page_of_a_server(hub: RunningHub, ada: Visitor, server: Server) -> None:
    below = f"{hub.url}/user/ada/"
    page = ada.session.get(f"{below}lab", headers=PAGE, allow_redirects=False)
    assert page.headers["Location"] == f"{server.address}lab"
    assert ada.session.get(f"{below}api/contents").status_code == 403
    headers = {"Authorization": f"token {token(ada)}"}
    assert nobody(hub).session.get(f"{below}api/contents", headers=headers).status_code == 200


def test_two_projects_of_one_person_have_two_origins(hub: RunningHub, ada: Visitor, server: Server) -> None:
    start(hub, ada, {**OPTIONS, "project": "cardio"}, "cardio")
    start(hub, ada, OPTIONS, "onco")
    assert urlsplit(ada.enter("cardio")).netloc != urlsplit(server.address).netloc
    assert urlsplit(ada.enter("onco")).netloc == urlsplit(server.address).netloc
    # The origin of one has nothing of the other's, and neither has the Hub.
    other = server.address.replace("/user/ada/", "/user/ada/cardio/")
    assert server.get(ada, "cardio/api/contents").status_code == 403
    assert ada.session.get(other, headers=PAGE, allow_redirects=False).status_code == 302
    hub_page = ada.session.get(server.address.replace("/user/ada/", "/hub/home"), allow_redirects=False)
    assert hub_page.headers["Location"] == f"{hub.url}/hub/home"


def test_no_spelling_leads_elsewhere(hub: RunningHub, ada: Visitor, server: Server) -> None:
    for path in ("//user/ada/api/contents", "/user/./ada/api/contents", "/user/%61da/api/contents"):
        prepared = requests.Request("GET", f"{hub.url}/").prepare()
        prepared.url = f"{hub.url}{path}"
        with requests.Session() as session:
            session.trust_env = False
            assert session.send(prepared, timeout=patient(20), allow_redirects=False).status_code != 200


def test_a_server_that_dies_ends_what_waits_for_it(hub: RunningHub, ada: Visitor, server: Server) -> None:
    with ThreadPoolExecutor(1) as thread:
        request = thread.submit(server.get, ada, "hang")
        time.sleep(1)
        assert not request.done()
        asyncio.run(_kill(hub, server.launch.id))
        assert request.result(5).status_code in (502, 503)


async def _kill(hub: RunningHub, launch_id: str) -> None:
    engine = Engine(hub.site.settings)
    try:
        await engine.kill(container_name(hub.site, launch_id))
    finally:
        engine.close()
