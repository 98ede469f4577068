"""Keeps store and engine in agreement, looks which GPUs are there, and measures homes and project folders.

Run by the Hub as a managed service: `python -m hub_ext.services.reconciler`. It asks the Hub for nothing, and
holds no scope.
"""

from __future__ import annotations

import asyncio
import logging
import signal

from hub_ext.config import load_settings
from hub_ext.errors import EngineError
from hub_ext.flows import disk, gpu, reconcile
from hub_ext.flows.site import Site, open_site
from hub_ext.services.parent import end_with_parent
from hub_ext.services.rounds import alone, for_ever

GPU_SECONDS = 60
MEASURE_SECONDS = 3600
MEASURED_WITHIN_SECONDS = 900

log = logging.getLogger("reconciler")


class Reconciler:
    """The rounds of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with alone(self.site, "reconciler"), asyncio.TaskGroup() as tasks:
            tasks.create_task(for_ever(self.site.settings.reconcile_seconds, self.mend, log))
            tasks.create_task(for_ever(GPU_SECONDS, self.look_at_gpus, log))
            tasks.create_task(for_ever(MEASURE_SECONDS, self.measure, log))

    async def mend(self) -> None:
        """Finish what the Hub could not: a stop while the engine was down, a start that died."""
        for mended in await reconcile.sweep(self.site):
            log.warning("Mended: %s %s", mended.mend, mended.subject)

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


async def serve() -> None:
    """Opens the site and works until the Hub is gone."""
    site = open_site(load_settings())
    try:
        await Reconciler(site).run()
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
