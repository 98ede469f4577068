"""Stops idle servers: jupyterhub-idle-culler with our arbiter, and a brake on mass culls.

Now and then it also mends what store and engine disagree on, looks which GPUs are there, and measures homes
and project folders.

Run by the Hub as a managed service: `python -m hub_ext.services.culler`. It holds no `access:servers`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from jupyterhub_idle_culler import IdleCuller, cull_idle
from traitlets import default

from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.config import load_settings
from hub_ext.errors import EngineError, HubExtError
from hub_ext.flows import cull, disk, gpu, idle_warnings, outbox, reconcile
from hub_ext.flows.site import Site, open_site
from hub_ext.services.parent import end_with_parent

MEND_SECONDS = 300
GPU_SECONDS = 60
MEASURE_SECONDS = 3600
MAIL_SECONDS = 60
MEASURED_WITHIN_SECONDS = 900


class CuratedIdleCuller(IdleCuller):
    """Each sweep judges all servers first (`flows.cull`), then has the parent stop the ones that must."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._watch = cull.CpuWatch()

    @default("config_file")
    def _config_file(self) -> str:
        # Settings come from hub-ext's own file.
        return ""

    def start(self) -> None:
        """Sweep until the Hub is gone, or Ctrl-C, which reaches the whole process group, ends us."""
        # At once, as SIGTERM does: Python would wait for threads that wait for the engine.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        end_with_parent()
        asyncio.run(self._run())

    async def _run(self) -> None:
        site = open_site(load_settings())
        try:
            async with _alone(site), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._for_ever(site.settings.cull_seconds, lambda: self.sweep(site)))
                tasks.create_task(self._for_ever(MEND_SECONDS, lambda: self.mend(site)))
                tasks.create_task(self._for_ever(GPU_SECONDS, lambda: self.look_at_gpus(site)))
                tasks.create_task(self._for_ever(MAIL_SECONDS, lambda: self.mail(site)))
                tasks.create_task(self._for_ever(MEASURE_SECONDS, lambda: self.measure(site)))
        finally:
            site.close()

    async def _for_ever(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except HubExtError as error:
                self.log.error("Not this time: %s", error)
            except Exception:
                # Whatever one round met, rights must go on ending: the next round looks again.
                self.log.exception("A round of the culler failed")
            await asyncio.sleep(seconds)

    async def mend(self, site: Site) -> None:
        """Finish what the Hub could not: a stop while the engine was down, a start that died."""
        for mended in await reconcile.sweep(site):
            self.log.warning("Mended: %s %s", mended.mend, mended.subject)

    async def look_at_gpus(self, site: Site) -> None:
        """Offer a GPU that has appeared, and no longer one that is gone or somebody else's.

        Raises EngineError.
        """
        changes = await gpu.refresh(site, cull.CULLER)
        for found in changes.found:
            self.log.warning("GPU there, or changed: %s", found)
        for lost in changes.lost:
            self.log.error("GPU gone: %s", lost)
        for lease in changes.lost_leases:
            self.log.error("Lease without its GPU: %s", lease)
        for gpu_id, launch_id in changes.trespassers:
            self.log.error("Launch %s computes on GPU %s, which it does not lease", launch_id, gpu_id)

    async def mail(self, site: Site) -> None:
        """Send the letters that are due, where a mail server is named. Raises SettingsError."""
        done = await outbox.send_due(site)
        if done.given_up:
            self.log.error("Letters given up: %d. The mail server's log says why.", done.given_up)

    async def measure(self, site: Site) -> None:
        """Measure what homes and project folders hold. Raises EngineError, also where it takes too long."""
        try:
            async with asyncio.timeout(MEASURED_WITHIN_SECONDS):
                await disk.measure(site)
        except TimeoutError as error:
            raise EngineError(
                "Homes and project folders were not measured within {seconds} s.",
                advice="See whether the disk of the engine's volumes is slow.",
                seconds=MEASURED_WITHIN_SECONDS,
            ) from error

    async def sweep(self, site: Site) -> None:
        """One sweep: judge, write the reasons down, stop. Raises HubExtError, having stopped nothing."""
        token = os.environ["JUPYTERHUB_API_TOKEN"]
        async with HubApi(self.url, token) as hub:
            servers = await hub.servers()
            try:
                kernels = await hub.kernels()
            except HubApiError as error:
                # Then nobody is idle; rights end all the same.
                self.log.error("What kernels do is not known: %s", error)
                kernels = {}
        verdicts = await cull.judge(site, servers, kernels, self._watch)
        await asyncio.to_thread(
            idle_warnings.write_down, site, [(judged.launch, judged.verdict) for judged in verdicts]
        )
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


def main() -> None:
    """The service's entry point."""
    CuratedIdleCuller.launch_instance()


if __name__ == "__main__":
    main()
