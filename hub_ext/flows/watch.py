"""The engine's events as they come, and a look at everything after each time that they could not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Never

from hub_ext.adapters.engine import LABEL_INSTANCE, ContainerEvent
from hub_ext.flows.site import Site

SHORTEST_REST_SECONDS = 0.5
LONGEST_REST_SECONDS = 10.0


async def watch(
    site: Site,
    *,
    look: Callable[[], Awaitable[None]],
    hear: Callable[[ContainerEvent], Awaitable[None]],
    failed: Callable[[Exception], None],
    since: Callable[[], datetime] | None = None,
) -> Never:
    """Calls `look` at each (re)connection, then `hear` for each event of our containers, for ever.

    Nothing falls in between: events are asked for from before the look, or from `since` where that is given.
    Where either fails, `failed` is told and it begins anew, after a rest that grows while the engine is down.
    """
    rest = SHORTEST_REST_SECONDS
    while True:
        begun = site.now()
        try:
            await look()
            rest = SHORTEST_REST_SECONDS
            labels = {LABEL_INSTANCE: site.settings.instance}
            async for event in site.engine.events(labels, since() if since else begun):
                await hear(event)
        except Exception as error:  # whatever one event met, the next ones must be heard
            failed(error)
        await asyncio.sleep(rest)
        rest = min(2 * rest, LONGEST_REST_SECONDS)
