"""GPUs, live: who holds them and until when; one taken out of service, put back, shared."""

from __future__ import annotations

from typing import Any

from hub_ext.adapters.gpu_inventory import GpuUse
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import gpu_service
from hub_ext.flows.gpu import shares
from hub_ext.model import GpuHealth
from hub_ext.model.duties import Deed
from hub_ext.services.console.forms import Filled, FormModel, Sentence, filled
from hub_ext.services.console.live import gpu_use
from hub_ext.services.console.page import PageHandler
from hub_ext.settings import MOST_GPU_SHARES


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


HEALTH = {
    GpuHealth.HELD_OUTSIDE: _("used by another program"),
    GpuHealth.FAULTY: _("faulty"),
    GpuHealth.UNATTACHABLE: _("cannot be attached"),
    GpuHealth.LOST: _("not there any more"),
}


class Out(FormModel):
    """Why."""

    why: Sentence


class Shares(FormModel):
    """How many; None: as many as the site's settings say."""

    shares: int | None = None


class GpusPage(PageHandler):
    """Every share of every GPU; the table alone where htmx asks for it again."""

    area = "gpus"
    deed = Deed.READ_SESSIONS

    async def get(self) -> None:
        """The page, or its table."""
        uses = await gpu_use(self.console)
        held = await self.in_thread(shares, self.site)
        alone = "HX-Request" in self.request.headers
        template = "gpus/table.html" if alone else "gpus/list.html"
        self.show(template, shares=held, uses=uses, unknown=GpuUse(), health=HEALTH)


class GpuPage(PageHandler):
    """One GPU, and what an operator decides of it."""

    area = "gpus"
    deed = Deed.READ_SESSIONS

    async def get(self, gpu_id: str) -> None:
        """The page."""
        await self.shown(gpu_id)

    async def shown(self, gpu_id: str, **forms: Filled[Any]) -> None:
        """The page, with forms as they came. Raises NotFound."""
        uses = await gpu_use(self.console)
        held = await self.in_thread(shares, self.site, gpu_id)
        if not held:
            raise NotFound("There is no GPU {gpu!r}.", gpu=gpu_id)
        self.show(
            "gpus/one.html",
            gpu=held[0].gpu,
            shares=held,
            use=uses.get(gpu_id, GpuUse()),
            health=HEALTH,
            site_shares=self.site.settings.gpu_shares,
            most=MOST_GPU_SHARES,
            forms={"out": None, "shares": None, **forms},
        )


class OutPage(GpuPage):
    """Out of service."""

    deed = Deed.WRITE_GPU

    async def post(self, gpu_id: str) -> None:
        """Takes it out, with a reason."""
        form: Filled[Out] = filled(self, Out, self._)
        if form.value is not None:
            try:
                await self.in_thread(
                    gpu_service.take_out, self.site, self.known.actor, gpu_id, form.value.why
                )
            except InputError as error:
                form = form.with_error("why", self.told(error))
            else:
                self.notice("gpus", self._("It is out of service: no new session gets it."))
                return
        self.set_status(400)
        await self.shown(gpu_id, out=form)


class BackPage(GpuPage):
    """Back into service."""

    deed = Deed.WRITE_GPU

    async def post(self, gpu_id: str) -> None:
        """Puts it back."""
        await self.in_thread(gpu_service.put_back, self.site, self.known.actor, gpu_id)
        self.notice("gpus", self._("It is in service again."))


class SharesPage(GpuPage):
    """Shared, or for one session alone."""

    deed = Deed.WRITE_GPU

    async def post(self, gpu_id: str) -> None:
        """Says how many may hold it."""
        form: Filled[Shares] = filled(self, Shares, self._)
        if form.value is not None:
            try:
                await self.in_thread(
                    gpu_service.share, self.site, self.known.actor, gpu_id, form.value.shares
                )
            except InputError as error:
                form = form.with_error("shares", self.told(error))
            else:
                self.notice("gpus", self._("Saved."))
                return
        self.set_status(400)
        await self.shown(gpu_id, shares=form)


ROUTES = (
    (r"gpus", GpusPage),
    (r"gpus/([^/]+)", GpuPage),
    (r"gpus/([^/]+)/out", OutPage),
    (r"gpus/([^/]+)/back", BackPage),
    (r"gpus/([^/]+)/shares", SharesPage),
)
