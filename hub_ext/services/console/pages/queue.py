"""The line for GPUs: one's own places, for operators and auditors everybody's; a request cancelled."""

from __future__ import annotations

from hub_ext.errors import InputError, NotFound
from hub_ext.flows import people, queue
from hub_ext.flows.site import Site
from hub_ext.model.duties import Deed
from hub_ext.services.console.forms import Filled, FormModel, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.visitor import Visitor


class Cancel(FormModel):
    """Why; whoever cancels their own need not say."""

    why: str = ""


def cancel(visitor: Visitor, row_id: str, why: str, site: Site) -> None:
    """For the page and the API. Raises NotFound for who may not even see it, InputError."""
    if queue.whose(site, row_id) != visitor.person.id and visitor.may(Deed.STOP_SESSION) is not None:
        raise NotFound("There is no request {row!r} in line.", row=row_id[:40])
    queue.cancel(site, visitor.actor, row_id, why)


class QueuePage(PageHandler):
    """The line; the table alone where htmx asks for it again."""

    area = "queue"

    async def get(self) -> None:
        """The page, or its table."""
        await self.shown("queue/table.html" if "HX-Request" in self.request.headers else "queue/list.html")

    async def shown(self, template: str, form: Filled[Cancel] | None = None, of: str = "") -> None:
        """The line, with a form as it came `of` one of its rows."""
        everybody_s = self.known.may(Deed.READ_SESSIONS) is None
        places = await self.in_thread(queue.places, self.site)
        mine = self.known.person.id
        told = [place for place in places if everybody_s or place.row.person_id == mine]
        names = await self.in_thread(people.names, self.site, {place.row.person_id for place in told})
        own = await self.in_thread(queue.own, self.site, mine)
        self.show(
            template,
            places=told,
            of=len(places),
            names=names if everybody_s else {},
            everybody_s=everybody_s,
            failed=own.failed,
            form=form,
            form_of=of,
        )


class CancelPage(QueuePage):
    """One request, cancelled."""

    async def post(self, row_id: str) -> None:
        """Takes it out of line."""
        form: Filled[Cancel] = filled(self, Cancel, self._)
        if form.value is not None:
            try:
                await self.in_thread(cancel, self.known, row_id, form.value.why, self.site)
            except InputError as error:
                form = form.with_error("why", self.told(error))
            else:
                self.notice("queue", self._("It waits no more."))
                return
        self.set_status(400)
        await self.shown("queue/list.html", form, row_id)


ROUTES = (
    (r"queue", QueuePage),
    (r"queue/([^/]+)/cancel", CancelPage),
)
