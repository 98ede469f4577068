"""Whether a server that was started answers, asked as its interface says."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from hub_ext.adapters import launch_secrets, notebook_server
from hub_ext.adapters.store import launches
from hub_ext.expression.interfaces import authorization, ready_path
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site

ASK_SECONDS = 0.2  # between two questions
# A server that computes in its only thread answers when it comes to it.
ANSWER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Probe:
    """The question whether a server is up. `authorization` is the header of that name, "" for none."""

    path: str
    port: int
    authorization: str = field(repr=False)

    async def answered_at(self, address: str) -> bool:
        """Whether the server at that IPv4 address answers 200 now."""
        return await self.status_at(address) == 200

    async def status_at(self, address: str) -> int | None:
        """With which status it answers now; 0 for no HTTP or none in time, None where nobody listens."""
        return await notebook_server.status(
            f"{address}:{self.port}", self.path, authorization=self.authorization
        )


async def wait_ready(site: Site, launch_id: str, prefix: str, *, seconds: float) -> bool:
    """Whether the launch's server, which lies below `prefix`, answers 200 within `seconds`.

    Raises NotFound for a launch that the store does not know, StoreError, LaunchSecretsError.
    """

    def read() -> tuple[str, str, str]:
        with site.store.reading() as tx:
            launch = launches.get(tx, launch_id)
        secrets = launch_secrets.read(site.settings, launch_id)
        header = authorization(launch.interface.secret, secrets.token) if secrets else ""
        return launch.upstream, ready_path(launch.interface, prefix), header

    limit = time.monotonic() + seconds
    upstream, path, header = await in_store(read)
    while upstream and time.monotonic() < limit:
        if await notebook_server.answers(upstream, path, authorization=header, seconds=ANSWER_SECONDS):
            return True
        await asyncio.sleep(ASK_SECONDS)
    return False
