"""Stops idle servers: jupyterhub-idle-culler with our arbiter, and a brake on mass culls.

Run by the Hub as a managed service: `python -m hub_ext.services.culler`. It holds no `access:servers`.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jupyterhub_idle_culler import IdleCuller, cull_idle
from traitlets import default

from hub_ext.adapters.hub_api import HubApi
from hub_ext.config import load_settings
from hub_ext.errors import HubExtError
from hub_ext.flows import cull
from hub_ext.flows.site import Site, open_site

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class CuratedIdleCuller(IdleCuller):
    """Each sweep judges all servers first (`flows.cull`), then has the parent stop the ones that must."""

    @default("cull_every")
    def _cull_every(self) -> int:
        return 60

    @default("config_file")
    def _config_file(self) -> str:
        # Settings come from hub-ext's own file.
        return ""

    def start(self) -> None:
        """Sweep until the Hub is gone."""
        _end_with_parent()
        asyncio.run(self._run())

    async def _run(self) -> None:
        site = open_site(load_settings())
        try:
            async with _alone(site):
                await self._sweep_for_ever(site)
        finally:
            site.close()

    async def _sweep_for_ever(self, site: Site) -> None:
        while True:
            try:
                await self.sweep(site)
            except HubExtError as error:
                # Nothing is culled on half the facts; the next sweep looks again.
                self.log.error("No sweep: %s", error)
            await asyncio.sleep(self.cull_every)

    async def sweep(self, site: Site) -> None:
        """One sweep: judge, write the reasons down, stop."""
        token = os.environ["JUPYTERHUB_API_TOKEN"]
        async with HubApi(self.url, token) as hub:
            verdicts = await cull.judge(site, await hub.servers(), await hub.kernels())
        doomed = await cull.announce_culls(site, verdicts)
        if not doomed:
            return

        def arbiter(*, server: dict[str, Any], **_: Any) -> bool:
            return (server.get("state") or {}).get("launch_id") in doomed

        await cull_idle(
            url=self.url,
            api_token=token,
            inactive_limit=0,
            logger=self.log,
            concurrency=self.concurrency,
            cull_arbiter=arbiter,
        )


@asynccontextmanager
async def _alone(site: Site) -> AsyncIterator[None]:
    """Waits until no other culler of this instance sweeps: one outlives a killed Hub for some seconds."""
    with (site.settings.state_dir / "culler.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(1)
        yield


def _end_with_parent() -> None:
    """Has the kernel end this process when the Hub that started it is gone, also by kill -9."""
    hub = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != hub:
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The service's entry point."""
    CuratedIdleCuller.launch_instance()


if __name__ == "__main__":
    main()
