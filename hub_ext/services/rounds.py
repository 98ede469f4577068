"""What our managed services share: rounds that go on whatever one of them met, by one process at a time."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from logging import Logger, LoggerAdapter

from hub_ext.errors import HubExtError
from hub_ext.flows.site import Site

Log = Logger | LoggerAdapter[Logger]


async def for_ever(seconds: float, work: Callable[[], Awaitable[None]], log: Log) -> None:
    """Works, rests for `seconds`, works again. A failure is told, and the next round looks again."""
    while True:
        try:
            await work()
        except HubExtError as error:
            log.error("Not this time: %s", error)
        except Exception:
            log.exception("A round failed")
        await asyncio.sleep(seconds)


@asynccontextmanager
async def alone(site: Site, name: str) -> AsyncIterator[None]:
    """Waits until no other service of that name and instance works: one may outlive its killed Hub a bit."""
    with (site.settings.state_dir / f"{name}.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(1)
        yield
