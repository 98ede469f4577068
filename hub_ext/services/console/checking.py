"""Checks of images that this console runs: beside requests, their logs there to be read meanwhile."""

from __future__ import annotations

import asyncio

from hub_ext.flows import image_check as flow
from hub_ext.flows.site import Site
from hub_ext.model import Actor
from hub_ext.model.image_checks import ImageCheck

AT_ONCE = 2


class Checking:
    """What runs, by the check's id; the rest wait in line."""

    def __init__(self) -> None:
        self._logs: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(AT_ONCE)

    def start(self, site: Site, actor: Actor, check: ImageCheck) -> None:
        """Runs it beside what else goes on."""
        task = asyncio.create_task(self._run(site, actor, check))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def log(self, check: ImageCheck) -> str:
        """What it printed so far."""
        return self._logs.get(check.id, check.log)

    async def end(self) -> None:
        """Calls off what runs; each writes down that it was interrupted, and takes its container away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, site: Site, actor: Actor, check: ImageCheck) -> None:
        try:
            self._logs[check.id] = ""
            async with self._free:
                await flow.run(site, actor, check, lambda log: self._logs.update({check.id: log}))
        finally:
            self._logs.pop(check.id, None)
