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
from hub_ext.adapters.engine.known import Thing
from hub_ext.errors import EngineError

ENDINGS = frozenset({"die", "oom", "destroy"})
# What root on the host does to a container beside us. `docker logs` and nsenter leave no event.
BACK_DOORS = frozenset(
    {"exec_create", "exec_start", "attach", "archive-path", "extract-to-dir", "export", "commit"}
)
ACTIONS = ("start", *sorted(ENDINGS | BACK_DOORS))
_GONE = frozenset({"die", "destroy"})
# Of images; of volumes it is "destroy".
_IMAGE_GONE = frozenset({"delete", "untag"})
# The engine ends each stream at a set instant, so that a hung engine and a caller that left are both noticed.
_WINDOW_SECONDS = 120
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

        While they are heard, what the engine answers of images, volumes and containers is `known`. Raises
        EngineError when the stream breaks: list again, then listen again, for the engine keeps only its last
        256 events, and none over a restart of its own.
        """
        begun = since.timestamp() if since else time.time()
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ContainerEvent | EngineError] = asyncio.Queue()
        left = threading.Event()
        stream = 0

        def opened() -> None:
            nonlocal stream
            if not stream and not left.is_set():  # the first of its windows
                stream = self.known.begin()

        def arrived(item: _Told | EngineError) -> None:
            if isinstance(item, EngineError):
                self.known.end(stream)
                queue.put_nowait(item)
                return
            self._take_back(item)
            event = item.container
            if event is not None and all(_carries(event, *label) for label in labels.items()):
                queue.put_nowait(event)

        def on_loop(work: Callable[..., None], *given: Any) -> None:
            if not left.is_set() and not loop.is_closed():
                loop.call_soon_threadsafe(work, *given)

        def listen() -> None:
            start, end = begun, time.time() + _WINDOW_SECONDS
            try:
                while not left.is_set():
                    self._window(start, end, lambda: on_loop(opened), lambda told: on_loop(arrived, told))
                    start, end = end, end + _WINDOW_SECONDS
            except EngineError as error:
                on_loop(arrived, error)

        threading.Thread(target=listen, name="engine-events", daemon=True).start()
        try:
            while True:
                item = await queue.get()
                if isinstance(item, EngineError):
                    raise item
                yield item
        finally:
            left.set()
            self.known.end(stream)

    def _take_back(self, told: _Told) -> None:
        """What this event says is not there any more, is not known any more."""
        if told.type == "image" and told.action in _IMAGE_GONE:
            self.known.forget_all(Thing.IMAGE)
        elif told.type == "volume" and told.action in _GONE:
            self.known.forget(Thing.VOLUME, told.name)
        elif told.container is not None and told.action in _GONE:
            self.known.forget(Thing.CONTAINER, told.name)

    def _window(
        self, since: float, until: float, opened: Callable[[], None], hand_over: Callable[[_Told], None]
    ) -> None:
        # Not by label: events of volumes and images carry none, and would be left out.
        filters = {"type": ["container", "volume", "image"], "event": [*ACTIONS, *sorted(_IMAGE_GONE)]}

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
                opened()
                # One event a line; larger chunks would hold an event back until the next one.
                for line in response.iter_lines(chunk_size=1):
                    if line:
                        hand_over(_told(line))
            if time.time() < until - _EARLY_SECONDS:
                raise unreachable("tell events", "it ended the stream")

        self._translated("tell events", work)


@dataclass(frozen=True, slots=True)
class _Told:
    """One event of any kind; `name` is the volume's or the container's."""

    type: str
    action: str
    name: str
    container: ContainerEvent | None = None


def _carries(event: ContainerEvent, label: str, value: str) -> bool:
    return label in event.labels and (not value or event.labels[label] == value)


def _told(line: bytes) -> _Told:
    try:
        told: dict[str, Any] = json.loads(line)
        kind, name = str(told["Type"]), str(told["Actor"]["ID"])
        action, _, command = str(told["Action"]).partition(": ")
        if kind != "container":
            return _Told(kind, action, name)
        attributes = dict(told["Actor"]["Attributes"])
        exit_code = attributes.pop("exitCode", None)
        event = ContainerEvent(
            id=name,
            name=str(attributes.pop("name", "")),
            action=action,
            time=datetime.fromtimestamp(told["timeNano"] / 1e9, UTC),
            labels=attributes,
            exit_code=None if exit_code is None else int(exit_code),
            command=command,
        )
        return _Told(kind, action, event.name, event)
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError("The engine tells an event that cannot be read.") from error
