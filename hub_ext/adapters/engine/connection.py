"""Threads, time limits and the translation of failures: how every call reaches the engine.

docker-py carries the bytes (one client per thread, its session is not thread-safe). Paths and bodies are
those of the Engine API, because docker-py's own methods lack keys that we need and mistake digests for tags.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import requests
from docker import APIClient
from docker.errors import DockerException

from hub_ext.adapters.engine.known import Known
from hub_ext.errors import EngineError, EngineUnreachable
from hub_ext.phrase import Phrase, Value
from hub_ext.settings import Settings

API_VERSION = "1.45"  # Engine 26: recursive read-only mounts, CDI, no DNS leak out of internal networks.
LABEL_INSTANCE = "io.hub-ext.instance"

_ABSENT = re.compile(r"no such (container|image|volume)|network \S+ not found", re.IGNORECASE)

T = TypeVar("T")
Parameters = Mapping[str, str | int]


class Lane(Enum):
    """Threads that share a queue, so that one kind of call never waits for another kind."""

    CHEAP = "cheap"  # answers at once; waiting in line counts towards the time limit
    START = "start"  # creates and starts: waiting in line is not failing
    STOP = "stop"  # sleeps while a server saves
    SLOW = "slow"  # pulls and measurements


_STOP_THREADS = 16
_SLOW_THREADS = 8
_CHEAP_THREADS = 8


class EngineAnswered(EngineError):
    """The engine answered with a failure. `said` is its text; it may name host paths."""

    def __init__(self, what: str, status: int, said: str | Phrase) -> None:
        super().__init__(
            "The engine could not {what}: {said} (HTTP {status}).",
            what=Phrase(what),
            said=said or Phrase("no reason given"),
            status=status,
        )
        self.status = status
        self.said = str(said)

    @property
    def absent(self) -> bool:
        """Whether the engine says that the thing does not exist: nothing else counts as absence."""
        return self.status == 404 and bool(_ABSENT.search(self.said))


@dataclass(frozen=True, slots=True)
class Answer:
    """A status below 400, and its body."""

    status: int
    content: bytes

    def json(self) -> Any:
        """The parsed body. Raises EngineError where it is not JSON."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise EngineError("The engine's answer is not JSON: it cannot be trusted.") from error


class Connection:
    """Calls to one engine from its own threads. Every public method of the rooms is a coroutine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.known = Known()
        self._mine = threading.local()
        self._clients: list[APIClient] = []
        self._lanes = {
            Lane.CHEAP: ThreadPoolExecutor(_CHEAP_THREADS, "engine-cheap"),
            Lane.START: ThreadPoolExecutor(2 * settings.concurrent_starts, "engine-start"),
            Lane.STOP: ThreadPoolExecutor(_STOP_THREADS, "engine-stop"),
            Lane.SLOW: ThreadPoolExecutor(_SLOW_THREADS, "engine-slow"),
        }

    def close(self) -> None:
        """Takes no more calls and lets go of the threads. Calls under way end by themselves."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    async def _call(
        self,
        what: str,
        method: str,
        path: str,
        *,
        parameters: Parameters | None = None,
        body: Any = None,
        content: bytes | None = None,
        lane: Lane = Lane.CHEAP,
        seconds: float | None = None,
    ) -> Answer:
        """One call of the Engine API. `what` completes "The engine could not …".

        Raises EngineUnreachable after `seconds` (engine_seconds by default), EngineAnswered on a failure.
        """
        limit = seconds or self._settings.engine_seconds

        def once() -> Answer:
            with self._request(
                what, method, path, seconds=limit, parameters=parameters, body=body, content=content
            ) as response:
                return Answer(response.status_code, response.content)

        work = self._in_lane(lane, lambda: self._translated(what, once))
        if lane is not Lane.CHEAP:
            return await work
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError as error:
            raise unreachable(what, "no answer within {limit} s", limit=limit) from error

    async def _in_lane(self, lane: Lane, work: Callable[[], T]) -> T:
        """Runs `work` in a lane's thread.

        Cancelled while a change is under way (START, STOP), it waits for the thread before it gives in:
        whoever cleans up afterwards then sees what the engine made.
        """
        pending: Future[T] = self._lanes[lane].submit(work)
        future = asyncio.wrap_future(pending)
        if lane in (Lane.CHEAP, Lane.SLOW):
            return await future
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not pending.cancel():
                await asyncio.wait([future])
                with suppress(Exception):
                    future.result()
            raise

    def _request(
        self,
        what: str,
        method: str,
        path: str,
        *,
        seconds: float,
        parameters: Parameters | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """A response below 400, in the calling thread. `seconds` bounds each silence, not the whole."""
        sent = dict(headers or {})
        if content is not None:
            sent["Content-Type"] = "application/x-tar"
        client = self._client()
        response = client.request(
            method,
            f"{client.base_url}/v{API_VERSION}{path}",
            params=dict(parameters or {}),
            json=body,
            data=content,
            headers=sent,
            timeout=seconds,
            stream=stream,
        )
        if response.status_code >= 400:
            with response:
                raise EngineAnswered(what, response.status_code, _said(response))
        return response

    def _client(self) -> APIClient:
        client: APIClient | None = getattr(self._mine, "client", None)
        if client is None:
            # docker-py keeps a pool for every URL; one is enough for a thread that makes one call at a time.
            client = APIClient(
                base_url=self._settings.engine_url,
                version=API_VERSION,
                timeout=self._settings.engine_seconds,
                num_pools=1,
            )
            client.trust_env = False
            self._mine.client = client
            self._clients.append(client)
        return client

    @staticmethod
    def _translated(what: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except requests.Timeout as error:
            raise unreachable(what, "no answer within the time allowed") from error
        except (requests.RequestException, DockerException, OSError) as error:
            raise unreachable(what, "the connection failed") from error


def unreachable(what: str, why: str, /, **values: Value) -> EngineUnreachable:
    """No answer: whether the engine did it is unknown."""
    return EngineUnreachable(
        "The engine did not answer when asked to {what}: {why}.",
        advice="`make run` starts hub-ext's own engine; of the host's, `docker version` tells "
        "whether it runs.",
        what=Phrase(what),
        why=Phrase(why, **values),
    )


def _said(response: requests.Response) -> str | Phrase:
    try:
        return str(response.json()["message"]).strip()
    except (ValueError, KeyError, TypeError):
        # Not the engine's own words (a proxy's page, perhaps): quoted, but never taken for "absent".
        return (
            Phrase("an answer that is no engine's: {text!r}", text=response.text[:80])
            if response.text
            else ""
        )
