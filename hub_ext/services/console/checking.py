"""Checks of images that this console runs: beside requests, their logs there to be read meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from hub_ext.flows import image_check as flow
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind
from hub_ext.model.image_checks import CheckRunner, ImageCheck

AT_ONCE = 2
SETTLE_SECONDS = 20
# What a killed program left on the engine is looked for at the beginning, when an end was written down, and
# at every so many turns: an idle site asks its engine for little.
SWEEP_TURNS = 15
CONSOLE = Actor(ActorKind.SERVICE, "console")
log = logging.getLogger(__name__)


class Checking:
    """What runs, by the check's id; the rest wait in line."""

    def __init__(self) -> None:
        self._logs: dict[str, str] = {}
        self._tasks: dict[asyncio.Task[None], Callable[[], None]] = {}
        self._free = asyncio.Semaphore(AT_ONCE)

    def start(self, site: Site, actor: Actor, check: ImageCheck) -> None:
        """Runs it beside what else goes on."""
        task = asyncio.create_task(self._run(site, actor, check))
        self._tasks[task] = partial(flow.call_off, site, actor, check)
        task.add_done_callback(self._done)

    def log(self, check: ImageCheck) -> str:
        """What it printed so far."""
        return self._logs.get(check.id, check.log)

    async def keep_settled(self, site: Site, said: Callable[[Exception], None]) -> None:
        """Writes down, for ever, the ends of what nobody is at, and takes away what it left behind.

        `said` is told what could not be done; the next turn tries again.
        """
        to_sweep = 0  # turns from now
        while True:
            try:
                settled = await asyncio.to_thread(flow.settle, site, CONSOLE)
                if settled or to_sweep <= 0:
                    await flow.sweep(site)
                    to_sweep = SWEEP_TURNS
            except Exception as error:  # the next turn may do better
                to_sweep = 0
                said(error)
            to_sweep -= 1
            await asyncio.sleep(SETTLE_SECONDS)

    async def end(self) -> None:
        """Calls off what runs and what waits in line; each writes that down, and takes its container away."""
        called_off = dict(self._tasks)
        for task in called_off:
            task.cancel()
        await asyncio.gather(*called_off, return_exceptions=True)
        # One that never had its turn had no chance to write it down itself.
        for call_off in called_off.values():
            await asyncio.to_thread(call_off)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("A check of an image failed unforeseen.", exc_info=error)

    async def _run(self, site: Site, actor: Actor, check: ImageCheck) -> None:
        try:
            self._logs[check.id] = ""
            await flow.run(
                *(site, actor, check), lambda log: self._logs.update({check.id: log}), turn=self._free
            )
        finally:
            self._logs.pop(check.id, None)


def settle_earlier(site: Site) -> None:
    """Before this console begins any check: those that a console runs were another's, which has ended."""
    flow.settle(site, CONSOLE, ended=CheckRunner.CONSOLE)
