"""A site without an engine, and what the Hub gives to a managed service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_ext.flows.site import Site, open_site
from hub_ext.settings import Settings

Rounds = Callable[[Coroutine[Any, Any, None], asyncio.Event], Coroutine[Any, Any, None]]


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
def environment(tmp_path: Path) -> dict[str, str]:
    """What the Hub gives the service; the Hub itself does not answer."""
    config = tmp_path / "config.py"
    config.write_text(f"c.HubExt.state_dir = {str(tmp_path)!r}\nc.HubExt.gpu_source = 'none'\n")
    return {**os.environ, "HUB_EXT_CONFIG": str(config), "JUPYTERHUB_API_TOKEN": "none"}


@pytest.fixture
def rounds() -> Rounds:
    """Runs a service until it is enough, then ends it as the Hub does."""

    async def run(service: Coroutine[Any, Any, None], enough: asyncio.Event) -> None:
        running = asyncio.create_task(service)
        waiting = asyncio.create_task(enough.wait())
        await asyncio.wait([running, waiting], timeout=20, return_when="FIRST_COMPLETED")
        assert enough.is_set()
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])

    return run
