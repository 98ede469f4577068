"""Whether a token opens a server, with an answer of the Hub that is at most five seconds old.

A yes is kept for five seconds and asked for again, behind the caller's back, once it is older than three.
While the Hub is silent a yes holds for ten minutes. A no takes a yes away at once, and is itself kept for a
second.

Anybody can show made-up tokens, and a question goes on when its caller has left. So each launch has a few
questions at a time and a short line behind them, and whoever comes then is told that the Hub is silent: the
other launches wait for none of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from jupyterhub.services.auth import check_scopes

from hub_ext.gate.hub import HubClient, HubSilentError
from hub_ext.gate.routes import OpenServer

REFRESH_SECONDS = 3.0
YES_SECONDS = 5.0
NO_SECONDS = 1.0
HOLD_SECONDS = 600.0
# After a silence, a yes is used without waiting for the Hub again for so long.
SILENCE_SECONDS = 2.0
MOST_YES = 20_000
MOST_NO = 2_000
MOST_QUESTIONS = 16  # at once, of each kind
MOST_QUESTIONS_OF_LAUNCH = 4
MOST_NEWCOMERS_OF_LAUNCH = 32  # those that wait included

log = logging.getLogger("hub_ext.gate")


class Right(Enum):
    """What the Hub says of a token and a server."""

    YES = "yes"
    NO_RIGHT = "no-right"  # somebody's token, without a scope for this server
    UNKNOWN = "unknown"  # nobody's, or ended
    SILENT = "silent"  # the Hub does not answer, and said no yes in the last ten minutes


class _Credential(NamedTuple):
    launch_id: str
    token: str


class Rights:
    """Answers by launch and token. `clock` is monotonic, in seconds."""

    def __init__(self, hub: HubClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._clock = clock
        self._yes: OrderedDict[_Credential, float] = OrderedDict()  # when the Hub was asked
        self._no: OrderedDict[_Credential, tuple[float, Right]] = OrderedDict()
        self._questions: dict[_Credential, asyncio.Task[Right]] = {}
        self._silent_until = float("-inf")
        # Strangers with made-up tokens must not keep those waiting who are in.
        self._newcomers = asyncio.Semaphore(MOST_QUESTIONS)
        self._refreshes = asyncio.Semaphore(MOST_QUESTIONS)
        self._turns: defaultdict[tuple[str, bool], asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(MOST_QUESTIONS_OF_LAUNCH)
        )
        self._newcomers_of: Counter[str] = Counter()

    def answer(self, server: OpenServer, token: str) -> Right | None:
        """The answer at hand; None where the Hub must be asked first. Never waits."""
        credential = _Credential(server.launch_id, token)
        now = self._clock()
        asked_at = self._yes.get(credential)
        if asked_at is not None:
            age = now - asked_at
            if age > REFRESH_SECONDS and credential not in self._questions:
                self._ask(server, credential)
            if age <= YES_SECONDS or (age <= HOLD_SECONDS and now < self._silent_until):
                self._yes.move_to_end(credential)
                return Right.YES
            return None
        if no := self._no.get(credential):
            answered_at, right = no
            if now - answered_at <= NO_SECONDS:
                return right
            del self._no[credential]
        return None

    async def find(self, server: OpenServer, token: str) -> Right:
        """The answer, asked of the Hub where none is at hand. Callers at the same time share a question."""
        right = self.answer(server, token)
        if right is not None:
            return right
        credential = _Credential(server.launch_id, token)
        question = self._questions.get(credential)
        if question is None:
            if (
                self._newcomers_of[server.launch_id] >= MOST_NEWCOMERS_OF_LAUNCH
                and credential not in self._yes
            ):
                return Right.SILENT
            question = self._ask(server, credential)
        return await asyncio.shield(question)

    def forget(self, launch_ids: frozenset[str]) -> None:
        """Drop all answers for these launches."""
        for kept in (self._yes, self._no):
            for credential in [key for key in kept if key.launch_id in launch_ids]:
                del kept[credential]
        for launch_id in launch_ids:
            for refreshes in (True, False):
                self._turns.pop((launch_id, refreshes), None)

    def __len__(self) -> int:
        return len(self._yes) + len(self._no)

    def _ask(self, server: OpenServer, credential: _Credential) -> asyncio.Task[Right]:
        refreshes = credential in self._yes
        task = asyncio.create_task(self._question(server, credential, refreshes))
        self._questions[credential] = task
        self._newcomers_of[server.launch_id] += not refreshes

        def done(_: asyncio.Task[Right]) -> None:
            self._questions.pop(credential, None)
            self._newcomers_of[server.launch_id] -= not refreshes
            if not self._newcomers_of[server.launch_id]:
                del self._newcomers_of[server.launch_id]

        task.add_done_callback(done)
        return task

    async def _question(self, server: OpenServer, credential: _Credential, refreshes: bool) -> Right:
        turn = self._turns[credential.launch_id, refreshes]
        async with turn, self._refreshes if refreshes else self._newcomers:
            asked_at = self._clock()
            try:
                owner = await self._hub.owner_of(credential.token)
            except HubSilentError as error:
                return self._in_silence(credential, error)
            self._silent_until = float("-inf")
            if owner is None:
                return self._keep_no(credential, Right.UNKNOWN)
            # JupyterHub's own code: it knows what "access:servers!user=alice" includes.
            if not check_scopes(set(server.secrets.oauth_scopes), set(owner.scopes)):
                return self._keep_no(credential, Right.NO_RIGHT)
            self._yes[credential] = asked_at
            self._yes.move_to_end(credential)
            _bound(self._yes, MOST_YES)
            return Right.YES

    def _in_silence(self, credential: _Credential, error: HubSilentError) -> Right:
        now = self._clock()
        if now >= self._silent_until:
            log.warning("%s", error)
        self._silent_until = now + SILENCE_SECONDS
        asked_at = self._yes.get(credential)
        if asked_at is None:
            return Right.SILENT
        if now - asked_at <= HOLD_SECONDS:
            return Right.YES
        del self._yes[credential]
        return Right.SILENT

    def _keep_no(self, credential: _Credential, right: Right) -> Right:
        self._yes.pop(credential, None)
        self._no[credential] = (self._clock(), right)
        _bound(self._no, MOST_NO)
        return right


def _bound(kept: OrderedDict[_Credential, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
