"""More time for a server that is about to be stopped, asked for on the Hub's home page.

Programs and the pages of a server ask at the server's own path, where the gate answers.
"""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from hub_ext.errors import HubExtError, InputError
from hub_ext.flows import idle_warnings as flow
from hub_ext.flows.launch.threads import in_store
from hub_ext.hub.hub_site import hub_site
from hub_ext.model import Actor, ActorKind, Launch


class MoreTimeHandler(APIHandler):
    """POST by the person whose server it is."""

    @needs_scope("access:servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        """204, and 409 with the reason where there is nothing to extend or no more may be asked for."""
        launch = await self._launch(user_name, server_name)
        site, actor = hub_site(), Actor(ActorKind.PERSON, launch.person_id)
        try:
            await in_store(lambda: flow.extend(site, actor, launch.id))
        except InputError as error:
            raise web.HTTPError(409, str(error)) from error
        except HubExtError as error:
            raise web.HTTPError(503, "The store does not answer; try again.") from error
        self.set_status(204)

    async def _launch(self, user_name: str, server_name: str) -> Launch:
        user = self.current_user
        if getattr(user, "kind", "user") != "user" or user.name != user_name:
            raise web.HTTPError(404)  # of others there is nothing to be seen here
        launch_id = getattr(user.spawners.get(server_name), "launch_id", "")
        try:
            found = await in_store(lambda: flow.active(hub_site(), launch_id)) if launch_id else None
        except HubExtError as error:
            raise web.HTTPError(503, "The store does not answer; try again.") from error
        if found is None:
            raise web.HTTPError(404)
        return found


HANDLERS = [(r"/api/hub-ext/more-time/([^/]+)/([^/]*)", MoreTimeHandler)]
