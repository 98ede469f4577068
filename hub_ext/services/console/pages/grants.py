"""Grants: given, renewed, revoked with a look at the sessions that end."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub_ext.errors import InputError, Stale
from hub_ext.flows import grant_ends, overview, people
from hub_ext.flows import grants as flows
from hub_ext.flows.overview import GrantState, GrantView
from hub_ext.model.duties import Deed
from hub_ext.services.console import days
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.forms import Filled, FormModel, Line, Sentence, Slug, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.why import End, WhyPage


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


STATES = {
    GrantState.HOLDS: _("holds"),
    GrantState.LATER: _("from later on"),
    GrantState.OVER: _("over"),
    GrantState.REVOKED: _("revoked"),
    GrantState.APPROVAL_ENDED: _("its approval was ended"),
}


class NewGrant(FormModel):
    """A dataset for a project."""

    dataset: Slug
    project: Slug
    start: date | None = None
    until: date
    approval: Line = ""
    number: int | None = None
    members: Sentence = ""


class Renewal(FormModel):
    """A later end; `version` is what the editor saw."""

    until: date
    approval: Line = ""
    version: int


class GrantsPage(PageHandler):
    """Grants that one may see; those that end soon first where asked for."""

    area = "datasets"
    deed = Deed.READ_DATA

    async def get(self) -> None:
        """The page."""
        which = self.get_query_argument("show", "now")
        if which == "soon":
            ids = [ending.grant.id for ending in await self.in_thread(grant_ends.ending_soon, self.site)]
            held = {view.grant.id: view for view in await self.in_thread(overview.grant_views, self.site)}
            found = [held[one] for one in ids]
        else:
            views = await self.in_thread(overview.grant_views, self.site)
            found = [view for view in views if which == "all" or view.state.living]
        found = [view for view in found if self.known.may(Deed.READ_DATA, dataset=view.grant.dataset) is None]
        self.show("grants/list.html", found=found[:500], count=len(found), which=which, states=STATES)


class NewPage(PageHandler):
    """Gives a dataset to a project."""

    area = "datasets"

    async def get(self) -> None:
        """The form."""
        await self._shown(None)

    async def post(self) -> None:
        """The grant."""
        form: Filled[NewGrant] = filled(self, NewGrant, self._)
        if form.value is not None:
            self.require(Deed.WRITE_GRANT, dataset=form.value.dataset)
            try:
                given = await self._given(form.value)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(
                    f"grants/{given.grant.id}",
                    " ".join((self._("Granted."), *map(self.phrase, given.warnings))),
                )
                return
        self.set_status(400)
        await self._shown(form)

    async def _given(self, form: NewGrant) -> flows.Granted:
        zone = self.site.settings.time_zone
        members = tuple(form.members.replace(",", " ").split())
        return await self.in_thread(
            flows.add_grant,
            *(self.site, self.known.actor, form.dataset, form.project),
            valid_from=days.beginning(form.start, zone),
            valid_until=days.last(form.until, zone),
            approval=form.approval,
            version=form.number,
            members=await self.in_thread(people.ids_named, self.site, members),
        )

    async def _shown(self, form: Filled[NewGrant] | None) -> None:
        lines = await self.in_thread(overview.dataset_lines, self.site)
        mine = [
            line.dataset
            for line in lines
            if not line.dataset.ended and self.known.may(Deed.WRITE_GRANT, dataset=line.dataset.slug) is None
        ]
        if not mine:
            self.require(Deed.WRITE_GRANT)
        projects = await self.in_thread(overview.living_projects, self.site)
        self.show(
            "grants/new.html",
            form=form,
            datasets=[(one.slug, f"{one.slug} · {one.title.text(self.language)}") for one in mine],
            projects=[(one.slug, f"{one.slug} · {one.title.text(self.language)}") for one in projects],
            asked={name: self.get_query_argument(name, "") for name in ("dataset", "project")},
        )


class _OfGrant(PageHandler):
    area = "datasets"

    async def found(self, grant_id: str) -> GrantView:
        """The grant, where the visitor may see it."""
        view = await self.in_thread(overview.grant_view, self.site, grant_id)
        self.require(Deed.READ_DATA, dataset=view.grant.dataset)
        return view


class GrantPage(_OfGrant):
    """One grant: purpose, approver, end, and the sessions under it."""

    async def get(self, grant_id: str) -> None:
        """The page."""
        await self._shown(await self.found(grant_id), None)

    async def post(self, grant_id: str) -> None:
        """A later end."""
        view = await self.found(grant_id)
        self.require(Deed.WRITE_GRANT, dataset=view.grant.dataset)
        form: Filled[Renewal] = filled(self, Renewal, self._)
        status = 400
        if form.value is not None:
            try:
                await self.in_thread(
                    flows.renew_grant,
                    *(self.site, self.known.actor, grant_id),
                    days.last(form.value.until, self.site.settings.time_zone),
                    approval=form.value.approval,
                    expected=seen(view.grant, form.value.version),
                )
            except Stale as error:
                status, form = 409, form.with_error("", self.told(error))
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"grants/{grant_id}", self._("Renewed."))
                return
        self.set_status(status)
        await self._shown(view, form)

    async def _shown(self, view: GrantView, form: Filled[Any] | None) -> None:
        ids = (view.grant.granted_by, *view.grant.members)
        self.show(
            "grants/one.html",
            view=view,
            grant=view.grant,
            form=form,
            edition=(form.raw.get("version") if form else None) or edition_of(view.grant),
            names=await self.in_thread(people.names, self.site, ids),
            sessions=await self.in_thread(grant_ends.by_revoking, self.site, view.grant.id),
            states=STATES,
        )


class RevokePage(WhyPage):
    """Takes a grant back."""

    area = "datasets"

    async def about(self, *path: str) -> End:
        """The question, with the sessions that end."""
        view = await self.in_thread(overview.grant_view, self.site, path[0])
        self.require(Deed.WRITE_GRANT, dataset=view.grant.dataset)
        return End(
            self._("Revoke {dataset} from {project}", dataset=view.grant.dataset, project=view.grant.project),
            self._("What was copied into homes is not unlearnt."),
            self._("Revoke"),
            f"grants/{path[0]}",
            await self.in_thread(grant_ends.by_revoking, self.site, path[0]),
        )

    async def end(self, why: str, *path: str) -> str:
        """Revokes it."""
        await self.in_thread(flows.revoke_grant, self.site, self.known.actor, path[0], why)
        return self._("Revoked.")


ROUTES = (
    (r"grants", GrantsPage),
    (r"new/grant", NewPage),
    (r"grants/([a-z0-9-]{1,40})", GrantPage),
    (r"grants/([a-z0-9-]{1,40})/revoke", RevokePage),
)
