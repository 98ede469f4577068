"""How managed services begin and end: one at a time, and with the Hub that started them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from hub_ext.adapters.parent import HUB_VARIABLE
from hub_ext.flows.site import Site
from hub_ext.services.rounds import alone
from tests.support.hub import wait_for
from tests.support.sick_engine import SickEngine, hanging

SERVICES = {
    "culler": ("hub_ext.services.culler", "--url=http://127.0.0.1:9/hub/api"),
    "reconciler": ("hub_ext.services.reconciler",),
}


@pytest.fixture(params=SERVICES)
def words(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The command of a service."""
    return (sys.executable, "-m", *SERVICES[request.param])


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """As the Hub gives it; the engine's socket is dead."""
    config = Path(environment["HUB_EXT_CONFIG"])
    config.write_text(config.read_text() + f"c.HubExt.engine_url = 'unix://{tmp_path}/none.sock'\n")
    return environment


async def test_a_second_one_waits_for_the_first(site: Site) -> None:
    async with alone(site, "culler"):
        second = asyncio.create_task(alone(site, "culler").__aenter__())
        async with alone(site, "reconciler"):
            await asyncio.sleep(1.2)
        assert not second.done()
    await asyncio.wait_for(second, 5)


def test_one_whose_hub_has_gone_before_it_began_ends(
    words: tuple[str, ...], environment: dict[str, str]
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    ended = subprocess.run(
        words, env=environment | {HUB_VARIABLE: str(gone.pid)}, capture_output=True, timeout=30
    )
    assert ended.returncode == -signal.SIGTERM


def test_it_ends_with_the_hub_that_is_killed(words: tuple[str, ...], environment: dict[str, str]) -> None:
    start = f"import subprocess, time; subprocess.Popen({words!r}); time.sleep(600)"
    hub = subprocess.Popen(
        [sys.executable, "-c", start],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert hub.stderr is not None
        assert "did not answer" in hub.stderr.readline()
        hub.kill()
        # The pipe ends when nobody holds it any more.
        hub.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(hub.pid, signal.SIGKILL)


def test_it_ends_quietly_when_it_is_interrupted(environment: dict[str, str], tmp_path: Path) -> None:
    """At once, also while it waits for an engine that hangs."""
    config = Path(environment["HUB_EXT_CONFIG"])
    words = (sys.executable, "-m", *SERVICES["reconciler"])
    with SickEngine(tmp_path / "engine.sock") as sick:
        sick.answer = hanging
        config.write_text(config.read_text() + f"c.HubExt.engine_url = 'unix://{sick.path}'\n")
        with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as running:
            try:
                wait_for(lambda: sick.asked, 30)
                running.send_signal(signal.SIGINT)
                said = running.communicate(timeout=15)[1]
            finally:
                running.kill()
    assert "Traceback" not in said
    assert running.returncode == -signal.SIGINT
