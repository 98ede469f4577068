"""Restart or stop a server: the Hub's own page for it, to which the page of a session leads.

At the Hub's name, so that no page of a server can press its buttons: there the Hub's own check of forms
holds, and the person's right to start and stop, which no server's sign-in carries.
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web

STOP_SECONDS = 60.0  # for a server to be gone; the front waits for twice as long


class RestartHandler(BaseHandler):
    """GET: what is kept and lost, and two buttons. POST: `do` is "restart" or "stop"."""

    @web.authenticated
    @needs_scope("servers")
    async def get(self, user_name: str, server_name: str = "") -> None:
        """The page; where the server does not run, the form with which it is started."""
        spawner = self._spawner(user_name, server_name)
        if spawner.ready:
            self.finish(await self.render_template("restart.html", user=self.current_user, spawner=spawner))
        elif spawner.pending:
            self.redirect(self._place("spawn-pending", server_name))
        else:
            self.redirect(self._place("spawn", server_name))

    @web.authenticated
    @needs_scope("servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        """The server is stopped and, for a restart, started again with the same choice."""
        action = self.get_body_argument("do", "")
        if action not in ("restart", "stop"):
            raise web.HTTPError(400)
        spawner = self._spawner(user_name, server_name)
        if not spawner.ready:
            self.redirect(self._place("home"))
            return
        # A start needs a fresh sign-in. Without one the server would be stopped and stay so.
        if action == "restart" and await self.refresh_auth(self.current_user, force=True) is None:
            raise web.HTTPError(403)
        choice, title = dict(spawner.user_options), str(spawner.display_name or server_name)
        await asyncio.wait(
            [await self.stop_single_user(self.current_user, server_name)], timeout=STOP_SECONDS
        )
        if action == "stop" or spawner.active:
            self.redirect(self._place("home"))
            return
        await self._start(server_name, title, choice)
        self.redirect(self._place("spawn-pending", server_name))

    async def _start(self, server_name: str, title: str, choice: dict[str, Any]) -> None:
        """Begin; the page of a start that is under way says how it goes, and why it failed."""
        user = self.current_user
        try:
            user.get_or_create_spawner(server_name, title, replace_failed=True)
            await self.spawn_single_user(user, server_name, title, options=choice)
        except Exception as error:
            self.log.error("A restart of %s did not come up: %s", user.name, error)

    def _spawner(self, user_name: str, server_name: str) -> Any:
        """That server, which must be one of whoever asks."""
        user = self.current_user
        if user is None or user.name != user_name or (server_name and server_name not in user.spawners):
            raise web.HTTPError(404)
        return user.spawners[server_name]

    def _place(self, page: str, server_name: str | None = None) -> str:
        """The path of a page of the Hub, or of its page about that server."""
        if server_name is None:
            return str(url_path_join(self.hub.base_url, page))
        parts = (page, self.current_user.escaped_name, url_escape_path(server_name))
        return str(url_path_join(self.hub.base_url, *parts)).rstrip("/")


HANDLERS = [(r"/hub-ext/restart/([^/]+)/([^/]*)", RestartHandler)]
