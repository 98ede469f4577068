"""The reconciler's rounds without Hub and engine. What it mends: tests/flows/test_reconcile.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.adapters.store import Store, gpus
from hub_ext.errors import EngineError
from hub_ext.flows.site import Site, utc_now
from hub_ext.policy.gpus import works
from hub_ext.services import reconciler as service
from hub_ext.services.reconciler import Reconciler
from hub_ext.settings import Settings
from tests.services.conftest import Rounds


@pytest.fixture
def reconciler(site: Site, monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    """The service in this process, on that site."""
    monkeypatch.setattr(service, "MEASURE_SECONDS", 0.1)
    monkeypatch.setattr(service, "GPU_SECONDS", 0.1)
    return Reconciler(site)


async def test_homes_are_measured_whatever_the_first_time_met(
    reconciler: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rounds: Rounds,
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
    await rounds(reconciler.run(), enough)
    assert "The engine is on fire." in caplog.text
    assert "not measured within 0.1 s" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_gpu_that_comes_is_offered_and_one_that_goes_is_not(
    reconciler: Reconciler, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = site.settings.cdi_dirs[0] / "cards.json"
    spec.parent.mkdir()
    running = asyncio.create_task(reconciler.run())
    try:
        for names in (["0"], ["0", "1"], ["1"], [], ["1"]):
            cards = [{"name": name, "containerEdits": {}} for name in names]
            spec.write_text(json.dumps({"cdiVersion": "0.6.0", "kind": "test/gpu", "devices": cards}))
            await _until(lambda: _offered(site) == names)  # noqa: B023 - awaited here
        monkeypatch.setattr(service.gpu.gpu_inventory, "inventory", _no_driver)
        await _until(lambda: "The driver is on fire." in caplog.text)
        assert _offered(site) == ["1"]
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_look_at_gpus_that_have_not_changed_writes_nothing(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(store: Store) -> Any:
        raise AssertionError("a transaction")

    monkeypatch.setattr(Store, "transaction", written)
    await reconciler.look_at_gpus()


def _offered(site: Site) -> list[str]:
    """The names of the GPUs that a launch could get now."""
    with site.store.reading() as tx:
        known = gpus.listing(tx, node=site.settings.node)
    return sorted(gpu.device.rpartition("=")[2] for gpu in known if works(gpu))


def _no_driver(settings: Settings) -> Any:
    raise EngineError("The driver is on fire.")


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to be")


async def test_what_the_hub_has_lost_is_known_after_a_while_and_never_while_it_is_silent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = utc_now()
    reconciler = Reconciler(replace(site, now=lambda: moment))
    carried: frozenset[str] | None = frozenset({"lau-known"})

    async def of_hub(self: HubApi) -> frozenset[str]:
        if carried is None:
            raise HubApiError("The Hub did not answer: it is starting.")
        return carried

    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:9/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "none")
    monkeypatch.setattr(HubApi, "launches", of_hub)
    monkeypatch.setattr(reconciler, "_running", lambda: {"lau-known", "lau-lost"})

    assert await reconciler._forgotten() == frozenset()
    moment += service.FORGOTTEN_AFTER - timedelta(seconds=1)
    assert await reconciler._forgotten() == frozenset()
    moment += timedelta(seconds=1)
    assert await reconciler._forgotten() == {"lau-lost"}
    # A Hub that does not answer says nothing, and what it then says is counted from the beginning.
    carried = None
    assert await reconciler._forgotten() == frozenset()
    carried = frozenset({"lau-known"})
    moment += service.FORGOTTEN_AFTER
    assert await reconciler._forgotten() == frozenset()
    carried = frozenset({"lau-known", "lau-lost"})
    moment += service.FORGOTTEN_AFTER
    assert await reconciler._forgotten() == frozenset()
