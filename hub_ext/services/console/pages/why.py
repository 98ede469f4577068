"""Pages that ask for a reason before something ends, and say which sessions go with it."""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.errors import InputError
from hub_ext.model import Launch
from hub_ext.services.console.forms import Filled, FormModel, RequiredLine, filled
from hub_ext.services.console.page import PageHandler


class Why(FormModel):
    """The reason."""

    why: RequiredLine


@dataclass(frozen=True, slots=True)
class End:
    """What would end: words for the page, where it leads afterwards, and the sessions that go with it."""

    title: str
    text: str
    button: str
    back: str
    sessions: tuple[Launch, ...] = ()


class WhyPage(PageHandler):
    """Subclasses say what ends, and end it. Both check the rights."""

    async def about(self, *path: str) -> End:
        """What would end, for this visitor."""
        raise NotImplementedError

    async def end(self, why: str, *path: str) -> str:
        """Ends it; the words of what was done."""
        raise NotImplementedError

    async def get(self, *path: str) -> None:
        """The question."""
        self.show("why.html", end=await self.about(*path), form=None)

    async def post(self, *path: str) -> None:
        """The answer."""
        about = await self.about(*path)
        form: Filled[Why] = filled(self, Why, self._)
        if form.value is not None:
            try:
                said = await self.end(form.value.why, *path)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(about.back, said)
                return
        self.set_status(400)
        self.show("why.html", end=about, form=form)
