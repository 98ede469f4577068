"""Ends sessions whose rights have ended, within seconds: a duty of its own, beside the sweep for idle ones.

A look is cheap while nothing happens: the number of the newest event. Each end is pursued by a task of its
own until the container is gone: by the Hub, and where that takes too long at the engine itself; the Hub then
learns of it by its own poll. What could not be ended is found by the next look, also by one of a new process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from logging import Logger, LoggerAdapter

from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.errors import HubExtError
from hub_ext.flows import revocation as flow
from hub_ext.flows.site import Site
from hub_ext.model import Launch

# However little seems to happen, everything is looked at this often: clocks jump, warnings fall due.
WHOLE_SECONDS = 30.0
ASK_SECONDS = 1.0


class Revocation:
    """`hub` makes a client of the Hub's API with `delete:servers`; its calls must end within seconds."""

    def __init__(self, site: Site, hub: Callable[[], HubApi], log: Logger | LoggerAdapter[Logger]) -> None:
        self._site = site
        self._hub = hub
        self._log = log
        self._head = -1
        self._next_end: datetime | None = None
        self._whole = -WHOLE_SECONDS
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def look(self) -> None:
        """One look: announce what must end, warn, begin to end what is not being ended. Raises StoreError.

        It waits for no end: that of one session must not hold up another's.
        """
        head = await asyncio.to_thread(flow.head, self._site)
        if self._due(head):
            looked = await asyncio.to_thread(flow.announce_ends, self._site)
            self._head, self._next_end, self._whole = head, looked.next_end, time.monotonic()
            for launch in looked.announced:
                self._log.warning("Its rights have ended: %s, %s", launch.id, launch.stop_reason)
        for launch in await asyncio.to_thread(flow.unfinished, self._site):
            if launch.id not in self._ending:
                task = asyncio.create_task(self._pursue(launch))
                self._ending[launch.id] = task
                task.add_done_callback(partial(self._ended, launch.id))

    def _ended(self, launch_id: str, task: asyncio.Task[None]) -> None:
        self._ending.pop(launch_id, None)

    def _due(self, head: int) -> bool:
        ended = self._next_end is not None and self._next_end <= self._site.now()
        return ended or head != self._head or time.monotonic() - self._whole >= WHOLE_SECONDS

    async def _pursue(self, launch: Launch) -> None:
        try:
            await self._end(launch)
        except HubExtError as error:
            self._log.error("%s could not be ended yet: %s", launch.id, error)
        except Exception:
            self._log.exception("%s could not be ended yet", launch.id)

    async def _end(self, launch: Launch) -> None:
        """Returns once it has ended. Raises EngineError."""
        limit = time.monotonic() + self._site.settings.revoke_hub_seconds
        if launch.started is None:
            # The Hub stops nothing that it is starting. Its start finds the container stopped, and cleans up.
            await flow.stop_container(self._site, launch.id)
        told = launch.started is None
        while time.monotonic() < limit:
            told = told or await self._tell_hub(launch)
            if await asyncio.to_thread(flow.has_ended, self._site, launch.id):
                return
            await asyncio.sleep(ASK_SECONDS)
        await flow.end_directly(self._site, launch.id)

    async def _tell_hub(self, launch: Launch) -> bool:
        try:
            async with self._hub() as hub:
                return await hub.stop(launch.username, launch.server_name)
        except HubApiError as error:
            self._log.error("The Hub was not told to stop %s: %s", launch.id, error)
            return False
