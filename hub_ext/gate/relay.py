"""Open WebSockets between clients and containers: bytes both ways, judged again every three seconds.

The bytes pass as they are; only headers of frames are read, to count a person's messages and to know where a
close frame of ours may stand. Of a stream with too many of them none is read any more: all that comes counts,
and it ends without a close frame. A side that reads slowly slows the other: no more than the transports' own
buffers is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable

from hub_ext.gate.connection import Headers
from hub_ext.gate.frames import FrameBudget, FrameCounter, close_frame
from hub_ext.gate.judge import Judge
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.upgrade import UpgradeRefused, UpstreamHead, open_upstream
from hub_ext.gate.uses import Uses
from hub_ext.gate.verdicts import Pass

JUDGE_SECONDS = 3.0
HALF_CLOSED_SECONDS = 30.0
LAST_WORDS_SECONDS = 2.0  # for a close frame to leave
# JupyterLab has one for each kernel and terminal. Front and gate hold two connections for each.
MOST_OF_LAUNCH = 256
POLICY_VIOLATION = 1008
GOING_AWAY = 1001


class _Side(asyncio.Protocol):
    """One connection of a relay: what it receives is written to the other."""

    __slots__ = ("_count", "_relay", "ended", "frames", "gone", "other", "transport")

    def __init__(self, relay: Relay, count: Callable[[], None] | None) -> None:
        self._relay = relay
        self._count = count
        self.frames = FrameCounter()
        self.ended = False  # says no more
        self.gone = False
        self.other: _Side
        self.transport: asyncio.Transport

    def take(self, transport: asyncio.Transport) -> None:
        """Be the protocol of a connection that is there already."""
        self.transport = transport
        transport.set_protocol(self)

    def data_received(self, chunk: bytes) -> None:
        frames, budget = self.frames, self._relay.budget
        before, read_before = frames.data_frames, frames.frames
        if budget.is_spent:
            frames.lost = True
        frames.feed(chunk)
        budget.spend(frames.frames - read_before)
        if not self.other.transport.is_closing():
            self.other.transport.write(chunk)
        if self._count is not None and (frames.data_frames != before or frames.lost):
            self._count()

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        self.ended = True
        self._relay.half_closed()
        if not self.other.transport.is_closing() and self.other.transport.can_write_eof():
            with contextlib.suppress(OSError):
                self.other.transport.write_eof()
        return not self.other.ended  # False closes this side

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = self.gone = True
        self._relay.lost(self, error)


class Relay:
    """One open WebSocket."""

    def __init__(self, launch_id: str, count: Callable[[], None], budget: FrameBudget) -> None:
        self.launch_id = launch_id
        self.budget = budget
        self.closed = asyncio.Event()
        self.client = _Side(self, count)
        self.server = _Side(self, None)
        self.client.other, self.server.other = self.server, self.client
        self._timer: asyncio.TimerHandle | None = None

    def begin(
        self, upstream: UpstreamHead, client: asyncio.Transport, answer_head: bytes, early: bytes
    ) -> None:
        """Take both connections over, answer the client, and let bytes go both ways."""
        self.server.take(upstream.transport)
        self.client.take(client)
        client.write(answer_head)
        if upstream.rest:
            self.server.data_received(upstream.rest)
        if early:
            self.client.data_received(early)
        upstream.transport.resume_reading()

    def close(self, code: int) -> None:
        """End both sides. The client gets a close frame where one may stand now."""
        if self.closed.is_set():
            return
        client = self.client.transport
        # Where the server has said its last word, so has our side to the client.
        if self.server.frames.between_frames and not (client.is_closing() or self.server.ended):
            client.write(close_frame(code))
        self.server.transport.abort()
        client.close()
        self._abort_after(LAST_WORDS_SECONDS)

    def half_closed(self) -> None:
        """One side says no more; the other has some time left."""
        self._abort_after(HALF_CLOSED_SECONDS)

    def lost(self, side: _Side, error: Exception | None) -> None:
        """A side is gone. What it said before still reaches the other, unless it broke."""
        if side.other.gone:
            self._end()
        elif error is not None:
            side.other.transport.abort()
        else:
            side.other.transport.close()
            self._abort_after(HALF_CLOSED_SECONDS)

    def _abort_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._abort)

    def _abort(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.closed.set()


class Relays:
    """All open WebSockets of this gate."""

    def __init__(self, judge: Judge, uses: Uses) -> None:
        self._judge = judge
        self._uses = uses
        self._open: defaultdict[str, set[Relay]] = defaultdict(set)
        self._counts: Counter[str] = Counter()  # those that are being opened, too
        self._budgets: defaultdict[str, FrameBudget] = defaultdict(FrameBudget)

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    async def open(
        self,
        passed: Pass,
        request: OriginalRequest,
        headers: Headers,
        detach: Callable[[], tuple[asyncio.Transport, bytes]],
    ) -> UpgradeRefused | None:
        """Relay until one side ends or the right does; or why it cannot begin, with nothing detached."""
        launch_id = passed.server.launch_id
        if self._counts[launch_id] >= MOST_OF_LAUNCH:
            return UpgradeRefused(429)
        self._counts[launch_id] += 1
        try:
            return await self._relay(passed, request, headers, detach)
        finally:
            self._counts[launch_id] -= 1
            if not self._counts[launch_id]:
                del self._counts[launch_id]

    async def _relay(
        self,
        passed: Pass,
        request: OriginalRequest,
        headers: Headers,
        detach: Callable[[], tuple[asyncio.Transport, bytes]],
    ) -> UpgradeRefused | None:
        upstream = await open_upstream(passed, request, headers)
        if isinstance(upstream, UpgradeRefused):
            return upstream
        connection, answer_head = upstream
        launch_id = passed.server.launch_id
        relay = Relay(launch_id, lambda: self._uses.mark(launch_id), self._budgets[launch_id])
        try:
            client, early = detach()
            relay.begin(connection, client, answer_head, early)
        except ConnectionError:
            connection.transport.abort()
            return None
        except BaseException:
            connection.transport.abort()
            raise
        self._open[launch_id].add(relay)
        try:
            await self._watch(relay, request)
        finally:
            relay.close(GOING_AWAY)
            self._open[launch_id].discard(relay)
            if not self._open[launch_id]:
                del self._open[launch_id]
        return None

    def close_launches(self, launch_ids: frozenset[str]) -> None:
        """Close all relays of launches that are gone."""
        for launch_id in launch_ids:
            self._budgets.pop(launch_id, None)
            for relay in tuple(self._open.get(launch_id, ())):
                relay.close(POLICY_VIOLATION)

    def close_all(self) -> None:
        """The gate ends; pages open their WebSockets again by themselves."""
        for relays in tuple(self._open.values()):
            for relay in tuple(relays):
                relay.close(GOING_AWAY)

    async def _watch(self, relay: Relay, request: OriginalRequest) -> None:
        while True:
            try:
                async with asyncio.timeout(JUDGE_SECONDS):
                    await relay.closed.wait()
                return
            except TimeoutError:
                verdict = self._judge.at_once(request) or await self._judge.judge(request)
            if not (isinstance(verdict, Pass) and verdict.server.launch_id == relay.launch_id):
                relay.close(POLICY_VIOLATION)
                await relay.closed.wait()
                return
