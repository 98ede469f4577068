"""When each launch was last used through the gate, written to the store for the culler.

Written three times between two sweeps, and at once for a server that nobody had used for as long: whoever
comes back just before the limit is not culled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from hub_ext.adapters.store import launches, server_uses
from hub_ext.errors import HubExtError
from hub_ext.flows.site import Site
from hub_ext.gate.original import OriginalRequest
from hub_ext.gate.routes import OpenServer
from hub_ext.policy.polls import is_poll

SOON_SECONDS = 0.2  # what comes together is written together
FLUSHES_PER_SWEEP = 3
END_SECONDS = 1.0

log = logging.getLogger("hub_ext.gate")


class Uses:
    """Uses that the store does not have yet, by launch."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._last: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}
        self._soon = asyncio.Event()
        self._seconds = site.settings.cull_seconds / FLUSHES_PER_SWEEP
        self._between = timedelta(seconds=self._seconds)

    def mark_request(self, server: OpenServer, request: OriginalRequest) -> None:
        """A request has passed. The polls of the server's interface are no use."""
        if not is_poll(server.interface.polls, request.method, request.path[len(server.prefix) :]):
            self.mark(server.launch_id)

    def mark(self, launch_id: str) -> None:
        """The launch is used now."""
        now = self._last[launch_id] = self._site.now()
        written = self._written.get(launch_id)
        if written is None or now - written > self._between:
            self._soon.set()

    async def keep_flushing(self) -> None:
        """Write until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._soon.wait()
                    await asyncio.sleep(min(SOON_SECONDS, self._seconds / 2))
            self._soon.clear()
            if not await self.flush():
                await asyncio.sleep(self._seconds)

    async def flush(self) -> bool:
        """Write what has changed; whether it is written. What could not be is tried with the next."""
        taken, self._last = self._last, {}
        if taken and not await asyncio.to_thread(self._write, taken):
            self._last = taken | self._last
            return False
        kept = self._site.now() - self._between
        self._written = {key: use for key, use in (self._written | taken).items() if use > kept}
        return True

    async def flush_at_end(self) -> None:
        """Write once more, and wait for a second at most: a store that hangs holds no end up."""
        taken, self._last = self._last, {}
        thread = threading.Thread(target=self._write, args=(taken,), daemon=True)
        thread.start()
        for _ in range(int(END_SECONDS / 0.02)):
            if not thread.is_alive():
                return
            await asyncio.sleep(0.02)

    def _write(self, uses: Mapping[str, datetime]) -> bool:
        """Whether it is written; blocks. Launches that the store does not have are left out."""
        if not uses:
            return True
        try:
            with self._site.store.transaction() as tx:
                server_uses.put(tx, {key: use for key, use in uses.items() if launches.find(tx, key)})
            return True
        except HubExtError as error:
            log.error("Uses are written later: %s", error)
            return False
