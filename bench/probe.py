"""A server looked at past its Hub: where it is, and since when it answers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import docker
from docker.errors import NotFound

from bench.instance import Instance
from hub_ext.adapters import notebook_server

PROBE_SECONDS = 0.005
_LOOK_SECONDS = 0.01
_LONGEST_SECONDS = 60


async def answering(address: str, path: str, port: int = 8888) -> float:
    """When (time.monotonic()) the server at this address and port first answered 200 to a GET of the path."""
    end = time.monotonic() + _LONGEST_SECONDS
    while not await notebook_server.answers(f"{address}:{port}", path):
        if time.monotonic() > end:
            raise RuntimeError(f"{address} did not answer within {_LONGEST_SECONDS} s")
        await asyncio.sleep(PROBE_SECONDS)
    return time.monotonic()


async def container_address(engine_url: str, instance: Instance, user: str, former: str) -> str:
    """The address of the user's container that is being started; `former` was the last one's name."""
    client: Any = docker.APIClient(base_url=engine_url, version="auto")
    end = time.monotonic() + _LONGEST_SECONDS
    try:
        while time.monotonic() < end:
            found = await asyncio.to_thread(_address, client, instance, user, former)
            if found:
                return found
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        client.close()
    raise RuntimeError(f"{instance.kind}: no container of {user} within {_LONGEST_SECONDS} s")


def _address(client: Any, instance: Instance, user: str, former: str) -> str:
    name = instance.container(user)
    if not name or (name == former and instance.kind == "ours"):
        return ""
    try:
        inspected = client.inspect_container(name)
    except NotFound:
        return ""
    networks = inspected["NetworkSettings"]["Networks"] or {}
    return next((str(one["IPAddress"]) for one in networks.values() if one.get("IPAddress")), "")
