"""What is stopped: one button for it, after a look at what it stops, and its end."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hub_ext.errors import InputError
from hub_ext.expression.ends_ahead import banner
from hub_ext.flows import blocks as flow
from hub_ext.flows import people
from hub_ext.model import BlockKind, BlockScope
from hub_ext.model.duties import Deed
from hub_ext.policy.blocks import reason, stands
from hub_ext.services.console import days
from hub_ext.services.console.forms import Filled, FormModel, Line, RequiredLine, filled
from hub_ext.services.console.page import PageHandler

MOST_PAST = 50


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


KINDS = {
    BlockKind.STOP: _("stopped now"),
    BlockKind.DRAIN: _("no new ones"),
}
SCOPES = {
    BlockScope.EVERYTHING: _("everything"),
    BlockScope.PERSON: _("person"),
    BlockScope.PROJECT: _("project"),
    BlockScope.DATASET: _("dataset"),
    BlockScope.IMAGE: _("image"),
    BlockScope.NODE: _("machine"),
}


class NewBlock(FormModel):
    """What to stop; `sure` once the visitor has seen what it stops."""

    kind: BlockKind
    scope: BlockScope
    subject: Line = ""
    why: RequiredLine
    end_by: datetime | None = None
    until: datetime | None = None
    sure: bool = False


class BlocksPage(PageHandler):
    """What is stopped and what was, and the form to stop something."""

    area = "blocks"
    deed = Deed.READ_SESSIONS

    async def get(self) -> None:
        """The page; the query may fill the form in."""
        await self._shown(None)

    async def post(self) -> None:
        """First the look at what it stops, then the deed."""
        self.require(Deed.WRITE_BLOCK)
        form: Filled[NewBlock] = filled(self, NewBlock, self._)
        if form.value is not None:
            try:
                await self._do(form, form.value)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                return
        self.set_status(400)
        await self._shown(form)

    async def _do(self, form: Filled[NewBlock], asked: NewBlock) -> None:
        zone = self.site.settings.time_zone
        drains = asked.kind is BlockKind.DRAIN
        wanted = flow.Wanted(
            asked.kind,
            asked.scope,
            "" if asked.scope is BlockScope.EVERYTHING else asked.subject,
            asked.why,
            end_by=days.moment(asked.end_by, zone) if drains else None,
            until=days.moment(asked.until, zone),
        )
        if asked.sure:
            await self.in_thread(flow.add, self.site, self.known.actor, wanted)
            self.notice("blocks", self._("It stands. Sessions end as shown."))
            return
        look = await self.in_thread(flow.look, self.site, wanted)
        said = banner(reason(look.block), look.block.end_by, self.language, ZoneInfo(zone))
        self.show("blocks/sure.html", look=look, said=said, form=form)

    async def _shown(self, form: Filled[NewBlock] | None) -> None:
        now = self.site.now()
        found = await self.in_thread(flow.newest, self.site, MOST_PAST)
        named = {one.subject for one in found if one.scope is BlockScope.PERSON}
        named |= {one.added_by for one in found} | {one.lifted_by for one in found}
        asked = {name: self.get_query_argument(name, "") for name in ("kind", "scope", "subject")}
        self.show(
            "blocks/list.html",
            standing=[one for one in found if stands(one, now)],
            past=[one for one in found if not stands(one, now)],
            names=await self.in_thread(people.names, self.site, named),
            kinds=KINDS,
            scopes=SCOPES,
            scope_words=[(scope.value, self._(text)) for scope, text in SCOPES.items()],
            asked=asked,
            form=form,
        )


class LiftAction(PageHandler):
    """Lifts one."""

    area = "blocks"
    deed = Deed.WRITE_BLOCK

    async def post(self, block_id: str) -> None:
        """Lifts it."""
        await self.in_thread(flow.lift, self.site, self.known.actor, block_id)
        self.notice("blocks", self._("Lifted. Servers can be started there again."))


ROUTES = (
    (r"blocks", BlocksPage),
    (r"blocks/([a-z0-9-]{1,40})/lift", LiftAction),
)
