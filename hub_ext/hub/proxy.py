"""The Hub's proxy class: it keeps the table of routes in our store, where the gate reads it.

The front's configuration is static, and the gate names the upstream of each request. A Hub, a gate or a front
that starts again finds the table as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jupyterhub.proxy import Proxy
from traitlets import default

from hub_ext.adapters import gate
from hub_ext.adapters.store import launches, routes, server_uses
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.hub.hub_site import hub_site
from hub_ext.model.doors import Route


class StoredRoutes(Proxy):
    """Entry point `hub-ext-gate`. Every method raises StoreError where the store fails."""

    @default("should_start")
    def _default_should_start(self) -> bool:
        return False

    @property
    def site(self) -> Site:
        """The one Site of this Hub."""
        return hub_site()

    # The Hub calls with these names.
    async def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> None:
        """Add the route, or replace the one of the same specification."""
        route = Route(self.validate_routespec(routespec), target, dict(data), self.site.now())
        await in_store(lambda: self._put(route))
        await self._tell_gate(route.routespec)

    async def delete_route(self, routespec: str) -> None:
        """Remove the route; nothing where there is none."""
        await in_store(lambda: self._remove(self.validate_routespec(routespec)))
        await self._tell_gate(routespec)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """All routes by their specification; those of servers with "last_activity", the last use of each."""
        return await in_store(self._all)

    async def _tell_gate(self, routespec: str) -> None:
        """Whoever is sent to a server that is ready finds it, and a server that is to end is closed first."""
        if routespec != "/" and not await gate.routes_changed(self.site.settings):
            self.log.warning("The gate does not answer; it will read the route %s by itself.", routespec)

    def _put(self, route: Route) -> None:
        with self.site.store.transaction() as tx:
            routes.put(tx, route)

    def _remove(self, routespec: str) -> None:
        with self.site.store.transaction() as tx:
            routes.remove(tx, routespec)

    def _all(self) -> dict[str, dict[str, Any]]:
        with self.site.store.reading() as tx:
            last_uses = server_uses.last(tx)
            by_server = {
                (launch.username, launch.server_name): last_uses.get(launch.id)
                for launch in launches.listing(tx, node=self.site.settings.node, active=True)
            }
            return {
                route.routespec: {
                    "routespec": route.routespec,
                    "target": route.target,
                    "data": _with_activity(route.facts, by_server),
                }
                for route in routes.listing(tx)
            }


def _with_activity(
    facts: Mapping[str, Any], last_uses: Mapping[tuple[str, str], datetime | None]
) -> dict[str, Any]:
    last_use = last_uses.get((str(facts.get("user", "")), str(facts.get("server_name", ""))))
    return {**facts, "last_activity": last_use.isoformat()} if last_use else dict(facts)
