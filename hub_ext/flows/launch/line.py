"""The line in which starts wait: first come, first served, and everybody knows their place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from hub_ext.flows.site import Site


class Line:
    """At most `width` are inside. On one event loop; nothing of it outlives the process.

    A launch that waits here is "admitted" in the store and holds what it was given.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._inside = 0
        self._waiting: list[tuple[asyncio.Event, Callable[[int], None]]] = []

    @asynccontextmanager
    async def place(self, tell: Callable[[int], None]) -> AsyncIterator[Callable[[], None]]:
        """Inside the block it is one's turn. `tell` hears the place in line, from 1, whenever it changes.

        Gives a function that lets the next one in before the block ends.
        """
        await self._enter(tell)
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._leave()

        try:
            yield leave
        finally:
            leave()

    async def _enter(self, tell: Callable[[int], None]) -> None:
        if self._inside < self._width and not self._waiting:
            self._inside += 1
            return
        turn = asyncio.Event()
        waiting = (turn, tell)
        self._waiting.append(waiting)
        tell(len(self._waiting))
        try:
            await turn.wait()
        except BaseException:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._tell_all()
            else:  # called in and cancelled at the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self._width:
            turn, _ = self._waiting.pop(0)
            self._inside += 1
            turn.set()
        self._tell_all()

    def _tell_all(self) -> None:
        for number, (_, tell) in enumerate(self._waiting, start=1):
            tell(number)


_lines: WeakKeyDictionary[Site, Line] = WeakKeyDictionary()


def line_of(site: Site) -> Line:
    """The one line of a site in this process."""
    if site not in _lines:
        _lines[site] = Line(site.settings.concurrent_starts)
    return _lines[site]
