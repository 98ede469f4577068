"""What waits for whoever looks."""

from __future__ import annotations

from hub_ext.flows import people
from hub_ext.flows.doctor import kept
from hub_ext.flows.waiting import waiting
from hub_ext.model.duties import Deed
from hub_ext.services.console.page import PageHandler


class HomePage(PageHandler):
    """The first page of everybody."""

    async def get(self) -> None:
        """The page."""
        found = await self.in_thread(waiting, self.site, self.known.duties)
        named = {told.request.person_id for told in found.decisions}
        named |= {known.person_id for known in found.confirmations}
        named |= {one.launch.person_id for one in found.lost}
        names = await self.in_thread(people.names, self.site, named)
        host = None
        if self.known.may(Deed.STOP_SESSION) is None:
            host = await self.in_thread(kept.last, self.site)
        self.show("home.html", waiting=found, names=names, host=host)


ROUTES = ((r"", HomePage),)
