"""A registry is browsed in time; what it said last is shown when it does not answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub_ext.errors import RegistryUnreachable, SettingsError
from hub_ext.flows import browse
from hub_ext.flows.site import Site, open_site
from hub_ext.settings import RegistrySettings, Settings
from tests.support.certificates import Authority
from tests.support.registry import LiveRegistry, live_registry

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with live_registry(folder, Authority(tmp_path_factory.mktemp("authority"))) as running:
        labels = {"org.opencontainers.image.version": "3.1", "maintainer": "x"}
        running.push_image("lab/tools", "1", layer=b"one", config={"Labels": labels})
        running.push_image("lab/tools", "2", layer=b"other")
        running.push_image("lab/other", "1")
        yield running


@pytest.fixture
def site(live: LiveRegistry, tmp_path: Path) -> Iterator[Site]:
    opened = open_site(Settings(state_dir=tmp_path, registries=(live.settings,)), now=lambda: NOW)
    yield opened
    opened.close()


def cut(site: Site, address: str) -> Site:
    """The same site an hour later, with its registry at another address."""
    known: RegistrySettings = site.settings.registries[0]
    settings = replace(site.settings, registries=(replace(known, address=address),))
    return replace(site, settings=settings, now=lambda: NOW + timedelta(hours=1))


async def test_repositories_and_tags(site: Site, live: LiveRegistry) -> None:
    alias = live.settings.alias
    assert (await browse.repositories(site, alias)).items == ("lab/other", "lab/tools")
    found = await browse.tags(site, alias, "lab/tools")
    assert [tag.name for tag in found.items] == ["2", "1"]
    assert (found.seen, found.failure) == (NOW, None)
    image = found.items[1].image
    assert image
    assert image.labels == {"org.opencontainers.image.version": "3.1"}
    assert image.total_bytes > 0
    assert image.platform.startswith("linux/")
    other = found.items[0].image
    assert other
    assert other.digest != image.digest


async def test_what_it_said_last_is_shown_with_its_age(site: Site, live: LiveRegistry) -> None:
    alias = live.settings.alias
    before = await browse.tags(site, alias, "lab/tools")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        down = cut(site, f"localhost:{silent.getsockname()[1]}")
        began = time.monotonic()
        after = await browse.tags(down, alias, "lab/tools")
        assert time.monotonic() - began < 2 * browse.WITHIN_SECONDS
    assert after.items == before.items
    assert after.seen == NOW
    assert "did not answer within" in str(after.failure)


async def test_what_was_never_seen_is_an_error(site: Site, live: LiveRegistry) -> None:
    with pytest.raises(RegistryUnreachable):
        await browse.repositories(cut(site, "localhost:1"), live.settings.alias)
    with pytest.raises(SettingsError):
        await browse.repositories(site, "nowhere")
