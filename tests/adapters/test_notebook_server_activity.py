"""What a server says of its kernels: believed where it is Jupyter's answer, unknown whatever else it is."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.utils import url_escape_path, url_path_join

from hub_ext.adapters import notebook_server
from hub_ext.adapters.notebook_server import MOST_BYTES, MOST_KERNELS, activity, base_path
from hub_ext.model.server_activity import KernelActivity, NoActivity, ServerActivity
from tests.support.notebook_servers import NotebookServer, kernel, notebook_servers, stamp, terminal
from tests.support.patience import patient

THEN = datetime(2026, 5, 4, 8, 0, 0, 123456, tzinfo=UTC)
PATH = "/user/ada/"
MIB = 1024**2


SECRET = "secret"


async def ask(upstream: str, path: str = PATH, token: str = SECRET, seconds: float = 2.0) -> Any:
    async with notebook_server.session(2) as client:
        return await activity(client, upstream, path, token, seconds=seconds)


# --- Jupyter's answers ----------------------------------------------------------------------------------


async def test_kernels_and_terminals_are_read() -> None:
    async with notebook_servers() as house:
        later = THEN + timedelta(hours=1)
        server = NotebookServer(SECRET, [kernel("busy", THEN), kernel("idle", later)], [terminal(later)])
        house.servers[PATH] = server
        assert await ask(house.upstream) == ServerActivity(
            (KernelActivity("busy", THEN), KernelActivity("idle", later)), (later,)
        )
        # Else our own questions would keep the server in use for ever.
        assert server.questions == ["kernels?no_track_activity=1", "terminals?no_track_activity=1"]


async def test_a_server_without_kernels_or_terminals_says_so() -> None:
    async with notebook_servers() as house:
        house.servers[PATH] = NotebookServer(SECRET)
        assert await ask(house.upstream) == ServerActivity()
        house.servers[PATH].terminals = None
        assert await ask(house.upstream) == ServerActivity()


async def test_whoever_does_not_let_us_in_is_unknown() -> None:
    async with notebook_servers() as house:
        house.servers[PATH] = NotebookServer(SECRET)
        assert await ask(house.upstream, token="another") is NoActivity.UNKNOWN
        assert await ask(house.upstream, path="/user/bob/") is NoActivity.UNKNOWN
        house.servers[PATH].status = 500
        assert await ask(house.upstream) is NoActivity.UNKNOWN


@pytest.mark.parametrize("server_name", ["", "gpu", "été 2", "a/b", "a%2Fb"])
@pytest.mark.parametrize(
    "username",
    ["ada", "ada@x.example", "a b", "a~b", "é", "a+b", "a/../b", "a?b#c", "(a)!*'", "a:b;c=d&e$f,"],
)
async def test_the_path_is_the_hubs_and_reaches_the_server_as_it_is(username: str, server_name: str) -> None:
    path = base_path(username, server_name)
    # As jupyterhub.user.User composes it.
    user = url_path_join("/", "user", url_escape_path(username), "/")
    assert path == url_path_join(user, url_escape_path(server_name), "/")
    async with notebook_servers() as house:
        house.servers[path] = NotebookServer(SECRET, [kernel("idle", THEN)])
        assert await ask(house.upstream, path) == ServerActivity((KernelActivity("idle", THEN),))


# --- hostile ones ---------------------------------------------------------------------------------------


Write = Callable[[bytes], Awaitable[None]]


class Hostile:
    """A server that says what a test makes it say, to the question for kernels; and who came."""

    def __init__(self) -> None:
        self.upstream = ""
        self.requests: list[bytes] = []
        self.written = 0
        self.say: Callable[[Write], Awaitable[None]] | None = None
        self.kernels: bytes | None = None
        self.terminals: bytes = b"[]"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            if b"/api/kernels" not in request:
                writer.write(whole(self.terminals))
            elif self.kernels is not None:
                writer.write(whole(self.kernels))
            elif self.say is not None:

                async def write(said: bytes) -> None:
                    writer.write(said)
                    self.written += len(said)
                    await writer.drain()

                await self.say(write)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def whole(body: bytes, head: bytes = b"HTTP/1.1 200 OK", *more: bytes) -> bytes:
    """An answer with its length."""
    return b"\r\n".join([head, b"Content-Length: %d" % len(body), *more, b"", body])


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    server = Hostile()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.upstream = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()


def said(**other: Any) -> dict[str, Any]:
    return kernel("idle", THEN) | other


async def test_the_control_a_hostile_server_that_behaves_is_believed(hostile: Hostile) -> None:
    hostile.kernels = json.dumps([said()]).encode()
    assert await ask(hostile.upstream) == ServerActivity((KernelActivity("idle", THEN),))
    assert len(hostile.requests) == 2
    for request in hostile.requests:
        assert b"Authorization: token secret\r\n" in request


@pytest.mark.parametrize(
    "kernels",
    [
        b"",
        b"no JSON",
        b"\x00\xff",
        b"null",
        b"{}",
        b"[1]",
        b"[null]",
        b"[{}]",
        b"[[" * 100_000,
        b"[" + b"9" * 100_000 + b"]",
        json.dumps([said(execution_state=None)]).encode(),
        json.dumps([said(execution_state=7)]).encode(),
        json.dumps([said(execution_state="x" * 33)]).encode(),
        json.dumps([said(last_activity=None)]).encode(),
        json.dumps([said(last_activity=1_777_000_000)]).encode(),
        json.dumps([said(last_activity="yesterday")]).encode(),
        json.dumps([said(last_activity="2026-05-04T08:00:00")]).encode(),
        json.dumps([said(last_activity="9999-12-31T23:59:59-23:59")]).encode(),
        json.dumps([said(last_activity="0001-01-01T00:00:00+23:59")]).encode(),
        json.dumps([said(), said(last_activity=[])]).encode(),
        json.dumps([said()] * (MOST_KERNELS + 1)).encode(),
        json.dumps([said(name="x" * MOST_BYTES)]).encode(),
    ],
    ids=range(22),
)
async def test_an_answer_that_is_not_jupyters_is_unknown(hostile: Hostile, kernels: bytes) -> None:
    hostile.kernels = kernels
    assert await ask(hostile.upstream) is NoActivity.UNKNOWN


@pytest.mark.parametrize(
    "terminals",
    [b"", b"{}", b"[1]", json.dumps([{"name": "1"}]).encode(), b"[" + b'{"a":1},' * 50_000 + b"{}]"],
    ids=range(5),
)
async def test_terminals_that_are_none_make_the_whole_unknown(hostile: Hostile, terminals: bytes) -> None:
    hostile.kernels, hostile.terminals = json.dumps([said()]).encode(), terminals
    assert await ask(hostile.upstream) is NoActivity.UNKNOWN


async def test_as_many_as_may_be_are_read(hostile: Hostile) -> None:
    hostile.kernels = json.dumps([said()] * MOST_KERNELS).encode()
    answer = await ask(hostile.upstream)
    assert len(answer.kernels) == MOST_KERNELS


async def test_times_to_come_are_read_as_they_are(hostile: Hostile) -> None:
    """Who judges them caps them: policy.idle."""
    when = datetime(2999, 1, 1, tzinfo=UTC)
    hostile.kernels = json.dumps([said(last_activity=stamp(when))]).encode()
    assert await ask(hostile.upstream) == ServerActivity((KernelActivity("idle", when),))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2000)) + b"\r\n[]",
    ],
    ids=range(10),
)
async def test_broken_http_is_unknown(hostile: Hostile, answer: bytes) -> None:
    async def say(write: Write) -> None:
        await write(answer)

    hostile.say = say
    assert await ask(hostile.upstream) is NoActivity.UNKNOWN


def peak_bytes() -> int:
    """The most memory that this process held since `forget_peak`."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def forget_peak() -> int:
    """The memory that this process holds now, from which on its peak is taken anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 8192),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n" * 4096),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1024),
    ],
    ids=["body", "chunks", "chunk extension", "headers", "one header", "interim answers"],
)
async def test_an_endless_answer_is_left_early_and_fills_no_memory(
    hostile: Hostile, head: bytes, part: bytes
) -> None:
    async def say(write: Write) -> None:
        await write(head)
        while True:
            await write(part)

    hostile.say = say
    before, begun = forget_peak(), time.monotonic()
    assert await ask(hostile.upstream, seconds=1.0) is NoActivity.UNKNOWN
    assert time.monotonic() - begun < patient(3)
    assert peak_bytes() - before < 16 * MIB


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
async def test_an_answer_that_is_packed_is_not_unpacked(hostile: Hostile, encoding: bytes) -> None:
    pack = gzip.compress if encoding == b"gzip" else zlib.compress

    for packed in (pack(b"[]"), pack(b" " * (200 * MIB))):
        assert len(packed) < MOST_BYTES

        async def say(write: Write, body: bytes = packed) -> None:
            await write(whole(body, b"HTTP/1.1 200 OK", b"Content-Encoding: " + encoding))

        hostile.say = say
        before = forget_peak()
        assert await ask(hostile.upstream) is NoActivity.UNKNOWN
        assert peak_bytes() - before < 16 * MIB


async def test_a_length_beyond_all_bounds_is_not_waited_for(hostile: Hostile) -> None:
    async def say(write: Write) -> None:
        await write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        await write(b" " * (MOST_BYTES + 1))
        await asyncio.sleep(60)

    hostile.say = say
    begun = time.monotonic()
    assert await ask(hostile.upstream, seconds=20) is NoActivity.UNKNOWN
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n["])
async def test_one_that_drips_or_hangs_has_its_time_and_no_more(hostile: Hostile, head: bytes) -> None:
    async def say(write: Write) -> None:
        await write(head)
        for _ in range(100):
            await asyncio.sleep(0.1)
            await write(b" " if head else b"H")

    hostile.say = say
    begun = time.monotonic()
    assert await ask(hostile.upstream, seconds=0.5) is NoActivity.UNKNOWN
    assert time.monotonic() - begun < 2


async def test_both_questions_share_the_time_of_one_server() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.4)
        writer.write(whole(b"[]"))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as listening:
        upstream = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        assert await ask(upstream, seconds=3) == ServerActivity()  # the control
        assert await ask(upstream, seconds=0.6) is NoActivity.UNKNOWN


# --- nowhere else ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(hostile: Hostile, status: int) -> None:
    async with notebook_servers() as house:
        house.servers[PATH] = NotebookServer(SECRET)
        assert await ask(house.upstream) == ServerActivity()  # where it leads, there is an answer
        house.servers[PATH].questions.clear()
        place = f"http://{house.upstream}{PATH}api/kernels".encode()

        async def say(write: Write) -> None:
            await write(whole(b"[]", b"HTTP/1.1 %d Moved" % status, b"Location: " + place))

        hostile.say = say
        assert await ask(hostile.upstream) is NoActivity.UNKNOWN
        assert house.servers[PATH].questions == []
        assert len(hostile.requests) == 1


async def test_no_proxy_of_the_environment_is_asked(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{hostile.upstream}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with notebook_servers() as house:
        house.servers[PATH] = NotebookServer(SECRET)
        assert await ask(house.upstream) == ServerActivity()
    assert hostile.requests == []


async def test_a_cookie_is_not_kept(hostile: Hostile) -> None:
    async def say(write: Write) -> None:
        await write(whole(b"[]", b"HTTP/1.1 200 OK", b"Set-Cookie: a=b; Path=/"))

    hostile.say = say
    async with notebook_server.session(2) as client:
        for _ in range(2):
            assert await activity(client, hostile.upstream, PATH, SECRET) == ServerActivity()
    assert not [request for request in hostile.requests if b"ookie" in request]


async def test_nobody_there() -> None:
    assert await ask("127.0.0.1:1") is NoActivity.UNKNOWN


@pytest.mark.parametrize(
    "upstream", ["", "localhost:80", "127.0.0.1", "127.0.0.1:x", "127.1:80", "a@1.2.3.4:80"]
)
async def test_what_is_no_address_is_not_looked_up(upstream: str) -> None:
    assert await ask(upstream) is NoActivity.UNKNOWN
