"""Probes: short hardened containers that look at something as a notebook would, and are always removed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub_ext.adapters.engine.connection import LABEL_INSTANCE, Lane
from hub_ext.adapters.engine.volumes import Volumes
from hub_ext.errors import EngineUnreachable
from hub_ext.settings import MIB

LABEL_PROBE = "io.hub-ext.probe"
PROBE = "1"  # its value for the probes of this room


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How a probe ended: its exit status and what it printed, both streams."""

    rc: int
    output: str


class Probes(Volumes):
    """Hardened like a notebook server, without its home."""

    async def run_probe(
        self,
        image: str,
        command: Sequence[str],
        *,
        uid: int,
        gid: int,
        groups: Sequence[int] = (),
        mounts: Sequence[Mapping[str, Any]] = (),
        network: str = "none",
        environment: Mapping[str, str] | None = None,
        host_config: Mapping[str, Any] | None = None,
        seconds: float = 60,
    ) -> ProbeResult:
        """Runs a command and removes its container, also when the caller is cancelled.

        `mounts` are the Engine API's; `host_config` adds to or replaces keys of HostConfig. Raises
        EngineUnreachable where it has not ended after `seconds`.
        """
        name = f"{self._settings.instance}-probe-{secrets.token_hex(6)}"
        body = {
            "Image": image,
            "Entrypoint": list(command),
            "Cmd": [],
            "User": f"{uid}:{gid}",
            "WorkingDir": "/",
            "Env": [f"{key}={value}" for key, value in (environment or {}).items()],
            "Labels": {LABEL_INSTANCE: self._settings.instance, LABEL_PROBE: PROBE},
            "HostConfig": {
                **_HARDENED,
                "GroupAdd": [str(group) for group in groups],
                "Mounts": [dict(mount) for mount in mounts],
                "NetworkMode": network,
                **(host_config or {}),
            },
        }
        try:
            await self.create(name, body)
            await self.start(name)
            rc = await self._ended(name, seconds)
            return ProbeResult(rc, await self.logs_tail(name, 10_000))
        finally:
            await asyncio.shield(self.remove(name))

    async def _ended(self, name: str, seconds: float) -> int:
        try:
            waited = await self._call(
                "wait for a probe", "POST", f"/containers/{name}/wait", lane=Lane.STOP, seconds=seconds
            )
        except EngineUnreachable as error:
            raise EngineUnreachable("A probe did not end within {seconds} s.", seconds=seconds) from error
        return int(waited.json()["StatusCode"])


_HARDENED: dict[str, Any] = {
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "ReadonlyRootfs": True,
    "Tmpfs": {"/tmp": "rw,nosuid,nodev,size=64m"},  # noqa: S108
    "Memory": 512 * MIB,
    "MemorySwap": 512 * MIB,
    "PidsLimit": 256,
    "Init": True,
    "IpcMode": "private",
    "CgroupnsMode": "private",
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
    "RestartPolicy": {"Name": "no"},
}
