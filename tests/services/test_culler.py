"""The culler's rounds, without a Hub. What the Hub's own culler does is in tests/e2e/test_culler.py."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from hub_ext.adapters.hub_api import HubApi
from hub_ext.flows import cull
from hub_ext.flows.site import Site
from hub_ext.services import culler as service
from hub_ext.services.culler import CuratedIdleCuller
from tests.services.conftest import Rounds


@pytest.fixture
def culler(site: Site, monkeypatch: pytest.MonkeyPatch) -> CuratedIdleCuller:
    """The service in this process, on that site."""
    monkeypatch.setattr(service, "load_settings", lambda: site.settings)
    monkeypatch.setattr(service, "open_site", lambda settings: site)
    monkeypatch.setattr(service, "MAIL_SECONDS", 0.1)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "none")
    made = CuratedIdleCuller(url="http://127.0.0.1:9/hub/api")
    made.log = logging.getLogger("culler")
    return made


async def test_a_dead_hub_does_not_end_the_rounds(
    culler: CuratedIdleCuller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rounds: Rounds,
) -> None:
    enough = asyncio.Event()

    def counted() -> None:
        if caplog.text.count("The Hub did not answer") >= 2:
            enough.set()

    real = culler.log.error

    def heard(*said: Any) -> None:
        real(*said)
        counted()

    monkeypatch.setattr(culler.log, "error", heard)
    await rounds(culler._run(), enough)


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
