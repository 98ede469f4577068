"""What runs now, as the store, the host's counters and the GPUs' driver tell it: asked at most once in some
seconds for all.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hub_ext.adapters.gpu_inventory import GpuUse
from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.flows import gpu
from hub_ext.flows.sessions import Session, UseWatch, order_stop, sessions
from hub_ext.model import Actor

if TYPE_CHECKING:
    from hub_ext.services.console.base import Console

HOLDS_SECONDS = 2.0
HUB_SECONDS = 5.0
# A driver that hangs holds up no page.
DRIVER_SECONDS = 2.0


class LiveWatch:
    """The last look, shared by all pages that are open."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.watch = UseWatch()
        self.sessions: tuple[Session, ...] | None = None
        self.at = 0.0
        self.asking: asyncio.Task[Mapping[str, GpuUse]] | None = None
        self.gpus: Mapping[str, GpuUse] = {}
        self.gpus_at = 0.0


async def running(console: Console) -> tuple[Session, ...]:
    """What runs, some seconds old at most."""
    live = console.live
    async with live.lock:
        if live.sessions is None or time.monotonic() - live.at >= HOLDS_SECONDS:
            gpus = await gpu_use(console)
            live.sessions = await asyncio.to_thread(sessions, console.site, live.watch, gpus)
            live.at = time.monotonic()
        return live.sessions


async def gpu_use(console: Console) -> Mapping[str, GpuUse]:
    """What each GPU is asked of, some seconds old at most; what is not in it is not known."""
    live = console.live
    if time.monotonic() - live.gpus_at >= HOLDS_SECONDS:
        if live.asking is None or live.asking.done():
            live.asking = asyncio.create_task(asyncio.to_thread(gpu.use, console.site))
        done, _ = await asyncio.wait({live.asking}, timeout=DRIVER_SECONDS)
        # One that still asks is waited for again: a second would hang beside it.
        live.gpus = live.asking.result() if done else {}
        live.gpus_at = time.monotonic()
    return live.gpus


async def stop(console: Console, actor: Actor, launch_id: str, why: str) -> bool:
    """Writes the reason down, then has the Hub stop the server; whether the Hub answered.

    Where it did not, the culler sees to it. Raises NotFound, InputError.
    """
    launch = await asyncio.to_thread(order_stop, console.site, actor, launch_id, why)
    console.live.sessions = None
    try:
        async with hub() as answering:
            await answering.stop(launch.username, launch.server_name)
    except HubApiError:
        return False
    return True


def hub() -> HubApi:
    """The Hub's API with the console's own token, to be entered with `async with`."""
    return HubApi(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"], seconds=HUB_SECONDS)
