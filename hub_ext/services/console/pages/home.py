"""What waits for whoever looks."""

from __future__ import annotations

from hub_ext.services.console.page import PageHandler


class HomePage(PageHandler):
    """The first page of everybody."""

    async def get(self) -> None:
        """The page."""
        self.show("home.html")


ROUTES = ((r"", HomePage),)
