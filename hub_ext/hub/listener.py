"""A server that has ended is known to the Hub at once, and not at the next poll.

There is one listener for each Hub. It knows the spawners that the Hub polls, and has them look when the
engine tells of an end, and after each time that the engine could not tell.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Protocol

from hub_ext.adapters.engine import ENDINGS, LABEL_INSTANCE, RUNNING, ContainerEvent
from hub_ext.errors import HubExtError
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows.reconcile import launch_of
from hub_ext.flows.site import Site
from hub_ext.flows.watch import watch

log = logging.getLogger("hub_ext")

# Between two listings, for the event that was lost.
LOOK_SECONDS = 300


class Watched(Protocol):
    """A spawner of the Hub's."""

    launch_id: str

    async def poll_and_notify(self) -> int | None:
        """Looks whether the server has ended, and tells the Hub."""


class Listener:
    """For the Hub's event loop only."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._watched: dict[str, Watched] = {}
        self._looks: set[asyncio.Task[int | None]] = set()
        self._listening: asyncio.Future[Any] | None = None

    def begin(self) -> None:
        """Listens to the engine from now on; a second call changes nothing."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.gather(self._listen(), self._look_now_and_then())

    def add(self, spawner: Watched) -> None:
        """Watches that server from now on."""
        self.begin()
        self._watched[spawner.launch_id] = spawner
        # It may have ended between its last answer to start() and now, when nobody was watching it.
        self._have_look([spawner.launch_id])

    def remove(self, spawner: Watched) -> None:
        """Watches that server no more; nothing where it was not watched."""
        if self._watched.get(spawner.launch_id) is spawner:
            del self._watched[spawner.launch_id]

    async def _listen(self) -> None:
        await watch(self._site, look=self._look, hear=self._hear, failed=_failed)

    async def _look(self) -> None:
        containers = await self._site.engine.listing({LABEL_INSTANCE: self._site.settings.instance})
        running = {launch_of(container) for container in containers if container.state in RUNNING}
        self._have_look(set(self._watched) - running)

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception as error:
                _failed(error)

    async def _hear(self, event: ContainerEvent) -> None:
        if event.action in ENDINGS:
            self._have_look([event.labels.get(LABEL_LAUNCH, "")])

    def _have_look(self, launch_ids: Iterable[str]) -> None:
        for launch_id in launch_ids:
            if launch_id in self._watched:
                look = asyncio.ensure_future(self._watched[launch_id].poll_and_notify())
                self._looks.add(look)
                look.add_done_callback(self._looks.discard)


def _failed(error: Exception) -> None:
    if isinstance(error, HubExtError):
        log.warning("The engine's events are not heard now: %s", error)
    else:
        log.exception("An event of the engine's could not be dealt with", exc_info=error)
