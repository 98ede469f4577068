"""Watches kernels, and reports them."""

import asyncio
import json
import os
import random
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from traitlets import Float, default
from traitlets.config import LoggingConfigurable

# Any setting of that ending counts in jupyter_server's `last_activity()`.
ENDING = "_last_activity"
LAST_ACTIVITY = f"hub_ext{ENDING}"
# Moves with every request, and an open page asks for kernels, sessions and files all day by itself.
POLLED = f"api{ENDING}"
ANSWER_SECONDS = 10


class ActivityReporter(LoggingConfigurable):
    """One for a server: looks at its kernels every few seconds, reports to the Hub every minute."""

    watch_seconds = Float(5, help="Seconds between two looks at the kernels.").tag(config=True)
    report_seconds = Float(help="Seconds between two reports to the Hub.").tag(config=True)

    @default("report_seconds")
    def _report_seconds(self) -> float:
        # As often as the server tells the Hub of its activity.
        return float(os.environ.get("JUPYTERHUB_ACTIVITY_INTERVAL", 60))

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._busy_since: dict[str, datetime] = {}
        self._watched: set[str] = set()
        self._told = datetime.now(UTC)
        self._refused = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Answer at hub-ext/activity, and begin to watch and to report once the server's loop runs."""
        app = self.parent.web_app
        app.add_handlers(
            ".*$",
            [
                (
                    url_path_join(app.settings["base_url"], "/hub-ext/activity"),
                    ActivityHandler,
                    {"reporter": self},
                )
            ],
        )

        async def begin() -> None:
            # Not sooner: the single-user server, loaded after us, puts its own log in place.
            self._notice_requests()
            self._tasks.append(asyncio.create_task(self._forever(self.watch_seconds, self._watch)))
            if os.environ.get("JUPYTERHUB_API_URL"):
                self._tasks.append(asyncio.create_task(self._forever(self.report_seconds, self._report)))

        self.parent.io_loop.add_callback(begin)

    def _notice_requests(self) -> None:
        settings = self.parent.web_app.settings
        log = settings["log_function"]

        def noticed(handler: web.RequestHandler) -> None:
            if is_use(handler):
                settings[LAST_ACTIVITY] = datetime.now(UTC)
            log(handler)

        # Tornado calls it after every request, whichever extension answered.
        settings["log_function"] = noticed

    async def _forever(self, seconds: float, action: Any) -> None:
        while True:
            try:
                await action()
            except Exception:
                self.log.exception("Looking at the kernels failed")
            # Servers that started together do not go on reporting together.
            await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311 - no secret

    async def _watch(self) -> None:
        now = datetime.now(UTC)
        kernels = self._kernels()
        for kernel_id, kernel in kernels.items():
            if kernel_id not in self._watched:
                self._watched.add(kernel_id)
                self._watch_restarts(kernel_id)
            if getattr(kernel, "execution_state", "") == "busy":
                self._busy_since.setdefault(kernel_id, now)
                self.parent.web_app.settings[LAST_ACTIVITY] = now
            else:
                self._busy_since.pop(kernel_id, None)
        self._watched &= kernels.keys()
        for kernel_id in self._busy_since.keys() - kernels.keys():
            del self._busy_since[kernel_id]
        # Who comes back just before the limit is heard at once.
        if os.environ.get("JUPYTERHUB_API_URL") and self._quiet_before() > 2 * self.report_seconds:
            await self._report()

    def _quiet_before(self) -> float:
        """Seconds between what the Hub was told last and what happened since."""
        return (self.last_use() - self._told).total_seconds()

    def _watch_restarts(self, kernel_id: str) -> None:
        manager = self.parent.kernel_manager

        def restarted() -> None:
            # A kernel that died in a cell stays "busy" until the new one says something: Python's says that
            # it starts, R's says nothing before its first cell.
            kernel = self._kernels().get(kernel_id)
            if kernel is not None:
                kernel.execution_state = "starting"

        manager.add_restart_callback(kernel_id, restarted, "restart")

    def _kernels(self) -> dict[str, Any]:
        manager = self.parent.kernel_manager
        return {kernel_id: manager.get_kernel(kernel_id) for kernel_id in manager.list_kernel_ids()}

    def _terminals(self) -> list[Any]:
        manager = self.parent.web_app.settings.get("terminal_manager")
        return list(manager.terminals.values()) if manager else []

    def last_use(self) -> datetime:
        """When a person, a kernel or a terminal last did something; that a page is open is nothing."""
        settings = self.parent.web_app.settings
        seen = [value for key, value in settings.items() if key.endswith(ENDING) and key != POLLED]
        seen += [getattr(terminal, "last_activity", None) for terminal in self._terminals()]
        seen += [settings["started"], self.parent.kernel_manager.last_kernel_activity]
        return max(moment for moment in seen if moment is not None)

    def facts(self) -> dict[str, Any]:
        """Kernels, terminals, last use. A kernel seen busy at every look was busy all along."""
        return {
            "kernels": [
                {
                    "id": kernel_id,
                    "state": getattr(kernel, "execution_state", "unknown"),
                    "busy_since": _iso(self._since(kernel_id, kernel)),
                    "last_activity": _iso(getattr(kernel, "last_activity", None)),
                }
                for kernel_id, kernel in self._kernels().items()
            ],
            "terminals": len(self._terminals()),
            "last_activity": _iso(self.last_use()),
        }

    def _since(self, kernel_id: str, kernel: Any) -> datetime | None:
        # Between two looks a kernel may have ended its cell, or begun one.
        if getattr(kernel, "execution_state", "") != "busy":
            return None
        return self._busy_since.setdefault(kernel_id, kernel.last_activity)

    async def _report(self) -> None:
        name = os.environ.get("JUPYTERHUB_USER", "")
        url = f"{os.environ['JUPYTERHUB_API_URL']}/hub-ext/kernels/{quote(name, safe='')}"
        body = {"server": os.environ.get("JUPYTERHUB_SERVER_NAME", ""), **self.facts()}
        self._told = self.last_use()
        try:
            await AsyncHTTPClient().fetch(
                url,
                method="POST",
                headers={
                    "Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}",
                    "Content-Type": "application/json",
                },
                body=json.dumps(body),
                follow_redirects=False,
                request_timeout=ANSWER_SECONDS,
            )
        except (HTTPClientError, OSError) as error:
            # A Hub that restarts is no news every minute.
            if not self._refused:
                self.log.warning("The Hub did not take our report of kernels: %s", error)
            self._refused = True
        else:
            self._refused = False


class ActivityHandler(APIHandler):
    """GET: what the next report would say. Asking is no activity."""

    auth_resource = "kernels"
    _track_activity = False

    def initialize(self, reporter: ActivityReporter) -> None:
        """`reporter` is the server's."""
        self.reporter = reporter

    @web.authenticated
    @authorized
    def get(self) -> None:
        """The kernels' states, as JSON."""
        self.finish(json.dumps(self.reporter.facts()))


def is_use(handler: web.RequestHandler) -> bool:
    """Whether a person who is signed in loaded a page, or changed something through jupyter_server's own API.

    All else a page does by itself: an untouched JupyterLab asks for kernels, sessions, terminals and files
    every ten seconds, and as often saves its layout with a PUT (4.6); extensions poll by POST.
    """
    if not getattr(handler, "_jupyter_current_user", None) or handler.get_status() >= 400:
        return False
    if handler.request.method in ("GET", "HEAD", "OPTIONS"):
        page = str(handler._headers.get("Content-Type", "")).startswith("text/html")
        return page and handler.get_status() == 200
    return bool(handler.request.path.startswith(url_path_join(handler.settings["base_url"], "/api/")))


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None
