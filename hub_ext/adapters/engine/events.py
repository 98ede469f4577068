"""What happens to containers, as it happens."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub_ext.adapters.engine.connection import Connection, unreachable
from hub_ext.errors import EngineError

ACTIONS = ("start", "die", "oom", "destroy")
# The engine ends each stream at a set instant, so that a hung engine and a caller that left are both noticed.
_WINDOW_SECONDS = 30
_EARLY_SECONDS = 2  # an earlier end of a stream is a broken one


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """`action` is start, die, oom or destroy; `exit_code` is known for die."""

    id: str
    name: str
    action: str
    time: datetime
    labels: Mapping[str, str]
    exit_code: int | None = None


class Events(Connection):
    """One daemon thread for each listener."""

    async def events(self, labels: Mapping[str, str]) -> AsyncIterator[ContainerEvent]:
        """Events of containers with all of `labels`, from now on, until the caller leaves.

        Raises EngineError when the stream breaks: list again, then listen again, for the engine keeps only
        its last 256 events.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ContainerEvent | EngineError] = asyncio.Queue()
        left = threading.Event()

        def hand_over(item: ContainerEvent | EngineError) -> None:
            if not left.is_set() and not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def listen() -> None:
            since = time.time()
            try:
                while not left.is_set():
                    self._window(labels, since, since + _WINDOW_SECONDS, hand_over)
                    since += _WINDOW_SECONDS
            except EngineError as error:
                hand_over(error)

        threading.Thread(target=listen, name="engine-events", daemon=True).start()
        try:
            while True:
                item = await queue.get()
                if isinstance(item, EngineError):
                    raise item
                yield item
        finally:
            left.set()

    def _window(
        self,
        labels: Mapping[str, str],
        since: float,
        until: float,
        hand_over: Callable[[ContainerEvent], None],
    ) -> None:
        filters = {
            "type": ["container"],
            "event": list(ACTIONS),
            "label": [f"{key}={value}" if value else key for key, value in labels.items()],
        }

        def work() -> None:
            with self._request(
                "tell events",
                "GET",
                "/events",
                seconds=_WINDOW_SECONDS + self._settings.engine_seconds,
                parameters={
                    "since": f"{since:.6f}",
                    "until": f"{until:.6f}",
                    "filters": json.dumps(filters),
                },
                stream=True,
            ) as response:
                # One event a line; larger chunks would hold an event back until the next one.
                for line in response.iter_lines(chunk_size=1):
                    if line:
                        hand_over(_event(line))
            if time.time() < until - _EARLY_SECONDS:
                raise unreachable("tell events", "it ended the stream")

        self._translated("tell events", work)


def _event(line: bytes) -> ContainerEvent:
    try:
        told: dict[str, Any] = json.loads(line)
        attributes = dict(told["Actor"]["Attributes"])
        exit_code = attributes.pop("exitCode", None)
        return ContainerEvent(
            id=str(told["Actor"]["ID"]),
            name=str(attributes.pop("name", "")),
            action=str(told["Action"]),
            time=datetime.fromtimestamp(told["timeNano"] / 1e9, UTC),
            labels=attributes,
            exit_code=None if exit_code is None else int(exit_code),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError("The engine tells an event that cannot be read.") from error
