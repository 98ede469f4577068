"""Stops idle servers: jupyterhub-idle-culler with our arbiter, and a brake on mass culls.

Beside it, at a quicker pace, it ends sessions whose rights have ended (`services.revocation`). It also sends
the letters that are due.

Run by the Hub as a managed service: `python -m hub_ext.services.culler`. It holds no `access:servers`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from jupyterhub_idle_culler import IdleCuller, cull_idle
from traitlets import default

from hub_ext.adapters.hub_api import HubApi
from hub_ext.adapters.parent import end_with_parent
from hub_ext.config import load_settings
from hub_ext.flows import cull, idle_warnings, outbox
from hub_ext.flows.site import Site, open_site
from hub_ext.services.revocation import Revocation
from hub_ext.services.rounds import alone, for_ever

MAIL_SECONDS = 60


class CuratedIdleCuller(IdleCuller):
    """Each sweep judges all servers first (`flows.cull`), then has the parent stop those that must end."""

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
            async with alone(site, "culler"), asyncio.TaskGroup() as tasks:
                ends = Revocation(site, lambda: self._hub(site), self.log)
                tasks.create_task(for_ever(site.settings.revoke_seconds, ends.look, self.log))
                tasks.create_task(for_ever(site.settings.cull_seconds, lambda: self.sweep(site), self.log))
                tasks.create_task(for_ever(MAIL_SECONDS, lambda: self.mail(site), self.log))
        finally:
            site.close()

    def _hub(self, site: Site) -> HubApi:
        seconds = site.settings.revoke_hub_seconds
        return HubApi(self.url, os.environ["JUPYTERHUB_API_TOKEN"], seconds=seconds)

    async def mail(self, site: Site) -> None:
        """Send the letters that are due, where a mail server is named. Raises SettingsError."""
        done = await outbox.send_due(site)
        if done.given_up:
            self.log.error("Letters given up: %d. The mail server's log says why.", done.given_up)

    async def sweep(self, site: Site) -> None:
        """One sweep: judge, write the reasons down, stop. Raises HubExtError, having stopped nothing."""
        token = os.environ["JUPYTERHUB_API_TOKEN"]
        async with HubApi(self.url, token) as hub:
            servers = await hub.servers()
        verdicts = await cull.judge(site, servers, self._watch)
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


def main() -> None:
    """The service's entry point."""
    CuratedIdleCuller.launch_instance()


if __name__ == "__main__":
    main()
