"""Homes and project folders that may hold copies of a dataset: into quarantine, and out of it."""

from __future__ import annotations

from typing import Any

from hub_ext.errors import InputError
from hub_ext.flows import overview, people
from hub_ext.flows import quarantine as flow
from hub_ext.model.duties import Deed
from hub_ext.services.console.forms import Filled, FormModel, RequiredLine, Sentence, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.why import End, WhyPage


class NewQuarantine(FormModel):
    """Which volumes, and two reasons: for stewards, and for whoever reads it instead of starting."""

    volume: tuple[RequiredLine, ...]
    why: Sentence
    told: Sentence


class QuarantinePage(PageHandler):
    """The chosen volumes, the sessions that end, and the reasons."""

    area = "datasets"

    async def get(self, slug: str) -> None:
        """The question; the query names the volumes, or a version for all of its."""
        await self._check(slug)
        number = self.get_query_argument("version", "")
        chosen = tuple(self.get_query_arguments("volume"))
        if not chosen and not number.isdecimal():
            self.notice(f"datasets/{slug}/exposures", self._("Choose homes or folders first."))
            return
        wanted = flow.Wanted(slug, chosen, int(number[:9]) if not chosen else None)
        await self._shown(wanted, None)

    async def post(self, slug: str) -> None:
        """Quarantines them."""
        await self._check(slug)
        form: Filled[NewQuarantine] = filled(self, NewQuarantine, self._)
        if form.value is not None:
            asked = form.value
            wanted = flow.Wanted(slug, asked.volume, why=asked.why, told=asked.told)
            try:
                made = await self.in_thread(flow.quarantine, self.site, self.known.actor, wanted)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                said = self._("In quarantine now: {number}.", number=len(made))
                self.notice(f"datasets/{slug}/exposures", said)
                return
        self.set_status(400)
        await self._shown(flow.Wanted(slug, form.raw.get("volume", ())), form)

    async def _check(self, slug: str) -> None:
        await self.in_thread(overview.dataset_view, self.site, slug)
        self.require(Deed.QUARANTINE_VOLUME, dataset=slug)

    async def _shown(self, wanted: flow.Wanted, form: Filled[Any] | None) -> None:
        found = await self.in_thread(flow.concerned, self.site, wanted)
        self.show(
            "datasets/quarantine.html",
            dataset=wanted.dataset,
            found=found,
            sessions=await self.in_thread(flow.sessions_ended, self.site, wanted),
            names=await self.in_thread(people.names, self.site, {one.person_id or "" for one in found}),
            form=form,
        )


class ReleasePage(WhyPage):
    """Lets launches mount a volume again."""

    area = "datasets"

    async def about(self, *path: str) -> End:
        """The question."""
        slug, volume_id = path
        await self.in_thread(overview.dataset_view, self.site, slug)
        self.require(Deed.QUARANTINE_VOLUME, dataset=slug)
        return End(
            self._("Release {volume}", volume=volume_id),
            self._("It can be mounted again, unless another dataset’s stewards keep it in quarantine."),
            self._("Release"),
            f"datasets/{slug}/exposures",
        )

    async def end(self, why: str, *path: str) -> str:
        """Releases it."""
        slug, volume_id = path
        await self.in_thread(flow.release, self.site, self.known.actor, slug, volume_id, why)
        return self._("Released.")


ROUTES = (
    (r"datasets/([a-z0-9-]{1,40})/quarantine", QuarantinePage),
    (r"datasets/([a-z0-9-]{1,40})/release/([a-z0-9-]{1,40})", ReleasePage),
)
