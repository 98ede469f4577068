"""A Hub that does not answer: refused, too late, or an error of its own. And what the gate remembers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.gate import hub as hub_module
from hub_ext.gate import rights as rights_module
from hub_ext.gate.hub import HubClient
from hub_ext.gate.rights import Right, Rights
from hub_ext.gate.routes import OpenServer
from hub_ext.settings import Settings
from tests.gate.conftest import Clock
from tests.support.patience import patient
from tests.support.until import until

SCOPES = ("access:servers!server=alice/", "access:servers!user=alice")
SECRETS = LaunchSecrets("secret", "client", "client-secret", SCOPES, "/user/alice/oauth_callback")
SERVER = OpenServer(
    "lau-1", "alice", "", "/user/alice/", "127.0.0.1:1", SECRETS.oauth_callback_url, "", SECRETS
)


@dataclass
class MoodyHub:
    """Answers as it is told: `mood` gives a status, or None to hang."""

    mood: Callable[[str], int | None]
    scopes: list[str] = field(default_factory=lambda: ["access:servers!server=alice/"])
    tokens: list[str] = field(default_factory=list)  # that it was asked about
    body: str | None = None
    port: int = 0
    server: HTTPServer | None = None

    def listen(self) -> None:
        """On the port of before, or a new one."""
        sockets = bind_sockets(self.port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.server = HTTPServer(
            web.Application([(r"/hub/api/user", _User, {"hub": self})], log_function=lambda handler: None)
        )
        self.server.add_sockets(sockets)

    async def close(self) -> None:
        """Refuses connections."""
        if self.server is not None:
            self.server.stop()
            await self.server.close_all_connections()
            self.server = None


class _User(web.RequestHandler):
    def initialize(self, hub: MoodyHub) -> None:
        self.hub = hub

    async def get(self) -> None:
        token = self.request.headers["Authorization"].partition(" ")[2]
        self.hub.tokens.append(token)
        status = self.hub.mood(token)
        if status is None:
            await asyncio.sleep(60)
        elif status == 200:
            self.finish(
                self.hub.body or json.dumps({"kind": "user", "name": "alice", "scopes": self.hub.scopes})
            )
        else:
            self.set_status(status)
            self.finish("{}")


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[MoodyHub]:
    """A Hub that says yes."""
    made = MoodyHub(lambda token: 200)
    made.listen()
    yield made
    await made.close()


@pytest.fixture
def clock() -> Clock:
    """The time that the gate sees."""
    return Clock()


@pytest_asyncio.fixture
async def rights(
    hub: MoodyHub, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rights]:
    """What the gate keeps of that Hub's answers; half a second is too late."""
    monkeypatch.setattr(hub_module, "ASK_SECONDS", 0.5)
    async with HubClient(Settings(state_dir=tmp_path, hub_port=hub.port)) as client:
        yield Rights(client, clock)


async def test_a_yes_is_kept_and_asked_again_behind_the_callers_back(
    hub: MoodyHub, rights: Rights, clock: Clock
) -> None:
    assert rights.answer(SERVER, "t") is None
    assert await rights.find(SERVER, "t") is Right.YES
    assert rights.answer(SERVER, "t") is Right.YES
    clock.ahead = 2.5
    assert rights.answer(SERVER, "t") is Right.YES
    await asyncio.sleep(0.1)
    assert hub.tokens == ["t"]
    clock.ahead = 3.5
    assert [rights.answer(SERVER, "t") for _ in range(5)] == [Right.YES] * 5, "nobody waits"
    await until(lambda: len(hub.tokens) == 2)
    await asyncio.sleep(0.1)
    assert len(hub.tokens) == 2, "one question for all of them"
    clock.ahead = 9.5
    assert rights.answer(SERVER, "t") is None, "too old to be used unasked"


async def test_callers_share_a_question(hub: MoodyHub, rights: Rights) -> None:
    answers = await asyncio.gather(*(rights.find(SERVER, "t") for _ in range(50)))
    assert answers == [Right.YES] * 50
    assert hub.tokens == ["t"]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_no_is_a_no_at_once(hub: MoodyHub, rights: Rights, clock: Clock, status: int) -> None:
    assert await rights.find(SERVER, "t") is Right.YES
    hub.mood = lambda token: status
    clock.ahead = 3.5
    assert rights.answer(SERVER, "t") is Right.YES
    await until(lambda: rights.answer(SERVER, "t") is Right.UNKNOWN)


async def test_a_lost_scope_is_no_right(hub: MoodyHub, rights: Rights, clock: Clock) -> None:
    assert await rights.find(SERVER, "t") is Right.YES
    hub.scopes = ["access:servers!server=alice/other", "access:servers!user=alicex", "read:users"]
    clock.ahead = 6
    assert await rights.find(SERVER, "t") is Right.NO_RIGHT


