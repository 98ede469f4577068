"""Removing what an instance has on the machine outside its state's folder."""

from __future__ import annotations

from contextlib import suppress

from docker import APIClient
from docker.errors import APIError

from hub_ext.adapters.engine import LABEL_INSTANCE, remove_firewall
from hub_ext.settings import Settings


def remove_objects(settings: Settings) -> tuple[str, ...]:
    """Remove this instance's containers, volumes, network and firewall; what was removed, a name each.

    Homes and project folders lie in those volumes: they are gone after this.
    """
    client = APIClient(base_url=settings.engine_url, version="auto", timeout=settings.engine_seconds)
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
        for network in client.networks(filters=mine):
            with suppress(APIError):
                client.remove_network(network["Id"])
                removed.append(f"network {network['Name']}")
    finally:
        client.close()
    remove_firewall(settings)
    return tuple(removed)
