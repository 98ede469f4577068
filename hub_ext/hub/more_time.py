"""What is ahead of a server that seems idle, and more time for it, asked for by its person or by the server.

Both the home page and a panel inside the server ask here: it is the one port that both reach.
"""

from __future__ import annotations

import json
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from hub_ext.errors import HubExtError, InputError
from hub_ext.expression.warnings import warning_words
from hub_ext.flows import idle_warnings as flow
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.hub import pages
from hub_ext.hub.hub_site import hub_site
from hub_ext.model import Actor, ActorKind, Launch
from hub_ext.model.idleness import StopAhead


class SessionHandler(APIHandler):
    """GET: what is ahead of a server; POST: more time for it."""

    @needs_scope("access:servers")
    async def get(self, user_name: str, server_name: str = "") -> None:
        """`at` and `reason` null: nothing is."""
        launch = await self._launch(user_name, server_name)
        self.write(json.dumps(await self._shown(launch)))

    @needs_scope("access:servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        """More time, where a warning stands and some may still be asked for; 409 with the reason else."""
        launch = await self._launch(user_name, server_name)
        site, actor = hub_site(), Actor(ActorKind.PERSON, launch.person_id)
        try:
            await in_store(lambda: flow.extend(site, actor, launch.id))
        except InputError as error:
            raise web.HTTPError(409, str(error)) from error
        except HubExtError as error:
            raise web.HTTPError(503, "The store does not answer; try again.") from error
        self.set_status(201)
        self.write(json.dumps(await self._shown(launch)))

    async def _launch(self, user_name: str, server_name: str) -> Launch:
        user = self.find_user(user_name)
        spawner = user and user.spawners.get(server_name)
        launch_id = getattr(spawner, "launch_id", "")
        found = await in_store(lambda: flow.active(hub_site(), launch_id)) if launch_id else None
        if found is None:
            raise web.HTTPError(404)
        return found

    async def _shown(self, launch: Launch) -> dict[str, Any]:
        site = hub_site()
        known = await in_store(lambda: _ahead(site, launch))
        language = pages.request_language(self.request)
        words = None
        if known.reason and known.at:
            words = warning_words(known.reason, known.at, site.now(), language, pages.zone(site))
        return {
            "at": known.at.isoformat() if known.at else None,
            "reason": known.reason,
            "fact": words.fact if words else "",
            "advice": words.advice if words else "",
            "extensions_left": known.left,
            "extension_seconds": known.seconds,
            "extended_until": known.extended_until.isoformat() if known.extended_until else None,
        }


def _ahead(site: Site, launch: Launch) -> StopAhead:
    with site.store.reading() as tx:
        return flow.ahead(tx, site, launch)


HANDLERS = [(r"/api/hub-ext/sessions/([^/]+)/([^/]*)", SessionHandler)]
