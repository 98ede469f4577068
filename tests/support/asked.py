"""What an engine is asked, call by call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from hub_ext.adapters.engine import LABEL_INSTANCE, Engine
from tests.support.until import until


@contextmanager
def asked(engine: Engine) -> Iterator[list[str]]:
    """The calls of the block, as "GET /containers/NAME/json", streams of events left out."""
    calls: list[str] = []
    request = engine._request

    def noting(what: str, method: str, path: str, **more: Any) -> Any:
        if path != "/events":
            calls.append(f"{method} {path}")
        return request(what, method, path, **more)

    engine._request = noting  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        engine._request = request  # type: ignore[method-assign]


@asynccontextmanager
async def heard(engine: Engine, instance: str) -> AsyncIterator[None]:
    """The engine's events are heard in the block, from its beginning on."""

    async def listen() -> None:
        async for _ in engine.events({LABEL_INSTANCE: instance}):
            pass

    listening = asyncio.create_task(listen())
    try:
        await until(lambda: engine.known.hearing)
        yield
    finally:
        listening.cancel()
        await asyncio.wait([listening])
