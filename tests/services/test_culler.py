"""The culler's rounds, without a Hub. What the Hub's own culler does is in tests/e2e/test_culler.py."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.adapters.store import Store, gpus
from hub_ext.errors import EngineError
from hub_ext.flows import cull
from hub_ext.flows.site import Site, open_site
from hub_ext.policy.gpus import works
from hub_ext.services import culler as service
from hub_ext.services.culler import CuratedIdleCuller
from hub_ext.services.parent import HUB_VARIABLE
from hub_ext.settings import Settings
from tests.support.hub import wait_for
from tests.support.sick_engine import SickEngine, hanging


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty store; the engine's socket is dead; GPUs are what the specs in `cdi` say."""
    held = open_site(
        Settings(
            state_dir=tmp_path,
            engine_url=f"unix://{tmp_path}/none.sock",
            cull_seconds=1,
            gpu_source="cdi",
            cdi_dirs=(tmp_path / "cdi",),
        )
    )
    yield held
    held.close()


@pytest.fixture
def culler(site: Site, monkeypatch: pytest.MonkeyPatch) -> CuratedIdleCuller:
    """The service in this process, on that site."""
    monkeypatch.setattr(service, "load_settings", lambda: site.settings)
    monkeypatch.setattr(service, "open_site", lambda settings: site)
    monkeypatch.setattr(service, "MEND_SECONDS", 0.1)
    monkeypatch.setattr(service, "MEASURE_SECONDS", 0.1)
    monkeypatch.setattr(service, "GPU_SECONDS", 0.1)
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


async def test_only_what_was_announced_is_stopped_and_at_once(
    culler: CuratedIdleCuller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered: list[dict[str, Any]] = []

    async def nothing(*_: Any) -> tuple[Any, ...]:
        return ()

    async def doomed(*_: Any) -> frozenset[str]:
        return frozenset({"lau-1"})

    async def cull_idle(**order: Any) -> None:
        ordered.append(order)

    monkeypatch.setattr(HubApi, "servers", nothing)
    monkeypatch.setattr(HubApi, "kernels", nothing)
    monkeypatch.setattr(cull, "judge", nothing)
    monkeypatch.setattr(cull, "announce_culls", doomed)
    monkeypatch.setattr(service, "cull_idle", cull_idle)
    await culler.sweep(site)
    arbiter = ordered[0]["cull_arbiter"]
    assert arbiter(server={"state": {"launch_id": "lau-1"}}, user={}, inactive=None)
    assert not arbiter(server={"state": {"launch_id": "lau-2"}}, user={}, inactive=None)
    assert not arbiter(server={"state": None}, user={}, inactive=None)
    # Ours has judged: the parent's own limit of idleness must not have a say.
    assert ordered[0]["inactive_limit"] == 0


async def test_a_second_culler_waits_for_the_first(site: Site) -> None:
    async with service._alone(site):
        second = asyncio.create_task(service._alone(site).__aenter__())
        await asyncio.sleep(1.2)
        assert not second.done()
    await asyncio.wait_for(second, 5)


async def test_a_gpu_that_comes_is_offered_and_one_that_goes_is_not(
    culler: CuratedIdleCuller, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = site.settings.cdi_dirs[0] / "cards.json"
    spec.parent.mkdir()
    running = asyncio.create_task(culler._run())
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
    culler: CuratedIdleCuller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(store: Store) -> Any:
        raise AssertionError("a transaction")

    monkeypatch.setattr(Store, "transaction", written)
    await culler.look_at_gpus(site)


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


WORDS = (sys.executable, "-m", "hub_ext.services.culler", "--url=http://127.0.0.1:9/hub/api")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What the Hub gives the service; the Hub itself does not answer."""
    config = tmp_path / "config.py"
    config.write_text(f"c.HubExt.state_dir = {str(tmp_path)!r}\nc.HubExt.gpu_source = 'none'\n")
    return {**os.environ, "HUB_EXT_CONFIG": str(config), "JUPYTERHUB_API_TOKEN": "none"}


def test_one_whose_hub_has_gone_before_it_began_ends(environment: dict[str, str]) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    ended = subprocess.run(
        WORDS, env=environment | {HUB_VARIABLE: str(gone.pid)}, capture_output=True, timeout=30
    )
    assert ended.returncode == -signal.SIGTERM


def test_it_ends_with_the_hub_that_is_killed(environment: dict[str, str]) -> None:
    start = f"import subprocess, time; subprocess.Popen({WORDS!r}); time.sleep(600)"
    hub = subprocess.Popen(
        [sys.executable, "-c", start],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert hub.stderr is not None
        assert "Not this time" in hub.stderr.readline()
        hub.kill()
        # The pipe ends when nobody holds it any more.
        hub.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(hub.pid, signal.SIGKILL)


def test_it_ends_quietly_when_it_is_interrupted(environment: dict[str, str], tmp_path: Path) -> None:
    """At once, also while it waits for an engine that hangs."""
    config = Path(environment["HUB_EXT_CONFIG"])
    with SickEngine(tmp_path / "engine.sock") as sick:
        sick.answer = hanging
        config.write_text(config.read_text() + f"c.HubExt.engine_url = 'unix://{sick.path}'\n")
        with subprocess.Popen(WORDS, env=environment, stderr=subprocess.PIPE, text=True) as running:
            try:
                assert running.stderr is not None
                first = running.stderr.readline()
                wait_for(lambda: sick.asked, 30)
                running.send_signal(signal.SIGINT)
                said = running.communicate(timeout=15)[1]
            finally:
                running.kill()
    assert "Not this time" in first
    assert "Traceback" not in first + said
    assert running.returncode == -signal.SIGINT
