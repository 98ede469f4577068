"""Events first, a look after every connection, and rests while the engine is down; on the real engine."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from hub_ext.adapters.engine import LABEL_INSTANCE, ContainerEvent
from hub_ext.flows import watch as flow
from hub_ext.flows.site import Site, utc_now
from tests.support.until import until
from tests.support.wire import Wire


async def test_a_look_after_every_connection_and_rests_in_between(engine_site: Site, tmp_path: Path) -> None:
    wire = Wire(tmp_path / "engine.sock", Path(engine_site.settings.engine_url.removeprefix("unix://")))
    settings = replace(engine_site.settings, engine_url=f"unix://{wire.near}", engine_seconds=5)
    site = replace(engine_site, settings=settings, now=utc_now)
    looks, heard, failures = [], list[str](), list[Exception]()

    async def look() -> None:
        await site.engine.listing({LABEL_INSTANCE: site.settings.instance})
        looks.append(time.monotonic())

    async def hear(event: ContainerEvent) -> None:
        heard.append(event.action)
        if len(heard) == 1:
            raise ZeroDivisionError  # a fault of ours is no reason to be deaf ever after

    watching = asyncio.create_task(flow.watch(site, look=look, hear=hear, failed=failures.append))
    try:
        await until(lambda: len(looks) == 1, 20)
        probe = (settings.seed_image, ["/none"])
        await engine_site.engine.run_probe(*probe, uid=65534, gid=65534)
        await until(lambda: len(looks) == 2, 20)
        assert isinstance(failures[0], ZeroDivisionError)
        await engine_site.engine.run_probe(*probe, uid=65534, gid=65534)
        await until(lambda: "destroy" in heard, 20)
        looked = len(looks)
        wire.cut()
        began = time.monotonic()
        await until(lambda: len(failures) >= 4, 20)
        # Half a second, one, two: not as often as a loop can.
        assert time.monotonic() - began > 1
        assert len(looks) == looked
        wire.mend()
        await until(lambda: len(looks) == looked + 1, 20)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        wire.cut()
        site.engine.close()
