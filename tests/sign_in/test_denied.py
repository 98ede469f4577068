"""A clear "no" of the provider ends what the person runs, the reason first; silence ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub_ext.adapters.store import Store, audit, launches
from hub_ext.flows.site import Site
from hub_ext.model import LaunchState
from hub_ext.settings import Settings
from hub_ext.sign_in.denied import denied_hook
from hub_ext.sign_in.oauth import CuratedOAuthenticator
from hub_ext.sign_in.refresh import Outcome
from tests.adapters.store import samples

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    settings = Settings(state_dir=tmp_path)
    opened = Site(settings, Store.open(settings.store), lambda: NOW)
    samples.filled(opened.store)
    with opened.store.transaction() as tx:
        launches.add(tx, samples.launch(2, state=LaunchState.RUNNING))
    yield opened
    opened.close()


class Handler:
    """The Hub's handler of the request that brought the no."""

    log = SimpleNamespace(exception=print)

    def __init__(self, site: Site) -> None:
        self.site, self.stopped = site, []
        self.broken: str | None = None

    async def stop_single_user(self, user: Any, name: str) -> None:
        if name == self.broken:
            raise RuntimeError("the proxy is gone")
        with self.site.store.reading() as tx:
            self.stopped.append((name, launches.get(tx, user.spawners[name].launch_id).stop_reason))


def user(**pending: str) -> Any:
    spawner = SimpleNamespace(active=True, launch_id="lau-2", **{"pending": None, **pending})
    idle = SimpleNamespace(active=False, pending=None, launch_id="")
    state = {"token_response": {}, "oauth_user": {"sub": "s-1"}}

    async def get_auth_state() -> dict[str, Any]:
        return state

    return SimpleNamespace(name="marie", spawners={"": spawner, "old": idle}, get_auth_state=get_auth_state)


async def test_servers_are_stopped_with_the_reason_written_first(site: Site) -> None:
    handler = Handler(site)
    await denied_hook(lambda: site)(user(), handler)
    assert handler.stopped == [("", "right-ended")]
    with site.store.reading() as tx:
        event = audit.listing(tx, subject="lau-2")[-1]
    assert event.verb.value == "launch.stopping"
    assert event.actor.id == "sign-in"


async def test_one_that_cannot_be_stopped_keeps_no_other(site: Site) -> None:
    handler, marie = Handler(site), user()
    handler.broken = ""
    marie.spawners["second"] = SimpleNamespace(active=True, pending=None, launch_id="lau-2")
    await denied_hook(lambda: site)(marie, handler)
    assert [name for name, _ in handler.stopped] == ["second"]


async def test_one_that_is_starting_is_left_for_the_next_time(site: Site) -> None:
    handler = Handler(site)
    await denied_hook(lambda: site)(user(pending="spawn"), handler)
    assert handler.stopped == []


@pytest.mark.parametrize(("outcome", "ended"), [(Outcome.DENIED, 1), (Outcome.UNKNOWN, 0)])
async def test_only_a_clear_no_ends_them(
    site: Site, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, ended: int
) -> None:
    door = CuratedOAuthenticator(
        issuer="https://id.example", jwks_url="https://id.example/keys", username_claim="name"
    )
    door.denied_hook = denied_hook(lambda: site)

    async def answer(*_: Any) -> tuple[Outcome, None]:
        return outcome, None

    monkeypatch.setattr(door, "_ask_provider", answer)
    handler = Handler(site)
    assert await door.refresh_user(user(), handler) is (outcome is Outcome.UNKNOWN)
    await asyncio.gather(*door._tasks)
    assert len(handler.stopped) == ended
