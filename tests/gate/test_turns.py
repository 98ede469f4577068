"""Who asks for many pages keeps nobody waiting who is in."""

from __future__ import annotations

import asyncio

import pytest

from hub_ext.gate import door
from tests.gate.conftest import House, RunningGate

MANY = 400


def request(house: House, target: str, uri: str, *headers: str) -> bytes:
    """As the front hands it over."""
    more = house.browser().front.headers("GET", uri, {"Host": "gate"})
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in more.items()), *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def status(reader: asyncio.StreamReader) -> int:
    return int((await reader.readuntil(b"\r\n\r\n")).split()[1])


async def test_pages_for_strangers_come_after_requests_of_who_is_in(house: House, gate: RunningGate) -> None:
    house.start("tara")
    socket = str(house.site.settings.gate_socket)
    token = house.new_token("tara", "access:servers!user=tara")
    check = request(house, "/check", "/user/tara/api", f"Authorization: token {token}")
    page = request(house, "/answer", "/user/tara/lab", "Accept: text/html")
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(check)
    assert await status(reader) == 204

    strangers = [await asyncio.open_unix_connection(socket) for _ in range(MANY)]
    try:
        for _, to_gate in strangers:
            to_gate.write(page)
        pages = [asyncio.create_task(status(from_gate)) for from_gate, _ in strangers]
        await asyncio.wait(pages, return_when=asyncio.FIRST_COMPLETED)
        writer.write(check)
        assert await status(reader) == 204
        assert sum(one.done() for one in pages) < MANY / 2
        assert set(await asyncio.gather(*pages)) == {302}, "the control: each gets its page"
    finally:
        for to_gate in (writer, *(one for _, one in strangers)):
            to_gate.close()


async def test_pages_that_wait_have_a_bound(
    house: House, gate: RunningGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_PAGES", 50)
    house.start("tara")
    socket = str(house.site.settings.gate_socket)
    page = request(house, "/answer", "/user/tara/lab", "Accept: text/html")
    strangers = [await asyncio.open_unix_connection(socket) for _ in range(MANY)]
    try:
        for _, to_gate in strangers:
            to_gate.write(page)
        answers = await asyncio.gather(*(status(reader) for reader, _ in strangers))
        assert set(answers) == {302, 503}
        assert answers.count(302) >= 50
    finally:
        for _, to_gate in strangers:
            to_gate.close()
