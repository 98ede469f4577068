"""Removing what an instance has on the machine outside its state's folder."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from docker import APIClient
from docker.errors import APIError

from hub_ext.adapters.engine import LABEL_INSTANCE, remove_firewall
from hub_ext.settings import Settings


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
