"""Removing what instances have on the machine outside of their states' folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

from docker import APIClient
from docker.errors import APIError

from hub_ext.adapters.engine import LABEL_INSTANCE, remove_firewall
from hub_ext.cli.setup import choices, daemon, engine, lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.engine_sources import HostEngine, engine_source
from hub_ext.cli.setup.images import REPOSITORY
from hub_ext.cli.setup.layout import Layout
from hub_ext.cli.setup.private_engine import PrivateEngine
from hub_ext.config import load_settings
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings


def remove_instances(layout: Layout) -> Iterator[str]:
    """Remove what the instance of that state, and those of states below it, have outside of its folder.

    Yields the name of each thing that is gone. An engine of ours whose data lie in the folder is stopped,
    with whatever runs on it. Raises Busy where one of the instances runs, EngineUnreachable, SettingsError.
    """
    states = [layout, *(Layout(path.parent) for path in sorted(layout.state.glob("*/choices.json")))]
    source = engine_source()
    goes_too = isinstance(source, PrivateEngine) and source.folder.is_relative_to(layout.state)
    if goes_too and (others := daemon.users(source)):
        raise SettingsError(
            f"The engine in {layout.state} is in use{_named(others)}.", advice="Stop what uses it first."
        )
    with ExitStack() as stack:
        for state in states:
            stack.enter_context(lock.held(state))
        docker = stack.enter_context(daemon.in_use(source=source))
        for state in states:
            yield from _remove_instance(state, docker)
        if goes_too:
            yield from _remove_containers(docker)
        elif docker.managed and isinstance(source, HostEngine):
            yield from _leave_host_engine(docker)


def _named(processes: tuple[daemon.Process, ...]) -> str:
    return f" by process {', '.join(str(process.pid) for process in processes)}"


def _remove_instance(state: Layout, docker: EngineFacts) -> Iterator[str]:
    chosen = choices.read(state.choices_file)
    if chosen is None or not state.settings_file.exists():
        return
    settings = load_settings(str(state.settings_file))
    if settings.engine_url == docker.url:
        yield from remove_objects(settings)
    else:
        remove_firewall(settings)
        yield f"the firewall's rules; its homes, in the engine at {settings.engine_url}, are left"
    engine.remove_trust(docker, chosen.registry_address)


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
