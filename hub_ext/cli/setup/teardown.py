"""Removing what instances have on the machine outside of their states' folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

from docker import APIClient
from docker.errors import APIError

from hub_ext.adapters.engine import LABEL_INSTANCE, remove_firewall
from hub_ext.cli.setup import choices, daemon, engine, instance, lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.engine_sources import HostEngine
from hub_ext.cli.setup.images import REPOSITORY
from hub_ext.cli.setup.layout import Layout
from hub_ext.cli.setup.private_engine import PrivateEngine, private_engine
from hub_ext.config import load_settings
from hub_ext.errors import HubExtError, SettingsError
from hub_ext.settings import Settings


def remove_instances(layout: Layout) -> Iterator[str]:
    """Remove what the instance of that state, and those of states below it, have outside of its folder.

    Yields the name of each thing that is gone. An engine of ours whose data lie in the folder is stopped,
    with whatever runs on it. Raises Busy where one of the instances runs, EngineUnreachable, SettingsError,
    HubExtError where that engine does not end.
    """
    own = private_engine()
    goes_too = own if own and own.has_data and own.folder.is_relative_to(layout.state.resolve()) else None
    if goes_too and (others := daemon.users(goes_too)):
        raise SettingsError(
            f"The engine in {layout.state} is in use{_named(others)}.", advice="Stop what uses it first."
        )
    with ExitStack() as stack:
        states = _states(layout)
        for state in states:
            stack.enter_context(lock.held(state))
        docker = stack.enter_context(daemon.in_use(source=goes_too)) if goes_too else None
        for state in states:
            yield from _remove_instance(state, own)
        if docker:
            yield from _remove_containers(docker)
    if goes_too and goes_too.holds_folder():
        raise HubExtError(
            f"The engine in {layout.state} has not ended.", advice=f"Its log says why: {goes_too.log}."
        )


def _states(layout: Layout) -> list[Layout]:
    """That state and those below it: whatever was ever prepared has a lock."""
    found = [path.parent for depth in ("*", "*/*") for path in layout.state.glob(f"{depth}/run.lock")]
    return [layout, *(Layout(folder) for folder in sorted(found))]


def _named(processes: tuple[daemon.Process, ...]) -> str:
    return f" by process {', '.join(str(process.pid) for process in processes)}"


def _remove_instance(state: Layout, own: PrivateEngine | None) -> Iterator[str]:
    chosen = choices.read(state.choices_file)
    if chosen is None or not state.settings_file.exists():
        return
    settings = load_settings(str(state.settings_file))
    source = own if own and own.url == settings.engine_url else HostEngine(settings.engine_url)
    if source is not own and os.environ.get(instance.NEW_ENGINE_VARIABLE) == "1":
        remove_firewall(settings)
        yield f"the firewall's rules; the homes in the engine at {settings.engine_url} are left"
        return
    with daemon.in_use(source=source) as docker:
        yield from remove_objects(settings)
        engine.remove_trust(docker, chosen.registry_address)
        if docker.managed and isinstance(source, HostEngine):
            yield from _leave_host_engine(docker)


def _remove_containers(docker: EngineFacts) -> Iterator[str]:
    """Whatever somebody started on an engine of ours: its files lie in the folder that goes."""
    client: Any = APIClient(base_url=docker.url, version="auto")
    try:
        for container in client.containers(all=True):
            client.remove_container(container["Id"], v=True, force=True)
            yield f"container {container['Names'][0].lstrip('/')}"
    finally:
        client.close()


def _leave_host_engine(docker: EngineFacts) -> Iterator[str]:
    """Take our images and configuration from an engine that hub-ext installed, if no instance is left."""
    client: Any = APIClient(base_url=docker.url, version="auto")
    ours = {"label": LABEL_INSTANCE}
    try:
        if client.containers(all=True, filters=ours) or client.volumes(filters=ours)["Volumes"]:
            return
        for image in client.images(name=f"{REPOSITORY}/*"):
            for reference in image["RepoTags"] or ():
                with suppress(APIError):
                    client.remove_image(reference, noprune=True)
                    yield f"image {reference}"
    finally:
        client.close()
    if engine.remove_configuration():
        yield f"{engine.CONFIGURATION}, which the engine reads at its next start"


def remove_objects(settings: Settings) -> tuple[str, ...]:
    """Remove this instance's containers, volumes, images, network and firewall; the name of each.

    Homes and project folders lie in those volumes: they are gone after this.
    """
    client: Any = APIClient(base_url=settings.engine_url, version="auto", timeout=settings.engine_seconds)
    mine = {"label": f"{LABEL_INSTANCE}={settings.instance}"}
    removed = []
    try:
        for container in client.containers(all=True, filters=mine):
            with suppress(APIError):
                client.remove_container(container["Id"], v=True, force=True)
                removed.append(f"container {container['Names'][0].lstrip('/')}")
        for volume in client.volumes(filters=mine)["Volumes"] or ():
            with suppress(APIError):
                client.remove_volume(volume["Name"], force=True)
                removed.append(f"volume {volume['Name']}")
        for reference in _image_references(client, settings):
            with suppress(APIError):
                client.remove_image(reference, noprune=True)
                removed.append(f"image {reference}")
        for network in client.networks(filters=mine):
            with suppress(APIError):
                client.remove_network(network["Id"])
                removed.append(f"network {network['Name']}")
    finally:
        client.close()
    remove_firewall(settings)
    return tuple(removed)


def _image_references(client: Any, settings: Settings) -> list[str]:
    """What the engine holds under the names of this instance's registries. Layers that others use stay."""
    addresses = tuple(f"{known.address}/" for known in settings.registries)
    return [
        reference
        for image in client.images()
        for reference in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ()))
        if reference.startswith(addresses) and not reference.endswith(":<none>")
    ]
