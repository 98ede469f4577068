"""An entry of the catalogue, described: a new one, or another word about one that is there."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from hub_ext.adapters.store import projects
from hub_ext.errors import Conflict, InputError, RegistryError
from hub_ext.expression.catalogue import PREFIXES, SCHEMES
from hub_ext.expression.image_env import ALLOWABLE_ENV
from hub_ext.flows import catalogue as flows
from hub_ext.flows.admission import EntryOptions
from hub_ext.flows.site import Site
from hub_ext.model import Ceilings, ImageEntry, Localised, Project
from hub_ext.model.duties import Deed
from hub_ext.model.interfaces import JUPYTER, START_PAGES, Interface
from hub_ext.services.console.forms import Filled, Line, RequiredLine, Slug, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.interface_form import InterfaceFields, interface_fields
from hub_ext.settings import GIB


class Described(InterfaceFields):
    """What is said of an entry, whether new or known. Memory is in GiB, idle time in minutes.

    An empty start URL is the usual one of the interface.
    """

    tag: RequiredLine
    title_en: RequiredLine
    title_fr: RequiredLine
    description_en: Line = ""
    description_fr: Line = ""
    projects: tuple[Slug, ...] = ()
    cpus: Annotated[float, Field(gt=0, le=1024)] | None = None
    mem_gib: Annotated[float, Field(ge=0.25, le=65536)] | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] | None = None
    idle_minutes: Annotated[int, Field(ge=1, le=100_000)] | None = None
    start_url: Annotated[Line, Field(max_length=200)] = ""
    needs_gpu: bool = False
    allowed_env: tuple[Line, ...] = ()

    def options(self, before: Interface = JUPYTER) -> EntryOptions:
        """As the flows take them; `before` is the entry's present interface. Raises InputError."""
        return EntryOptions(
            projects=self.projects,
            ceilings=Ceilings(
                self.cpus,
                None if self.mem_gib is None else int(self.mem_gib * GIB),
                self.gpus,
                None if self.idle_minutes is None else self.idle_minutes * 60,
            ),
            interface=self.stated(before),
            start_url=self.start_url or START_PAGES[self.interface],
            needs_gpu=self.needs_gpu,
            allowed_env=self.allowed_env,
        )

    @property
    def title(self) -> Localised:
        """Both languages."""
        return Localised(self.title_en, self.title_fr)

    @property
    def description(self) -> Localised:
        """Both languages."""
        return Localised(self.description_en, self.description_fr)


class NewEntry(Described):
    """An entry and where its image lies."""

    slug: Slug
    registry: Slug
    path: RequiredLine


class ChangedEntry(Described):
    """The same entry, otherwise described."""

    version: int


class _DescribePage(PageHandler):
    area = "images"
    deed = Deed.WRITE_IMAGES

    async def form_page(self, form: Filled[Any] | None, entry: ImageEntry | None = None) -> None:
        known = await self.in_thread(_projects, self.site)
        self.show(
            "images/edit.html",
            form=form,
            entry=entry,
            held=_held(entry) if entry else _asked(self),
            registries=[(registry.alias, registry.alias) for registry in self.site.settings.registries],
            projects=[(project.slug, project.title.text(self.language)) for project in known],
            variables=[(name, name) for name in ALLOWABLE_ENV],
            prefixes=[(one.value, words.text(self.language)) for one, words in PREFIXES.items()],
            schemes=[(one.value, words.text(self.language)) for one, words in SCHEMES.items()],
        )

    def problems_at_fields(
        self, form: Filled[Any], value: Described, before: Interface = JUPYTER
    ) -> Filled[Any]:
        """The form with what is wrong with its interface, each at its field."""
        for name, error in value.problems(before).items():
            form = form.with_error(name, self.told(error))
        return form


