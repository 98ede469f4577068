"""The Hub's routes are kept in the store, with the last use of each server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.store import launches, routes, server_uses
from hub_ext.flows.site import Site, open_site
from hub_ext.hub.proxy import StoredRoutes
from hub_ext.model import LaunchState
from hub_ext.settings import Settings
from tests.adapters.store import samples


class Routes(StoredRoutes):
    """The Hub's proxy with the store of a test."""

    test_site: Site

    @property
    def site(self) -> Site:
        return self.test_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = open_site(Settings(state_dir=tmp_path, node="other"))
    yield opened
    opened.close()


@pytest.fixture
def proxy(site: Site) -> Routes:
    made = Routes()
    made.test_site = site
    return made


async def test_a_route_is_kept_until_it_is_deleted(proxy: Routes, site: Site) -> None:
    facts = {"user": "anne", "server_name": "été 2"}
    await proxy.add_route("/user/anne/%C3%A9t%C3%A9%202", "http://10.1.0.2:8888", facts)
    spec = "/user/anne/%C3%A9t%C3%A9%202/"
    assert await proxy.get_all_routes() == {
        spec: {"routespec": spec, "target": "http://10.1.0.2:8888", "data": facts}
    }
    await proxy.delete_route(spec)
    await proxy.delete_route(spec)
    assert await proxy.get_all_routes() == {}


async def test_a_route_that_is_added_again_has_the_new_target(proxy: Routes, site: Site) -> None:
    for target in ("http://10.1.0.2:8888", "http://10.1.0.3:8888"):
        await proxy.add_route("/user/anne/", target, {"user": "anne", "server_name": ""})
    with site.store.reading() as tx:
        assert [route.target for route in routes.listing(tx)] == ["http://10.1.0.3:8888"]


async def test_the_hub_is_told_when_a_server_was_last_used(proxy: Routes, site: Site) -> None:
    last_use = samples.NOW + timedelta(hours=1)
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if module not in (routes, server_uses):
                module.add(tx, value)
        launches.add(tx, samples.launch(7, node=site.settings.node, state=LaunchState.RUNNING))
        server_uses.put(tx, {"lau-7": last_use})
    for user in ("anne", "bea"):
        await proxy.add_route(f"/user/{user}/", "http://10.1.0.2:8888", {"user": user, "server_name": ""})
    kept = await proxy.get_all_routes()
    assert kept["/user/anne/"]["data"]["last_activity"] == last_use.isoformat()
    assert "last_activity" not in kept["/user/bea/"]["data"]


async def test_routes_that_the_hub_does_not_want_are_refused(proxy: Routes) -> None:
    with pytest.raises(ValueError, match="not using host-routing"):
        await proxy.add_route("anne.example.org/user/anne/", "http://10.1.0.2:8888", {})
