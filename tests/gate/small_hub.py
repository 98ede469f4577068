"""What a small real Hub runs with: servers that are only an address, and routes in the store.

Its spawner does what the product's does for the gate: a launch in the store, and the secrets in a file.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.store import Store, launches, persons, projects, routes
from hub_ext.adapters.store import images as store_images
from hub_ext.adapters.store import revisions as store_revisions
from hub_ext.flows.site import Site, new_id, open_site, utc_now
from hub_ext.model import Launch, LaunchState
from hub_ext.model.doors import Route
from hub_ext.model.interfaces import (
    JUPYTER,
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.settings import Settings
from tests.adapters.store import samples

UPSTREAM_VARIABLE = "TEST_UPSTREAM_PORT"
PLACE_VARIABLE = "TEST_PLACE"
HUB_PORT_VARIABLE = "TEST_HUB_PORT"

# By the server's name; of every other name they are Jupyter's.
INTERFACES = {
    "app": Interface(
        kind=InterfaceKind.COMMAND,
        command=("serve",),
        port=7860,
        prefix=PrefixHandling.STRIPPED,
        ready_path="",
        polls=(Poll(("GET",), r"status"),),
        secret=SecretPlace("", SecretScheme.NONE),
    ),
    "keyed": Interface(
        kind=InterfaceKind.COMMAND,
        command=("serve", "{prefix}"),
        port=8080,
        prefix=PrefixHandling.KEPT,
        ready_path="healthy",
        polls=(),
        secret=SecretPlace("APP_KEY", SecretScheme.BEARER),
    ),
}


def settings_in(place: Path, hub_port: int) -> Settings:
    """The settings of a test's gate and Hub."""
    state = place / "state"
    state.mkdir(exist_ok=True)
    return Settings(state_dir=state, run_root=place / "run", instance="gate", hub_port=hub_port)


def prepare(store: Store) -> None:
    """What every launch refers to."""
    with store.transaction() as tx:
        persons.add(tx, samples.SPONSOR)
        persons.add(tx, samples.PERSON)
        projects.add(tx, samples.PROJECT)
        store_images.add(tx, samples.SUCCESSOR)
        store_images.add(tx, samples.IMAGE)
        store_revisions.add(tx, samples.REVISION)


def launch_of(username: str, server_name: str, upstream: str, **changes: Any) -> Launch:
    """A launch that runs at that address."""
    launch = replace(
        samples.LAUNCH,
        id=new_id("lau"),
        username=username,
        server_name=server_name,
        state=LaunchState.RUNNING,
        upstream=upstream,
        admitted=utc_now(),
        ended=None,
        outcome="",
        stop_reason="",
        interface=JUPYTER,
    )
    return replace(launch, **changes)


def site_of_environment() -> Site:
    """The site that the test prepared, in the Hub's own process."""
    place = Path(os.environ[PLACE_VARIABLE])
    return open_site(settings_in(place, int(os.environ[HUB_PORT_VARIABLE])))


class AddressSpawner(Spawner):  # type: ignore[misc]
    """Starts nothing: all servers are the test's upstream."""

    site: Site = None  # type: ignore[assignment]

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        if AddressSpawner.site is None:
            AddressSpawner.site = site_of_environment()
        self.launch_id = ""

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.launch_id = state.get("launch_id", "")

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "launch_id": self.launch_id}

    def clear_state(self) -> None:
        super().clear_state()
        self.launch_id = ""

    async def start(self) -> tuple[str, int]:
        environment = self.get_env()
        port = int(os.environ[UPSTREAM_VARIABLE])
        interface = INTERFACES.get(self.name, JUPYTER)
        launch = launch_of(self.user.name, self.name, f"127.0.0.1:{port}", interface=interface)
        launch_secrets.write(
            self.site.settings,
            launch.id,
            LaunchSecrets(
                secrets.token_hex(),
                environment["JUPYTERHUB_CLIENT_ID"],
                environment["JUPYTERHUB_API_TOKEN"],
                tuple(json.loads(environment["JUPYTERHUB_OAUTH_ACCESS_SCOPES"])),
                environment["JUPYTERHUB_OAUTH_CALLBACK_URL"],
            ),
        )
        with self.site.store.transaction() as tx:
            launches.add(tx, launch)
        self.launch_id = launch.id
        return "127.0.0.1", port

    async def stop(self, now: bool = False) -> None:
        with self.site.store.transaction() as tx:
            launch = launches.get(tx, self.launch_id)
            launches.replace(tx, replace(launch, state=LaunchState.ENDED, ended=utc_now()))
        launch_secrets.remove(self.site.settings, self.launch_id)

    async def poll(self) -> int | None:
        return None if self.launch_id else 0


class TableProxy(Proxy):  # type: ignore[misc]
    """Routes in the store."""

    should_start = False

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.site = site_of_environment()

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        with self.site.store.transaction() as tx:
            routes.put(tx, Route(routespec, target, data, utc_now()))

    async def delete_route(self, routespec: str) -> None:
        with self.site.store.transaction() as tx:
            routes.remove(tx, routespec)

    async def get_all_routes(self) -> dict[str, Any]:
        with self.site.store.reading() as tx:
            return {
                route.routespec: {
                    "routespec": route.routespec,
                    "target": route.target,
                    "data": dict(route.facts),
                }
                for route in routes.listing(tx)
            }
