"""The chain of the record, verified in parts beside other work; the answer is shown with its age."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from hub_ext.adapters.store import audit
from hub_ext.adapters.store.audit import GENESIS, Verification
from hub_ext.flows.site import Site

PART = 5000  # events; some tenths of a second of one core


@dataclass(frozen=True, slots=True)
class ChainState:
    """The walk under way, where there is one, and what the last whole one found and when it began."""

    events: int
    walked: int | None = None
    found: Verification | None = None
    at: datetime | None = None


class ChainWatch:
    """Walks the chain when asked to, one walk at a time. What it found is forgotten with the process."""

    def __init__(self) -> None:
        self._state = ChainState(0)
        self._walk: asyncio.Task[None] | None = None

    def state(self, site: Site) -> ChainState:
        """As things stand, with how many events there are now."""
        with site.store.reading() as tx:
            events, _ = audit.head(tx)
        return replace(self._state, events=events)

    def begin(self, site: Site) -> None:
        """Begins a walk of the whole chain, unless one is under way. For the event loop's thread."""
        if self._walk is None or self._walk.done():
            self._state = replace(self._state, walked=0)
            self._walk = asyncio.create_task(self._whole(site))

    async def _whole(self, site: Site) -> None:
        began = site.now()
        head = (0, GENESIS)
        try:
            while True:
                part = await asyncio.to_thread(_part, site, head)
                if not part.ok or part.head == head:
                    break
                head = part.head
                self._state = replace(self._state, walked=head[0])
                await asyncio.sleep(0)
            self._state = replace(self._state, found=part, at=began)
        finally:
            self._state = replace(self._state, walked=None)


def _part(site: Site, after: tuple[int, str]) -> Verification:
    with site.store.reading() as tx:
        return audit.verify(tx, after=after, most=PART)
