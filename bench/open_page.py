"""What a page that lies open asks: JupyterLab with a notebook in front, looked at and not touched."""

from __future__ import annotations

import asyncio

from bench.browser import newcomer, opened
from bench.run import Run

SECONDS = 180
_SETTLED_SECONDS = 15
_USER = "one"


async def requests_a_minute(run: Run) -> float:
    """Requests that reach the door in a minute, messages of open WebSockets apart."""
    visitor = await run.ours.visitor(_USER)
    await run.ours.started(visitor, "python")
    try:
        async with opened() as browser, newcomer(browser, run.ours, _USER) as person:
            await person.load_lab()
            await person.open_notebook()
            await asyncio.sleep(_SETTLED_SECONDS)
            await person.count()
            await asyncio.sleep(SECONDS)
            return person.requests * 60 / SECONDS
    finally:
        await visitor.stop()