class NewImagePage(_DescribePage):
    """A draft from an image of the registry."""

    async def get(self) -> None:
        """The form."""
        await self.form_page(None)

    async def post(self) -> None:
        """Looks at the image, and keeps the entry as a draft."""
        form = filled(self, NewEntry, self._)
        if (value := form.value) is not None:
            form = self.problems_at_fields(form, value)
        if form.value is not None:
            form = await self._added(form, form.value)
        if not self._finished:
            self.set_status(400)
            await self.form_page(form)

    async def _added(self, form: Filled[NewEntry], value: NewEntry) -> Filled[NewEntry]:
        try:
            await flows.add(
                *(self.site, self.known.actor),
                slug=value.slug,
                title=value.title,
                description=value.description,
                alias=value.registry,
                path=value.path,
                tag=value.tag,
                **value.options(),
            )
        except Conflict as error:
            return form.with_error("slug", self.told(error))
        except RegistryError as error:
            return form.with_error("path", self.told(error))
        except InputError as error:
            return form.with_error("", self.told(error))
        self.notice(f"images/{value.slug}", self._("Kept as a draft. Publish it when it is right."))
        return form


class EditImagePage(_DescribePage):
    """Another word about an entry; what is launched stays."""

    async def get(self, slug: str) -> None:
        """The form, filled in."""
        shown = await self.in_thread(flows.show, self.site, slug)
        await self.form_page(None, shown.entry)

    async def post(self, slug: str) -> None:
        """Keeps it, unless somebody else was quicker."""
        form = filled(self, ChangedEntry, self._)
        entry = (await self.in_thread(flows.show, self.site, slug)).entry
        if (value := form.value) is not None:
            form = self.problems_at_fields(form, value, entry.interface)
        if form.value is not None:
            form = await self._changed(entry, form, form.value)
        if not self._finished:
            self.set_status(400)
            await self.form_page(form, entry)

    async def _changed(
        self, entry: ImageEntry, form: Filled[ChangedEntry], value: ChangedEntry
    ) -> Filled[ChangedEntry]:
        try:
            await self.in_thread(
                flows.change,
                *(self.site, self.known.actor, entry.slug),
                expected_version=value.version,
                title=value.title,
                description=value.description,
                tag=value.tag,
                **value.options(entry.interface),
            )
        except (InputError, Conflict) as error:
            return form.with_error("", self.told(error))
        self.notice(f"images/{entry.slug}", self._("Kept."))
        return form


def _projects(site: Site) -> tuple[Project, ...]:
    with site.store.reading() as tx:
        return projects.listing(tx)


def _held(entry: ImageEntry) -> dict[str, Any]:
    """An entry as the form's fields."""
    limits = entry.ceilings
    return {
        "slug": entry.slug,
        "registry": entry.alias,
        "path": entry.path,
        "tag": entry.tag,
        "title_en": entry.title.en,
        "title_fr": entry.title.fr,
        "description_en": entry.description.en,
        "description_fr": entry.description.fr,
        "projects": entry.projects,
        "cpus": _shown(limits.cpus),
        "mem_gib": _shown(None if limits.mem_bytes is None else limits.mem_bytes / GIB),
        "gpus": _shown(limits.gpus),
        "idle_minutes": _shown(None if limits.idle_seconds is None else limits.idle_seconds // 60),
        "start_url": entry.start_url,
        "needs_gpu": entry.needs_gpu,
        "allowed_env": entry.allowed_env,
        **interface_fields(entry.interface),
    }


def _asked(page: PageHandler) -> dict[str, Any]:
    """An empty form, but for the image that was picked in the registry."""
    asked = {name: page.get_query_argument(name, "")[:300] for name in ("registry", "path", "tag", "slug")}
    empty = dict.fromkeys(Described.model_fields, "")
    usual = {"projects": (), "needs_gpu": False, "allowed_env": (), **interface_fields(JUPYTER)}
    return {**empty, **usual, **asked}


def _shown(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


ROUTES = (
    (r"images/new", NewImagePage),
    (r"images/([a-z0-9-]{1,40})/edit", EditImagePage),
)
