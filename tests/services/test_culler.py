"""The culler's rounds, without a Hub. What the Hub's own culler does is in tests/e2e/test_culler.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.errors import EngineError
from hub_ext.flows import cull
from hub_ext.flows.site import Site, open_site
from hub_ext.services import culler as service
from hub_ext.services.culler import CuratedIdleCuller
from hub_ext.settings import Settings


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty store; the engine's socket is dead."""
    held = open_site(Settings(state_dir=tmp_path, engine_url=f"unix://{tmp_path}/none.sock", cull_seconds=1))
    yield held
    held.close()


@pytest.fixture
def culler(site: Site, monkeypatch: pytest.MonkeyPatch) -> CuratedIdleCuller:
    """The service in this process, on that site."""
    monkeypatch.setattr(service, "load_settings", lambda: site.settings)
    monkeypatch.setattr(service, "open_site", lambda settings: site)
    monkeypatch.setattr(service, "MEND_SECONDS", 0.1)
    monkeypatch.setattr(service, "MEASURE_SECONDS", 0.1)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "none")
    made = CuratedIdleCuller(url="http://127.0.0.1:9/hub/api")
    made.log = logging.getLogger("culler")
    return made


async def rounds(culler: CuratedIdleCuller, enough: asyncio.Event) -> None:
    """Runs the service until it is enough, then ends it as the Hub does."""
    running = asyncio.create_task(culler._run())
    await asyncio.wait(
        [running, asyncio.create_task(enough.wait())], timeout=20, return_when="FIRST_COMPLETED"
    )
    assert enough.is_set()
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def test_homes_are_measured_whatever_the_first_time_met(
    culler: CuratedIdleCuller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[Site] = []
    enough = asyncio.Event()

    async def measure(site: Site) -> None:
        asked.append(site)
        if len(asked) == 1:
            raise EngineError("The engine is on fire.")
        if len(asked) == 2:
            await asyncio.sleep(60)
        if len(asked) == 3:
            raise ZeroDivisionError
        enough.set()

    monkeypatch.setattr(service.disk, "measure", measure)
    monkeypatch.setattr(service, "MEASURED_WITHIN_SECONDS", 0.1)
    await rounds(culler, enough)
    assert "The engine is on fire." in caplog.text
    assert "not measured within 0.1 s" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_neither_a_dead_hub_nor_a_dead_engine_ends_the_rounds(
    culler: CuratedIdleCuller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    enough = asyncio.Event()

    def counted(error: str) -> None:
        if caplog.text.count("The Hub did not answer") >= 2 and caplog.text.count("engine") >= 2:
            enough.set()

    real = culler.log.error

    def heard(*said: Any) -> None:
        real(*said)
        counted(str(said))

    monkeypatch.setattr(culler.log, "error", heard)
    await rounds(culler, enough)


async def test_reports_that_cannot_be_had_hold_up_no_end_of_a_right(
    culler: CuratedIdleCuller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Any] = []

    async def servers(self: HubApi) -> tuple[Any, ...]:
        return ("a server",)

    async def kernels(self: HubApi) -> Any:
        raise HubApiError("The Hub answered 500 to a question of ours.")

    async def judge(site: Site, servers: Any, reports: Any, cpus: Any) -> tuple[Any, ...]:
        judged.append((servers, reports))
        return ()

    monkeypatch.setattr(HubApi, "servers", servers)
    monkeypatch.setattr(HubApi, "kernels", kernels)
    monkeypatch.setattr(cull, "judge", judge)
    await culler.sweep(site)
    assert judged == [(("a server",), {})]


async def test_a_second_culler_waits_for_the_first(site: Site) -> None:
    async with service._alone(site):
        second = asyncio.create_task(service._alone(site).__aenter__())
        await asyncio.sleep(1.2)
        assert not second.done()
    await asyncio.wait_for(second, 5)
