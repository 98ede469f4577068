"""The closed network: pinned, internal, without traffic between notebooks, without IPv6."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from hub_ext.adapters.engine.connection import LABEL_INSTANCE, Connection, EngineAnswered, Lane
from hub_ext.errors import NetworkError, SettingsError
from hub_ext.phrase import Phrase
from hub_ext.settings import Settings


def subnet(settings: Settings) -> IPv4Network:
    """The closed network's addresses. Raises SettingsError where network_subnet is no private subnet."""
    try:
        found = IPv4Network(settings.network_subnet)
    except ValueError as error:
        raise SettingsError(
            "c.HubExt.network_subnet is {subnet!r}: {why}.",
            advice='Give an IPv4 subnet such as "10.213.0.0/22".',
            subnet=settings.network_subnet,
            why=str(error),
        ) from error
    if not found.is_private or found.prefixlen > 29:
        raise SettingsError(
            "c.HubExt.network_subnet {subnet} is not private, or too small for a notebook.", subnet=str(found)
        )
    return found


def gateway(settings: Settings) -> str:
    """The host's address on the closed network, where the Hub listens."""
    return str(next(subnet(settings).hosts()))


def network_body(settings: Settings) -> dict[str, Any]:
    """The body of POST /networks/create."""
    return {
        "Name": settings.network_name,
        "Driver": "bridge",
        "Internal": True,
        "EnableIPv6": False,
        "Attachable": False,
        "Ingress": False,
        "IPAM": {
            "Driver": "default",
            "Config": [{"Subnet": str(subnet(settings)), "Gateway": gateway(settings)}],
        },
        "Options": {
            "com.docker.network.bridge.name": settings.network_bridge,
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
        },
        "Labels": {LABEL_INSTANCE: settings.instance},
    }


def network_problems(settings: Settings, inspected: dict[str, Any]) -> tuple[Phrase, ...]:
    """Where an inspected network differs from the one that we would make."""
    wanted = network_body(settings)
    found = {
        **inspected,
        "IPAM": {
            "Driver": (inspected.get("IPAM") or {}).get("Driver"),
            "Config": [
                {key: entry.get(key) for key in ("Subnet", "Gateway")}
                for entry in (inspected.get("IPAM") or {}).get("Config") or ()
            ],
        },
    }
    return tuple(
        Phrase("{key} is {found} instead of {value}", key=key, found=repr(found.get(key)), value=repr(value))
        for key, value in wanted.items()
        if found.get(key) != value
    )


class Networks(Connection):
    """The one network of this instance. The firewall on its bridge is in `firewall`."""

    async def ensure_network(self) -> None:
        """Makes the closed network where it is not there.

        Raises NetworkError where one of that name differs: it is never changed, containers may hang on it.
        """
        name = self._settings.network_name
        problems = await self._network_problems()
        if problems is None:
            try:
                await self._call(
                    "make the network",
                    "POST",
                    "/networks/create",
                    body=network_body(self._settings),
                    lane=Lane.START,
                )
            except EngineAnswered as error:
                if error.status != 409:  # somebody made it meanwhile
                    raise _not_made(self._settings, error) from error
            problems = await self._network_problems()
        if problems is None or problems:
            raise NetworkError(
                "The network {name} is not as it must be: {problems}.",
                advice="Stop the servers, remove it with `docker network rm {name}` and start again, "
                "or choose another c.HubExt.instance.",
                name=name,
                problems=problems or Phrase("it is gone again"),
            )

    async def check_network(self) -> tuple[Phrase, ...]:
        """What is wrong with the closed network; nothing is changed."""
        problems = await self._network_problems()
        if problems is not None:
            return problems
        return (Phrase("there is no network {name}", name=self._settings.network_name),)

    async def networks(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Names of the networks that carry all of `labels`."""
        filters = {"label": [f"{key}={value}" for key, value in labels.items()]}
        answer = await self._call(
            "list networks", "GET", "/networks", parameters={"filters": json.dumps(filters)}
        )
        return tuple(str(one["Name"]) for one in answer.json())

    async def remove_network(self) -> None:
        """Removes the closed network. Absent is success; containers on it raise EngineAnswered."""
        try:
            await self._call(
                "remove the network", "DELETE", f"/networks/{self._settings.network_name}", lane=Lane.STOP
            )
        except EngineAnswered as error:
            if not error.absent:
                raise

    async def _network_problems(self) -> tuple[Phrase, ...] | None:
        try:
            answer = await self._call(
                "inspect the network", "GET", f"/networks/{self._settings.network_name}"
            )
        except EngineAnswered as error:
            if error.absent:
                return None
            raise
        return network_problems(self._settings, answer.json())


def _not_made(settings: Settings, error: EngineAnswered) -> NetworkError:
    if "overlap" in error.said:
        return NetworkError(
            "The subnet {subnet} of the closed network is in use on this machine.",
            advice="Set c.HubExt.network_subnet to a free private subnet.",
            subnet=settings.network_subnet,
        )
    return NetworkError("The closed network cannot be made: {said}.", said=error.said)
