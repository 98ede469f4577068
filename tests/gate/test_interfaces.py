"""Servers of other interfaces than Jupyter's: what the gate has sent to them, and what counts as use."""

from __future__ import annotations

import asyncio
from datetime import datetime

import aiohttp
import pytest

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.store import server_uses
from tests.gate.browser import Answer, Browser
from tests.gate.conftest import House, RunningGate
from tests.gate.test_doors import launch
from tests.gate.test_relay import cookie_of, websocket


def entered(house: House, username: str, server_name: str) -> Browser:
    """A browser that is in at that server."""
    house.start(username, server_name)
    browser = house.browser(username)
    assert browser.open(f"/user/{username}/{server_name}/").status == 204
    return browser


def token(house: House, username: str, server_name: str) -> str:
    secrets = launch_secrets.read(house.site.settings, launch(house, username, server_name).id)
    assert secrets is not None
    return secrets.token


@pytest.mark.parametrize(
    "below", ["", "?a=/b", "a%2Fb/%C3%A9;x//y?q=%20", "/elsewhere.example", "user/ina/app/", "logout"]
)
def test_a_stripped_server_gets_the_rest_of_the_address_as_it_came(
    house: House, gate: RunningGate, below: str
) -> None:
    passed = entered(house, "ina", "app").fetch(f"/user/ina/app/{below}")
    assert passed.status == 204
    assert passed.headers["X-Gate-Uri"] == f"/{below}"
    assert passed.headers["X-Gate-Forwarded-Prefix"] == "/user/ina/app"
    assert passed.headers["X-Gate-Prefix"] == "/user/ina/app/"
    assert passed.headers["X-Gate-Authorization"] == ""


@pytest.mark.parametrize(
    "path", ["/user/ina/ap%70/x", "/user/ina/app%2Fx", "/user/ina//app/x", "/user/ina/App/"]
)
def test_another_spelling_of_its_prefix_is_not_its_prefix(house: House, gate: RunningGate, path: str) -> None:
    browser = entered(house, "ina", "app")
    answer: Answer = browser.fetch(path)
    assert answer.status != 204
    assert not [name for name in answer.headers if name.lower().startswith("x-gate")]


def test_a_kept_prefix_and_a_bearer(house: House, gate: RunningGate) -> None:
    passed = entered(house, "ina", "keyed").fetch("/user/ina/keyed/a?b")
    assert passed.headers["X-Gate-Authorization"] == f"Bearer {token(house, 'ina', 'keyed')}"
    assert passed.headers["X-Gate-Uri"] is None
    assert passed.headers["X-Gate-Forwarded-Prefix"] is None


def test_only_jupyter_s_sign_out_is_the_hub_s(house: House, gate: RunningGate) -> None:
    assert entered(house, "ina", "keyed").fetch("/user/ina/keyed/logout").status == 204
    house.start("ina")
    answer = house.browser("ina").get("/user/ina/logout")
    assert (answer.status, answer.location) == (302, "/hub/logout")


@pytest.mark.parametrize(
    ("server_name", "target", "scheme", "prefix"),
    [
        ("app", "/a%20b/ws?c=d%2F", None, "/user/ina/app"),
        ("keyed", "/user/ina/keyed/a%20b/ws?c=d%2F", "Bearer", None),
    ],
)
async def test_websockets_the_same(
    house: House, gate: RunningGate, server_name: str, target: str, scheme: str | None, prefix: str | None
) -> None:
    browser = await asyncio.to_thread(entered, house, "ina", server_name)
    uri = f"/user/ina/{server_name}/a%20b/ws?c=d%2F"
    sent = {**cookie_of(browser, uri), "X-Forwarded-Prefix": "/forged", "Authorization": ""}
    async with websocket(house, uri, sent) as opened:
        await opened.send_str("hello")
        assert (await opened.receive()).data == "hello"
        await opened.send_str("bye")
        assert (await opened.receive()).type is aiohttp.WSMsgType.CLOSE
    raw, headers = house.upstream.requests[-1]
    assert raw == target
    secret = await asyncio.to_thread(token, house, "ina", server_name)
    assert headers.get("Authorization") == (f"{scheme} {secret}" if scheme else None)
    assert headers.get("X-Forwarded-Prefix") == prefix


async def test_only_the_polls_of_the_interface_are_no_use(house: House, gate: RunningGate) -> None:
    browser = await asyncio.to_thread(entered, house, "ivy", "app")
    launch_id = launch(house, "ivy", "app").id

    def last_use() -> datetime | None:
        with house.site.store.reading() as tx:
            found = server_uses.find(tx, launch_id)
        return found.last_use if found else None

    async def fetch(path: str, method: str = "GET") -> None:
        answer = await asyncio.to_thread(browser.fetch, f"/user/ivy/app/{path}", method)
        assert answer.status == 204

    async def flushed() -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(gate.gate.uses.flush(), gate.thread.loop))

    await flushed()
    opened_page = await asyncio.to_thread(last_use)
    assert opened_page is not None, "opening the page is use"
    for path in ("status", "status?a=b"):
        await fetch(path)
    await flushed()
    assert await asyncio.to_thread(last_use) == opened_page
    # What an open page of JupyterLab asks is nobody's poll here.
    await fetch("api/kernels")
    await flushed()
    used = await asyncio.to_thread(last_use)
    assert used is not None
    assert used > opened_page
    await fetch("status", "POST")
    await flushed()
    assert (await asyncio.to_thread(last_use) or used) > used
