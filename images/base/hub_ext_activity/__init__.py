"""Tells the Hub once a minute what the kernels do, and counts a busy kernel as activity, silent or not.

JupyterHub knows one time of last activity per server, and a kernel that computes without printing moves it
no more than one that sleeps.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from datetime import datetime, timezone

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

BUSY = "busy"


def _jupyter_server_extension_points():
    return [{"module": "hub_ext_activity"}]


def _load_jupyter_server_extension(serverapp):
    serverapp.io_loop.add_callback(Reporter(serverapp).run)


class Reporter:
    """Looks at the kernels every `JUPYTERHUB_ACTIVITY_INTERVAL` seconds."""

    def __init__(self, serverapp):
        self._app = serverapp
        self._busy_since = {}
        self._seconds = int(os.environ.get("JUPYTERHUB_ACTIVITY_INTERVAL") or 60)

    async def run(self):
        """Report for as long as the server lives. A Hub that does not answer is asked again next time."""
        while True:
            kernels = self.look(datetime.now(timezone.utc))
            if os.environ.get("JUPYTERHUB_API_URL"):
                try:
                    await self._send(kernels)
                except (HTTPClientError, OSError) as error:
                    self._app.log.warning("The Hub did not take the report of kernels: %s", error)
            # Servers that started together do not go on reporting together.
            await asyncio.sleep(self._seconds * random.uniform(0.9, 1.1))

    def look(self, now):
        """The kernels as a report has them; counts the busy ones as activity."""
        manager = self._app.kernel_manager
        living = {}
        for kernel_id in manager.list_kernel_ids():
            kernel = manager.get_kernel(kernel_id)
            state = getattr(kernel, "execution_state", "unknown")
            if state == BUSY:
                living[kernel_id] = self._busy_since.get(kernel_id, now)
                # Every setting with this ending counts as activity of the server (jupyter_server/serverapp.py).
                self._app.web_app.settings["hub_ext_busy_last_activity"] = now
        self._busy_since = living
        return [self._kernel(kernel_id, manager.get_kernel(kernel_id)) for kernel_id in manager.list_kernel_ids()]

    def _kernel(self, kernel_id, kernel):
        since, last = self._busy_since.get(kernel_id), getattr(kernel, "last_activity", None)
        return {
            "id": kernel_id,
            "state": getattr(kernel, "execution_state", "unknown"),
            "busy_since": since.isoformat() if since else None,
            "last_activity": last.isoformat() if last else None,
        }

    async def _send(self, kernels):
        terminals = self._app.web_app.settings.get("terminal_manager")
        report = {
            "server": os.environ.get("JUPYTERHUB_SERVER_NAME", ""),
            "kernels": kernels,
            "terminals": len(terminals.list()) if terminals else 0,
        }
        await AsyncHTTPClient().fetch(
            HTTPRequest(
                f"{os.environ['JUPYTERHUB_API_URL']}/hub-ext/kernels/{os.environ['JUPYTERHUB_USER']}",
                method="POST",
                headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
                body=json.dumps(report),
                request_timeout=20,
            )
        )
