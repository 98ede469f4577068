"""Who had access to a dataset between two days, with which software."""

from __future__ import annotations

from datetime import date

from pydantic import ValidationError

from hub_ext.errors import InputError
from hub_ext.flows.access import Access, access
from hub_ext.model.duties import Deed
from hub_ext.services.console import days
from hub_ext.services.console.forms import Filled, FormModel, RequiredLine, errors_of
from hub_ext.services.console.page import PageHandler


class Asked(FormModel):
    """Which dataset, from the first day to the last."""

    dataset: RequiredLine
    since: date
    until: date


class AccessPage(PageHandler):
    """The question and the answer."""

    area = "audit"
    deed = Deed.READ_AUDIT

    async def get(self) -> None:
        """The page."""
        form: Filled[Asked] | None = None
        found: Access | None = None
        if self.request.query_arguments:
            form = self._form()
            if form.value is not None:
                try:
                    found = await self._found(form.value)
                except InputError as error:
                    form = form.with_error("", self.told(error))
            if form.value is None:
                self.set_status(400)
        self.show("audit/access.html", form=form, found=found)

    def _form(self) -> Filled[Asked]:
        raw = {name: self.get_query_argument(name, "") for name in Asked.model_fields}
        try:
            return Filled(Asked.model_validate(raw), raw)
        except ValidationError as error:
            return Filled(None, raw, errors_of(error, self._))

    async def _found(self, asked: Asked) -> Access:
        zone = self.site.settings.time_zone
        since = days.beginning(asked.since, zone)
        assert since is not None
        return await self.in_thread(access, self.site, asked.dataset, since, days.last(asked.until, zone))


ROUTES = ((r"audit/access", AccessPage),)
