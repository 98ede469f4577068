"""WebSockets through the gate: bytes both ways, and closed when the right ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from hub_ext.adapters.store import server_uses
from hub_ext.gate import relay
from tests.gate.browser import HOST, Browser
from tests.gate.conftest import House, RunningGate
from tests.gate.test_doors import launch
from tests.gate.upstream import FLOOD_BYTES, LAST_WORDS
from tests.support.patience import patient
from tests.support.until import until

ORIGIN = f"http://{HOST}"


@asynccontextmanager
async def websocket(
    house: House, uri: str, headers: dict[str, str], **more: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket through the gate."""
    connector = aiohttp.UnixConnector(str(house.site.settings.gate_socket))
    sent = house.front.headers("GET", uri, headers)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(f"http://gate{uri}", headers=sent, max_msg_size=0, **more) as opened,
    ):
        yield opened


def cookie_of(browser: Browser, uri: str) -> dict[str, str]:
    return {"Cookie": browser.cookies_for(uri), "Origin": ORIGIN}


@pytest.fixture
def alice(house: House, gate: RunningGate) -> Browser:
    """Alice, signed in at her server."""
    house.start("alice")
    browser = house.browser("alice")
    assert browser.open("/user/alice/lab").status == 204
    return browser


async def test_messages_go_both_ways(house: House, alice: Browser) -> None:
    uri = "/user/alice/api/kernels/1/channels?session_id=a%20b"
    alice.jar["/", "theme"] = "dark"
    alice.jar["/", "jupyterhub-session-id"] = "x"
    sent = {**cookie_of(alice, uri), "X-Gate-Upstream": "127.0.0.1:1", "X-Kept": "yes"}
    async with websocket(house, uri, sent, protocols=("v1.kernel", "other")) as opened:
        assert opened.protocol == "v1.kernel"
        await opened.send_str("héllo")
        assert (await opened.receive()).data == "héllo"
        for size in (0, 1, 126, 70_000, 5_000_000):
            await opened.send_bytes(b"\x00\xff" * (size // 2))
            assert len((await opened.receive()).data) == size // 2 * 2
        await opened.ping()
        await opened.send_str("bye")
        assert (await opened.receive()).type is aiohttp.WSMsgType.CLOSE
        assert opened.close_code == 4000
    raw, headers = house.upstream.requests[-1]
    assert raw == uri
    assert headers["Authorization"].startswith("token ")
    assert headers["Cookie"] == "theme=dark"
    assert headers["Host"] == HOST
    assert headers["X-Kept"] == "yes"
    assert not [name for name in headers if name.startswith(("X-Original", "X-Forwarded", "X-Gate"))]


async def test_compression_is_between_the_two_ends(house: House, alice: Browser) -> None:
    uri = "/user/alice/ws?compressed=1"
    async with websocket(house, uri, cookie_of(alice, uri), compress=15) as opened:
        assert opened.compress
        await opened.send_str("again " * 10_000)
        assert (await opened.receive()).data == "again " * 10_000


async def test_a_token_in_the_address_opens_and_is_not_passed_on(house: House, gate: RunningGate) -> None:
    house.start("dora")
    token = house.new_token("dora", "access:servers!user=dora")
    async with websocket(house, f"/user/dora/ws?a=b%2Fc&token={token}", {}) as opened:
        await opened.send_str("x")
        assert (await opened.receive()).data == "x"
    assert house.upstream.requests[-1][0] == "/user/dora/ws?a=b%2Fc"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9000", "null", ""])
async def test_other_origins_open_nothing(house: House, alice: Browser, origin: str) -> None:
    uri = "/user/alice/ws"
    before = len(house.upstream.requests)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with websocket(house, uri, cookie_of(alice, uri) | {"Origin": origin}):
            pass
    assert refused.value.status == 403
    assert len(house.upstream.requests) == before


async def test_the_status_of_a_server_that_refuses_is_passed_on(house: House, alice: Browser) -> None:
    for uri, status in (("/user/alice/x?refuse=404", 404), ("/user/alice/x?refuse=500", 500)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with websocket(house, uri, cookie_of(alice, uri)):
                pass
        assert refused.value.status == status
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with websocket(house, "/user/alice/x", cookie_of(alice, "/user/alice/x")):
            pass
    assert refused.value.status == 502, "an answer that upgrades nothing"


async def test_a_sign_out_closes_open_websockets(house: House, gate: RunningGate, alice: Browser) -> None:
    uri = "/user/alice/ws"
    other = house.browser("alice")
    other.open("/user/alice/lab")
    async with (
        websocket(house, uri, cookie_of(alice, uri)) as opened,
        websocket(house, uri, cookie_of(other, uri)) as stays,
    ):
        await asyncio.to_thread(alice.sign_out)
        begun = time.monotonic()
        message = await asyncio.wait_for(opened.receive(), patient(10))
        assert time.monotonic() - begun < patient(10)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == 1008
        await asyncio.sleep(3.5)
        await stays.send_str("still here")
        assert (await stays.receive()).data == "still here"
    await until(lambda: len(gate.gate.relays) == 0)


async def test_the_end_of_a_launch_closes_at_once(house: House, gate: RunningGate) -> None:
    await asyncio.to_thread(house.start, "frank")
    frank = await asyncio.to_thread(house.browser, "frank")
    await asyncio.to_thread(frank.open, "/user/frank/lab")
    uri = "/user/frank/ws"
    async with websocket(house, uri, cookie_of(frank, uri)) as opened:
        await opened.send_str("x")
        await opened.receive()
        await asyncio.to_thread(house.stop, "frank")
        message = await asyncio.wait_for(opened.receive(), patient(2.5))
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == 1008
    await until(lambda: house.upstream.open == 0)


async def test_the_end_of_the_gate_closes(house: House) -> None:
    await asyncio.to_thread(house.start, "alice")
    started = await asyncio.to_thread(RunningGate.start, house.site)
    try:
        browser = await asyncio.to_thread(house.browser, "alice")
        await asyncio.to_thread(browser.open, "/user/alice/lab")
        async with websocket(house, "/user/alice/ws", cookie_of(browser, "/user/alice/ws")) as opened:
            closing = asyncio.create_task(asyncio.to_thread(started.close))
            assert (await asyncio.wait_for(opened.receive(), 5)).type is aiohttp.WSMsgType.CLOSE
            assert opened.close_code == 1001
            await closing
    except BaseException:
        with contextlib.suppress(RuntimeError):
            started.close()
        raise


def shake_hands(house: House, browser: Browser, uri: str, early: bytes = b"") -> socket.socket:
    """A raw WebSocket, `early` sent with the request itself."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(house.site.settings.gate_socket))
    key = base64.b64encode(os.urandom(16)).decode()
    headers = house.front.headers(
        "GET",
        uri,
        cookie_of(browser, uri)
        | {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        | {"Sec-WebSocket-Key": key, "Host": "gate"},
    )
    lines = [f"GET {uri} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + early)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return connection


def text_frame(text: bytes) -> bytes:
    """A masked text frame; the mask is zero."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


def test_messages_before_the_answer_are_kept(house: House, alice: Browser) -> None:
    early = b"".join(text_frame(b"%d" % number) for number in range(100))
    connection = shake_hands(house, alice, "/user/alice/ws", early)
    expected = b"".join(bytes([0x81, len(b"%d" % number)]) + b"%d" % number for number in range(100))
    received = b""
    while len(received) < len(expected):
        received += connection.recv(4096)
    assert received == expected
    connection.close()


def test_who_does_not_read_is_not_read_from(house: House, gate: RunningGate, alice: Browser) -> None:
    connection = shake_hands(house, alice, "/user/alice/ws")
    connection.settimeout(1.5)
    megabyte = bytes([0x82, 0xFF]) + (2**20).to_bytes(8, "big") + bytes(4) + bytes(2**20)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 200 * 2**20:
            sent += connection.send(megabyte[sent % len(megabyte) :])
    # What fits into the sockets, which grow, two messages in the upstream, and what the gate may keep.
    assert sent < 50 * 2**20
    # The other side of it: what was sent comes back, once it is read.
    connection.settimeout(20)
    received = 0
    while received < (sent // len(megabyte)) * (2**20 + 10):
        received += len(connection.recv(2**20))
    connection.close()


async def test_one_server_has_so_many_at_most(
    house: House, alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_OF_LAUNCH", 2)
    uri = "/user/alice/ws"
    sent = cookie_of(alice, uri)
    async with websocket(house, uri, sent), websocket(house, uri, sent):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with websocket(house, uri, sent):
                pass
        assert refused.value.status == 429
    await asyncio.to_thread(until_it_opens, house, alice, uri)


def until_it_opens(house: House, browser: Browser, uri: str) -> None:
    """The end of one makes room for another."""
    end = time.monotonic() + patient(5)
    while True:
        with contextlib.suppress(AssertionError):
            shake_hands(house, browser, uri).close()
            return
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_flood_of_empty_frames_costs_little(house: House, gate: RunningGate, alice: Browser) -> None:
    """One process judges everybody's requests; eight million of a container's headers took it 4 s."""

    async def cpu_seconds() -> float:
        return time.thread_time()

    before = gate.thread.call(cpu_seconds())
    connection = shake_hands(house, alice, "/user/alice/ws")
    connection.sendall(text_frame(b"flood"))
    received = 0
    while received < FLOOD_BYTES:
        received += len(connection.recv(2**20))
    assert gate.thread.call(cpu_seconds()) - before < 1
    connection.close()


def test_a_client_that_says_no_more_hears_the_rest(house: House, gate: RunningGate, alice: Browser) -> None:
    connection = shake_hands(house, alice, "/user/alice/ws?last=1")
    connection.shutdown(socket.SHUT_WR)
    received = b""
    while chunk := connection.recv(4096):
        received += chunk
    assert received == bytes((0x81, len(LAST_WORDS))) + LAST_WORDS
    connection.close()


async def test_messages_are_use_and_pings_are_not(house: House, gate: RunningGate) -> None:
    await asyncio.to_thread(house.start, "gina")
    gina = await asyncio.to_thread(house.browser, "gina")
    await asyncio.to_thread(gina.open, "/user/gina/lab")
    launch_id = launch(house, "gina").id
    flush = gate.gate.uses.flush

    def last() -> Any:
        gate.thread.call(flush())
        with house.site.store.reading() as tx:
            return server_uses.find(tx, launch_id)

    opened_page = await asyncio.to_thread(last)
    assert opened_page is not None
    uri = "/user/gina/api/kernels/1/channels"
    async with websocket(house, uri, cookie_of(gina, uri)) as opened:
        await opened.ping()
        await asyncio.sleep(0.2)
        assert await asyncio.to_thread(last) == opened_page, "opening and pings are none"
        await opened.send_str("execute")
        await opened.receive()
        used = await asyncio.to_thread(last)
        assert used.last_use > opened_page.last_use
    await asyncio.to_thread(gina.fetch, "/user/gina/api/kernels")
    await asyncio.to_thread(gina.fetch, "/user/gina/api/contents/folder")
    assert await asyncio.to_thread(last) == used, "polls are none"
    await asyncio.to_thread(house.browser().fetch, "/user/gina/api/contents/x", "PUT")
    assert await asyncio.to_thread(last) == used, "what does not pass is none"
    await asyncio.to_thread(gina.fetch, "/user/gina/api/contents/x", "PUT")
    assert (await asyncio.to_thread(last)).last_use > used.last_use
