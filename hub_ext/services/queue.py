"""Looks after the line for GPUs: calls whose turn it is, and has the Hub start their servers.

All it goes by are rows in the store, so that nothing is lost with a Hub or with this process. Run by the Hub
as a managed service: `python -m hub_ext.services.queue`. It starts servers, and reads nothing of the Hub.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

from hub_ext.adapters.hub_api import HubApi, HubApiError, HubSilent, StartAnswer
from hub_ext.adapters.parent import end_with_parent
from hub_ext.config import load_settings
from hub_ext.flows import queue
from hub_ext.flows.site import Site, open_site
from hub_ext.model import ReasonCode
from hub_ext.model.queue import Waiting
from hub_ext.services.rounds import alone, for_ever

# Between two tries of one start that the Hub answered and did not take; each time twice as long.
FIRST_REST = 3.0
LONGEST_REST = 60.0
_FINAL = {
    StartAnswer.SIGN_IN: ReasonCode.SIGN_IN_OLD,
    StartAnswer.UNKNOWN_USER: ReasonCode.PERSON_UNKNOWN,
}

log = logging.getLogger("queue")


class Caller:
    """The rounds of one site's line. `url` and `token` are the Hub's."""

    def __init__(self, site: Site, url: str, token: str) -> None:
        self.site = site
        self._hub = HubApi(url, token)
        # Of each called row that the Hub answered and did not start: when to try again, and the rest after.
        self._rests: dict[str, tuple[float, float]] = {}

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with alone(self.site, "queue"), self._hub:
            await for_ever(self.site.settings.queue_seconds, self.round, log)

    async def round(self) -> None:
        """One look at the line. A Hub that is silent is asked again in the next. Raises StoreError."""
        called = await asyncio.to_thread(queue.call, self.site)
        self._rests = {row.id: self._rests[row.id] for row in called if row.id in self._rests}
        now = time.monotonic()
        due = [row for row in called if self._rests.get(row.id, (0.0, 0.0))[0] <= now]
        await asyncio.gather(*(self._start(row) for row in due))

    async def _start(self, row: Waiting) -> None:
        try:
            answer = await self._hub.start(row.username, row.server_name, options_of(row))
        except HubSilent as error:
            log.warning("The server of %s is not started yet: %s", row.id, error)
            return
        except HubApiError as error:
            log.error("The server of %s is not started: %s", row.id, error)
            answer = StartAnswer.NOT_NOW
        if answer in _FINAL:
            await asyncio.to_thread(queue.not_taken, self.site, row.id, _FINAL[answer])
            return
        # Also where it was begun: its admission ends the row, and whatever comes between shows in the next.
        _, rest = self._rests.get(row.id, (0.0, FIRST_REST))
        self._rests[row.id] = (time.monotonic() + rest, min(2 * rest, LONGEST_REST))
        if answer is StartAnswer.NOT_NOW:
            await asyncio.to_thread(queue.not_taken, self.site, row.id)


def options_of(row: Waiting) -> dict[str, object]:
    """The row's choice, as the Hub hands it to the spawner."""
    return {
        "project": row.project,
        "environment": row.environment,
        "datasets": list(row.datasets),
        "size": row.size,
        "gpus": row.gpus,
    }


async def serve() -> None:
    """Opens the site and works until the Hub is gone."""
    site = open_site(load_settings())
    try:
        await Caller(site, os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"]).run()
    finally:
        site.close()


def main() -> None:
    """The service's entry point."""
    # At once, as SIGTERM does: Python would wait for threads that wait for the store.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()
    logging.basicConfig(format="[%(levelname).1s %(asctime)s %(name)s] %(message)s", level=logging.WARNING)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