@pytest.mark.parametrize(
    ("scope", "right"),
    [
        ("access:servers", Right.YES),
        ("access:servers!user=alice", Right.YES),
        ("access:servers!server=alice/", Right.YES),
        ("access:servers!server=alice/x", Right.NO_RIGHT),
        ("access:servers!user=ali", Right.NO_RIGHT),
        ("access:services", Right.NO_RIGHT),
        ("admin:servers", Right.NO_RIGHT),
    ],
)
async def test_scopes_as_jupyterhub_reads_them(
    hub: MoodyHub, rights: Rights, scope: str, right: Right
) -> None:
    hub.scopes = [scope]
    assert await rights.find(SERVER, "t") is right


SILENCES: dict[str, Callable[[str], int | None]] = {
    "error": lambda token: 500,
    "gateway": lambda token: 503,
    "too many": lambda token: 429,
    "redirect": lambda token: 302,
    "hangs": lambda token: None,
}


@pytest.mark.parametrize("silence", [*SILENCES, "refuses", "babbles"])
async def test_in_silence_a_yes_holds_for_ten_minutes(
    hub: MoodyHub, rights: Rights, clock: Clock, silence: str
) -> None:
    assert await rights.find(SERVER, "t") is Right.YES
    if silence == "refuses":
        await hub.close()
    elif silence == "babbles":
        hub.body = "<html>"
    else:
        hub.mood = SILENCES[silence]
    clock.ahead = 20
    assert await rights.find(SERVER, "t") is Right.YES
    assert rights.answer(SERVER, "t") is Right.YES, "in a silence nobody waits twice"
    assert await rights.find(SERVER, "stranger") is Right.SILENT
    clock.ahead = 590
    assert await rights.find(SERVER, "t") is Right.YES
    clock.ahead = 610
    assert await rights.find(SERVER, "t") is Right.SILENT
    # It speaks again.
    if silence == "refuses":
        hub.listen()
    hub.mood, hub.body = (lambda token: 200), None
    assert await rights.find(SERVER, "t") is Right.YES


async def test_silence_ends_with_a_no(hub: MoodyHub, rights: Rights, clock: Clock) -> None:
    assert await rights.find(SERVER, "t") is Right.YES
    hub.mood = lambda token: 500
    clock.ahead = 100
    assert await rights.find(SERVER, "t") is Right.YES
    hub.mood = lambda token: 403
    rights.answer(SERVER, "t")
    await until(lambda: rights.answer(SERVER, "t") is Right.UNKNOWN)


async def test_a_closed_launch_is_forgotten(hub: MoodyHub, rights: Rights) -> None:
    assert await rights.find(SERVER, "t") is Right.YES
    hub.mood = lambda token: 500
    rights.forget(frozenset({"lau-1"}))
    assert await rights.find(SERVER, "t") is Right.SILENT


async def test_what_is_kept_is_bounded(
    hub: MoodyHub, rights: Rights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights_module, "MOST_YES", 5)
    monkeypatch.setattr(rights_module, "MOST_NO", 5)
    hub.mood = lambda token: 200 if token.startswith("yes") else 403
    await rights.find(SERVER, "yes-first")
    for number in range(4):
        await rights.find(SERVER, f"yes-{number}")
    assert rights.answer(SERVER, "yes-first") is Right.YES  # used last
    for number in range(40):
        await rights.find(SERVER, f"no-{number}")
    assert rights.answer(SERVER, "yes-first") is Right.YES, "strangers push nobody out"
    await rights.find(SERVER, "yes-new")
    assert rights.answer(SERVER, "yes-0") is None
    assert len(rights) == 10


async def test_strangers_do_not_keep_people_waiting(hub: MoodyHub, rights: Rights, clock: Clock) -> None:
    assert await rights.find(SERVER, "t") is Right.YES
    hub.mood = lambda token: 200 if token == "t" else None
    strangers = [asyncio.create_task(rights.find(SERVER, f"stranger-{number}")) for number in range(40)]
    await asyncio.sleep(0.1)
    clock.ahead = 6
    assert await asyncio.wait_for(rights.find(SERVER, "t"), 0.4) is Right.YES
    for task in strangers:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_strangers_at_one_door_hold_up_no_other(hub: MoodyHub, rights: Rights) -> None:
    """Their questions go on when they have left: the line behind one door has an end."""
    hub.mood = lambda token: 200 if token == "t" else None
    other = replace(SERVER, launch_id="lau-2")
    strangers = [asyncio.create_task(rights.find(SERVER, f"stranger-{number}")) for number in range(400)]
    await asyncio.sleep(0.1)
    assert await asyncio.wait_for(rights.find(other, "t"), 0.4) is Right.YES
    begun = asyncio.get_running_loop().time()
    for task in strangers:
        task.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)
    hub.mood = lambda token: 200
    for _ in range(200):
        if await rights.find(SERVER, "t") is Right.YES:
            break
        await asyncio.sleep(0.05)
    assert asyncio.get_running_loop().time() - begun < patient(5)
    assert len(hub.tokens) < 60


async def test_tokens_that_no_header_can_carry(hub: MoodyHub, rights: Rights) -> None:
    for token in ("a\nHost: b", "\x00", "é", "\ud800"):
        assert await rights.find(SERVER, token) is Right.UNKNOWN
    assert hub.tokens == []
