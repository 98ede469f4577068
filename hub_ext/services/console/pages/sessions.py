"""Sessions under way, live; one stopped with a reason that its owner reads."""

from __future__ import annotations

from hub_ext.errors import InputError
from hub_ext.model.duties import Deed
from hub_ext.services.console.forms import Filled, FormModel, Sentence, filled
from hub_ext.services.console.live import running, stop
from hub_ext.services.console.page import PageHandler


class Stop(FormModel):
    """Why."""

    why: Sentence


class SessionsPage(PageHandler):
    """All of them; the table alone where htmx asks for it again."""

    area = "sessions"
    deed = Deed.READ_SESSIONS

    async def get(self) -> None:
        """The page, or its table."""
        sessions = await running(self.console)
        alone = "HX-Request" in self.request.headers
        self.show("sessions/table.html" if alone else "sessions/list.html", sessions=sessions)


class SessionPage(PageHandler):
    """One session, and its stop."""

    area = "sessions"
    deed = Deed.READ_SESSIONS

    async def get(self, launch_id: str) -> None:
        """The page."""
        await self._shown(launch_id)

    async def post(self, launch_id: str) -> None:
        """Stops it."""
        self.require(Deed.STOP_SESSION)
        form: Filled[Stop] = filled(self, Stop, self._)
        if form.value is not None:
            try:
                told = await stop(self.console, self.known.actor, launch_id, form.value.why)
            except InputError as error:
                form = form.with_error("why", self.told(error))
            else:
                self.notice(
                    "sessions",
                    self._("It is being stopped.")
                    if told
                    else self._("The Hub does not answer: it is stopped as soon as the Hub does."),
                )
                return
        self.set_status(400)
        await self._shown(launch_id, form)

    async def _shown(self, launch_id: str, form: Filled[Stop] | None = None) -> None:
        found = [session for session in await running(self.console) if session.launch.id == launch_id]
        if not found:
            self.notice("sessions", self._("That session has ended."))
            return
        self.show("sessions/one.html", session=found[0], form=form)


ROUTES = (
    (r"sessions", SessionsPage),
    (r"sessions/([^/]+)", SessionPage),
)
