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

ENDINGS = frozenset({"die", "oom", "destroy"})
# What root on the host does to a container beside us. `docker logs` and nsenter leave no event.
BACK_DOORS = frozenset(
    {"exec_create", "exec_start", "attach", "archive-path", "extract-to-dir", "export", "commit"}
)
ACTIONS = ("start", *sorted(ENDINGS | BACK_DOORS))
# The engine ends each stream at a set instant, so that a hung engine and a caller that left are both noticed.
_WINDOW_SECONDS = 30
_EARLY_SECONDS = 2  # an earlier end of a stream is a broken one


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """`action` is one of ACTIONS; `exit_code` is known for die, `command` for exec_create and exec_start."""

    id: str
    name: str
    action: str
    time: datetime
    labels: Mapping[str, str]
    exit_code: int | None = None
    command: str = ""


class Events(Connection):
    """One daemon thread for each listener."""

    async def events(
        self, labels: Mapping[str, str], since: datetime | None = None
    ) -> AsyncIterator[ContainerEvent]:
        """Events of containers with all of `labels`, from `since` (or now) on, until the caller leaves.

        Raises EngineError when the stream breaks: list again, then listen again, for the engine keeps only
        its last 256 events, and none over a restart of its own.
        """
        begun = since.timestamp() if since else time.time()
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ContainerEvent | EngineError] = asyncio.Queue()
        left = threading.Event()

        def hand_over(item: ContainerEvent | EngineError) -> None:
            if not left.is_set() and not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def listen() -> None:
            start, end = begun, time.time() + _WINDOW_SECONDS
            try:
                while not left.is_set():
                    self._window(labels, start, end, hand_over)
                    start, end = end, end + _WINDOW_SECONDS
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
        action, _, command = str(told["Action"]).partition(": ")
        return ContainerEvent(
            id=str(told["Actor"]["ID"]),
            name=str(attributes.pop("name", "")),
            action=action,
            time=datetime.fromtimestamp(told["timeNano"] / 1e9, UTC),
            labels=attributes,
            exit_code=None if exit_code is None else int(exit_code),
            command=command,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError("The engine tells an event that cannot be read.") from error
