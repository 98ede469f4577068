"""What the engine has told, for as long as its events would tell the contrary.

A launch asks the same few questions as the launch before it: is this image there, are the volumes, where
does the engine keep its data. While the events are heard without a gap, the first answer holds until an event
takes it back; without them nothing is kept, and every question reaches the engine.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

_MOST_ENDED = 10_000


class Thing(Enum):
    """What may be there."""

    IMAGE = "image"  # repository@digest
    VOLUME = "volume"
    CONTAINER = "container"  # running, by its name


@dataclass(frozen=True, slots=True)
class Asked:
    """When a question went out: its answer is kept only where no event came in between that could undo it."""

    stream: int
    gone: int


class Known:
    """Presence only: what is absent may appear at any moment. For one event loop."""

    def __init__(self) -> None:
        self._stream = 0  # of events, that is being heard; 0: none
        self._streams = 0
        self._present: dict[Thing, set[str]] = {thing: set() for thing in Thing}
        self._gone = dict.fromkeys(Thing, 0)  # how many ends were heard
        # A container of ours is started once in its life: once it has ended it never runs again.
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._data_root: str | None = None

    @property
    def hearing(self) -> bool:
        """Whether the engine's events are being heard: it answers, and what is known holds."""
        return self._stream > 0

    def begin(self) -> int:
        """A stream of events is open; its number. One that is heard already is enough."""
        self._streams += 1
        if not self._stream:
            self._stream = self._streams
        return self._streams

    def end(self, stream: int) -> None:
        """That stream has ended: nothing that was known holds any more."""
        if stream == self._stream:
            self._stream = 0
            self._data_root = None
            for names in self._present.values():
                names.clear()

    def ask(self, thing: Thing) -> Asked:
        """To be taken before a question, and given to `remember` with its answer."""
        return Asked(self._stream, self._gone[thing])

    def remember(self, asked: Asked, thing: Thing, name: str) -> None:
        """It is there, as the engine answers what was asked then."""
        if asked.stream and asked == self.ask(thing):
            self._present[thing].add(name)

    def remember_running(self, asked: Asked, name: str) -> None:
        """As `remember`, of a container: ends of others say nothing of it."""
        if asked.stream and asked.stream == self._stream and name not in self._ended:
            self._present[Thing.CONTAINER].add(name)

    def has(self, thing: Thing, name: str) -> bool:
        """Whether it is there for sure; False where that is not known."""
        return name in self._present[thing]

    def forget(self, thing: Thing, name: str) -> None:
        """It is gone; a container has ended."""
        self._gone[thing] += 1
        if thing is Thing.CONTAINER:
            self._ended[name] = None
            if len(self._ended) > _MOST_ENDED:
                self._ended.popitem(last=False)
        self._present[thing].discard(name)

    def forget_all(self, thing: Thing) -> None:
        """Some of them are gone. An image's event names it by id or tag, not by the digest that is known."""
        self._gone[thing] += 1
        self._present[thing].clear()

    def keep(self, thing: Thing, names: Iterable[str]) -> None:
        """None but these are there: a list was read. Mends what an event that was lost would leave."""
        self._present[thing].intersection_update(names)

    @property
    def data_root(self) -> str | None:
        """Where the engine keeps its data, on its own host."""
        return self._data_root

    def remember_data_root(self, folder: str) -> None:
        """The daemon keeps it for its life; its end ends the stream."""
        if self._stream:
            self._data_root = folder
