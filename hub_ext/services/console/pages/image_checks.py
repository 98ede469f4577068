"""Checks of an image: begun, and followed while they run."""

from __future__ import annotations

from hub_ext.expression.catalogue import OUTCOMES
from hub_ext.flows import catalogue, image_env, people
from hub_ext.flows import image_check as flow
from hub_ext.model.duties import Deed
from hub_ext.model.image_checks import CheckOutcome, CheckRunner
from hub_ext.services.console.forms import Filled, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.images import Move


class BeginCheck(PageHandler):
    """Starts the check of a revision."""

    area = "images"
    deed = Deed.WRITE_IMAGES

    async def get(self, slug: str) -> None:
        """To the entry: an action's address is no page."""
        self.redirect(self.path_to(f"images/{slug}"))

    async def post(self, slug: str) -> None:
        """To the check's own page, where its log grows."""
        form: Filled[Move] = filled(self, Move, self._)
        number = form.value.revision if form.value else None
        check = await self.in_thread(
            flow.begin, self.site, self.known.actor, slug, number, runner=CheckRunner.CONSOLE
        )
        self.console.checking.start(self.site, self.known.actor, check)
        self.redirect(self.path_to(f"images/{slug}/checks/{check.id}"))


class CheckPage(PageHandler):
    """One check; while it runs, its part that changes is asked for again by the page."""

    area = "images"
    deed = Deed.READ_IMAGES

    async def get(self, slug: str, check_id: str) -> None:
        """The page, or that part."""
        check = await self.in_thread(flow.find, self.site, slug, check_id)
        shown = await self.in_thread(catalogue.show, self.site, slug)
        checked = [revision for revision in shown.revisions if revision.number == check.number]
        why = await self.in_thread(flow.why, self.site, check_id)
        alone = "HX-Request" in self.request.headers
        self.show(
            "images/check_state.html" if alone else "images/check.html",
            check=check,
            entry=shown.entry,
            variables=image_env.variables(shown.entry, checked),
            log=self.console.checking.log(check),
            why=why,
            running=check.outcome is CheckOutcome.RUNNING,
            outcomes=OUTCOMES,
            names=await self.in_thread(people.names, self.site, {check.checked_by}),
        )


ROUTES = (
    (r"images/([a-z0-9-]{1,40})/check", BeginCheck),
    (r"images/([a-z0-9-]{1,40})/checks/(chk-[a-z0-9]{1,40})", CheckPage),
)
