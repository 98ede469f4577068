"""The form of a project: added, and changed."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from hub_ext.errors import InputError, Stale
from hub_ext.flows import project_overview
from hub_ext.flows import projects as flows
from hub_ext.model import Ceilings, Localised, Project, ProjectState
from hub_ext.model.duties import Deed
from hub_ext.services.console import days
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.forms import Filled, FormModel, RequiredLine, Slug, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.projects import STATES

GIB = 1024**3


class _About(FormModel):
    title_en: RequiredLine
    title_fr: RequiredLine
    cpus: Annotated[float, Field(ge=0.1, le=10_000, allow_inf_nan=False)] | None = None
    mem_gib: Annotated[float, Field(ge=0.25, le=1_000_000, allow_inf_nan=False)] | None = None
    gpus: Annotated[int, Field(ge=0, le=10_000)] | None = None
    idle_minutes: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    until: date | None = None
    retain: date | None = None

    @property
    def ceilings(self) -> Ceilings:
        """As the model has them."""
        return Ceilings(
            self.cpus,
            int(self.mem_gib * GIB) if self.mem_gib is not None else None,
            self.gpus,
            self.idle_minutes * 60 if self.idle_minutes is not None else None,
        )


class NewProject(_About):
    """A project to add."""

    slug: Slug


class ChangedProject(_About):
    """A project as it shall be; `version` is what the editor saw."""

    state: ProjectState
    version: int


class _Editing(PageHandler):
    area = "projects"

    def shown(self, form: Filled[Any] | None, project: Project | None) -> None:
        """The form."""
        zone = self.site.settings.time_zone
        limits = project.ceilings if project else Ceilings()
        values = {
            "title_en": project.title.en if project else "",
            "title_fr": project.title.fr if project else "",
            "cpus": _plain(limits.cpus),
            "mem_gib": _plain(limits.mem_bytes / GIB if limits.mem_bytes is not None else None),
            "gpus": _plain(limits.gpus),
            "idle_minutes": _plain(limits.idle_seconds // 60 if limits.idle_seconds is not None else None),
            "until": days.shown(project.valid_until, zone) if project else "",
            "retain": days.shown(project.retain_until, zone) if project else "",
        }
        offered = [project.state, *flows.NEXT_STATES[project.state]] if project else []
        self.show(
            "projects/edit.html",
            form=form,
            project=project,
            values=values,
            edition=(form.raw.get("version") if form else None) or (edition_of(project) if project else None),
            offered=[(state.value, self._(STATES[state])) for state in offered],
        )


class NewPage(_Editing):
    """Adds a project."""

    deed = Deed.WRITE_PROJECT

    async def get(self) -> None:
        """The empty form."""
        self.shown(None, None)

    async def post(self) -> None:
        """The project, without approval or members."""
        form: Filled[NewProject] = filled(self, NewProject, self._)
        if form.value is not None:
            given, zone = form.value, self.site.settings.time_zone
            try:
                made = await self.in_thread(
                    flows.add_project,
                    *(self.site, self.known.actor, given.slug, Localised(given.title_en, given.title_fr)),
                    ceilings=given.ceilings,
                    valid_until=days.end(given.until, zone),
                    retain_until=days.end(given.retain, zone),
                )
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"projects/{made.slug}", self._("Added. Next: its approval and its members."))
                return
        self.set_status(400)
        self.shown(form, None)


class EditPage(_Editing):
    """Changes a project."""

    deed = Deed.WRITE_PROJECT

    async def get(self, slug: str) -> None:
        """The form as the project is."""
        view = await self.in_thread(project_overview.project_view, self.site, slug)
        self.shown(None, view.project)

    async def post(self, slug: str) -> None:
        """The project as it shall be."""
        view = await self.in_thread(project_overview.project_view, self.site, slug)
        form: Filled[ChangedProject] = filled(self, ChangedProject, self._)
        status = 400
        if form.value is not None:
            given, zone = form.value, self.site.settings.time_zone
            try:
                await self.in_thread(
                    flows.change_project,
                    *(self.site, self.known.actor, slug),
                    expected=seen(view.project, given.version),
                    title=Localised(given.title_en, given.title_fr),
                    state=given.state,
                    ceilings=given.ceilings,
                    valid_until=days.end(given.until, zone),
                    retain_until=days.end(given.retain, zone),
                )
            except Stale as error:
                status, form = 409, form.with_error("", self.told(error))
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"projects/{slug}", self._("Saved."))
                return
        self.set_status(status)
        self.shown(form, view.project)


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


ROUTES = ((r"new/project", NewPage), (r"projects/([a-z0-9-]{1,40})/edit", EditPage))
