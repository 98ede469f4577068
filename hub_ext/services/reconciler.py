"""Keeps store, Hub, engine and firewall in agreement, looks which GPUs there are, measures homes and folders.

The engine's events come first, a listing after each reconnection, and one now and then. Run by the Hub as a
managed service: `python -m hub_ext.services.reconciler`. It reads which launches the Hub has, and no more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from datetime import datetime, timedelta

from hub_ext.adapters.engine import ENDINGS, ContainerEvent
from hub_ext.adapters.hub_api import HubApi, HubApiError
from hub_ext.adapters.parent import end_with_parent, hub_since
from hub_ext.adapters.store import launches
from hub_ext.config import load_settings
from hub_ext.errors import EngineError, HubExtError
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows import back_door, disk, firewall, gpu, reconcile
from hub_ext.flows.prepull import Prepull
from hub_ext.flows.site import Site, open_site
from hub_ext.flows.watch import watch
from hub_ext.model import LaunchState
from hub_ext.services.rounds import alone, for_ever

GPU_SECONDS = 60
PREPULL_SECONDS = 5
MEASURE_SECONDS = 3600
MEASURED_WITHIN_SECONDS = 900
# A launch of which the Hub knows nothing for so long is none of its servers: a start ends within a second of
# its launch, and a Hub that has just begun answers only once it has read all its servers.
FORGOTTEN_AFTER = timedelta(seconds=20)

log = logging.getLogger("reconciler")


class Reconciler:
    """The rounds of one site. `since` is when the Hub began."""

    def __init__(self, site: Site, since: datetime | None = None) -> None:
        self.site = site
        self.since = since
        self._prepull = Prepull(site)
        self._missing: dict[str, datetime] = {}
        self._looked: datetime | None = None
        # Two sweeps at once would mend the same twice.
        self._sweeping = asyncio.Lock()
        self._at_firewall = asyncio.Lock()
        self._firewall_failure = ""
        self._tasks: asyncio.TaskGroup

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with alone(self.site, "reconciler"), asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self.listen())
            tasks.create_task(for_ever(self.site.settings.reconcile_seconds, self.mend_all, log))
            tasks.create_task(for_ever(self.site.settings.reconcile_seconds, self.mend_firewall, log))
            tasks.create_task(for_ever(GPU_SECONDS, self.look_at_gpus, log))
            tasks.create_task(for_ever(MEASURE_SECONDS, self.measure, log))
            tasks.create_task(for_ever(PREPULL_SECONDS, self.pull_ahead, log))

    async def listen(self) -> None:
        """Mend at once where a container ends, and write down who enters one. Never returns."""
        await watch(self.site, look=self._look, hear=self._hear, failed=_failed, since=self._since)

    async def mend_all(self) -> None:
        """Finish what the Hub could not: a stop while the engine was down, a start that died."""
        await self._mend(forgotten=await self._forgotten())

    async def mend_firewall(self) -> None:
        """Put back what others did to the rules. A failure is logged once while it stays the same."""
        async with self._at_firewall:
            try:
                for problem in await firewall.mend(self.site):
                    log.warning("Mended: %s: %s", reconcile.Mend.FIREWALL_RESTORED, problem)
            except Exception as error:  # whatever it met, the events of containers are heard
                defect = None if isinstance(error, HubExtError) else error
                if str(error) != self._firewall_failure:
                    log.error("The firewall is not mended: %s", error, exc_info=defect)
                self._firewall_failure = str(error)
            else:
                self._firewall_failure = ""

    async def _mend(self, *, only: str = "", forgotten: frozenset[str] = frozenset()) -> None:
        async with self._sweeping:
            mends = await reconcile.sweep(self.site, hub_since=self.since, only=only, forgotten=forgotten)
        for mended in mends:
            log.warning("Mended: %s %s", mended.mend, mended.subject)

    async def _look(self) -> None:
        begun = self.site.now()
        # An engine that has just begun may have written rules, or made the closed network's bridge.
        await self.mend_firewall()
        await self._mend()
        self._looked = begun
        # Stops that failed while the engine was away are still left to the Hub now, and soon no more.
        self._tasks.create_task(self._look_again())

    async def _look_again(self) -> None:
        await asyncio.sleep(self.site.settings.stop_seconds + reconcile.STOP_PATIENCE.total_seconds() + 1)
        try:
            await self._mend()
        except Exception as error:  # the timer's round looks again
            _failed(error)

    def _since(self) -> datetime:
        # What happened while nobody listened is told again, as far as the engine remembers.
        return back_door.last_seen(self.site)

    async def _hear(self, event: ContainerEvent) -> None:
        if await asyncio.to_thread(back_door.record, self.site, reconcile.RECONCILER, event):
            log.warning("Back door: %s of %s", event.action, event.name)
        launch_id = event.labels.get(LABEL_LAUNCH, "")
        if launch_id and event.action in ENDINGS and (self._looked is None or event.time >= self._looked):
            await self._mend(only=launch_id)

    async def _forgotten(self) -> frozenset[str]:
        """Launches that run, and of which the Hub has known nothing for a while. None while it is silent."""
        url, token = os.environ.get("JUPYTERHUB_API_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
        if not url or not token:
            return frozenset()
        running = await asyncio.to_thread(self._running)
        try:
            async with HubApi(url, token) as hub:
                carried = await hub.launches()
        except HubApiError as error:
            log.error("What the Hub has is not known: %s", error)
            self._missing = {}
            return frozenset()
        now = self.site.now()
        self._missing = {known: self._missing.get(known, now) for known in running - carried}
        return frozenset(known for known, since in self._missing.items() if now - since >= FORGOTTEN_AFTER)

    def _running(self) -> set[str]:
        with self.site.store.reading() as tx:
            active = launches.listing(tx, node=self.site.settings.node, active=True)
        return {launch.id for launch in active if launch.state is LaunchState.RUNNING}

    async def look_at_gpus(self) -> None:
        """Offer a GPU that has appeared, and no longer one that is gone or somebody else's.

        Raises EngineError.
        """
        changes = await gpu.refresh(self.site, reconcile.RECONCILER)
        for found in changes.found:
            log.warning("GPU there, or changed: %s", found)
        for lost in changes.lost:
            log.error("GPU gone: %s", lost)
        for lease in changes.lost_leases:
            log.error("Lease without its GPU: %s", lease)
        for gpu_id, launch_id in changes.trespassers:
            log.error("Launch %s computes on GPU %s, which it does not lease", launch_id, gpu_id)

    async def pull_ahead(self) -> None:
        """Fetch what may be launched and is not here yet. Raises EngineError."""
        for reference in await self._prepull.run():
            log.info("Fetched ahead: %s@%s", reference.path, reference.digest)

    async def measure(self) -> None:
        """Measure what homes and project folders hold. Raises EngineError, also where it takes too long."""
        try:
            async with asyncio.timeout(MEASURED_WITHIN_SECONDS):
                await disk.measure(self.site)
        except TimeoutError as error:
            raise EngineError(
                "Homes and project folders were not measured within {seconds} s.",
                advice="See whether the disk of the engine's volumes is slow.",
                seconds=MEASURED_WITHIN_SECONDS,
            ) from error


def _failed(error: Exception) -> None:
    if isinstance(error, HubExtError):
        log.error("The engine's events are not heard now: %s", error)
    else:
        log.exception("An event could not be dealt with", exc_info=error)


async def serve() -> None:
    """Opens the site and works until the Hub is gone."""
    site = open_site(load_settings())
    try:
        await Reconciler(site, hub_since()).run()
    finally:
        site.close()


def main() -> None:
    """The service's entry point."""
    # At once, as SIGTERM does: Python would wait for threads that wait for the engine.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()
    logging.basicConfig(format="[%(levelname).1s %(asctime)s %(name)s] %(message)s", level=logging.WARNING)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
