"""The form of a dataset: registered, and changed."""

from __future__ import annotations

from typing import Any

from hub_ext.errors import InputError, Stale
from hub_ext.flows import data, overview, people
from hub_ext.model import Dataset, DatasetClass, Localised
from hub_ext.model.duties import Deed
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.forms import Filled, FormModel, Line, RequiredLine, Sentence, Slug, filled
from hub_ext.services.console.page import PageHandler


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


CLASSES = {
    DatasetClass.OPEN: _("open"),
    DatasetClass.CODED: _("coded: names replaced by codes"),
    DatasetClass.IDENTIFYING: _("identifying"),
    DatasetClass.KEY: _("key: from codes to names"),
}


class _About(FormModel):
    title_en: RequiredLine
    title_fr: RequiredLine
    description_en: Sentence = ""
    description_fr: Sentence = ""
    data_class: DatasetClass
    contact: Line = ""
    stewards: Sentence = ""
    never_with: Sentence = ""
    decodes: Sentence = ""
    read_gids: Line = ""


class NewDataset(_About):
    """A dataset to register."""

    slug: Slug


class ChangedDataset(_About):
    """A dataset as it shall be; `version` is what the editor saw."""

    version: int


class _Editing(PageHandler):
    area = "datasets"

    async def fields(self, form: _About) -> data.DatasetChanges:
        """The dataset's fields. Raises InputError."""
        return data.DatasetChanges(
            title=Localised(form.title_en, form.title_fr),
            description=Localised(form.description_en, form.description_fr),
            data_class=form.data_class,
            contact=form.contact,
            stewards=await self.in_thread(people.ids_named, self.site, _several(form.stewards)),
            never_with=_several(form.never_with),
            decodes=_several(form.decodes),
            read_gids=tuple(_gid(text) for text in _several(form.read_gids)),
        )

    def shown(self, form: Filled[Any] | None, dataset: Dataset | None, names: dict[str, str]) -> None:
        """The form."""
        values = {
            "slug": dataset.slug if dataset else "",
            "title_en": dataset.title.en if dataset else "",
            "title_fr": dataset.title.fr if dataset else "",
            "description_en": dataset.description.en if dataset else "",
            "description_fr": dataset.description.fr if dataset else "",
            "data_class": dataset.data_class if dataset else DatasetClass.IDENTIFYING,
            "contact": dataset.contact if dataset else "",
            "stewards": " ".join(names[one] for one in dataset.stewards) if dataset else "",
            "never_with": " ".join(dataset.never_with) if dataset else "",
            "decodes": " ".join(dataset.decodes) if dataset else "",
            "read_gids": " ".join(map(str, dataset.read_gids)) if dataset else "",
        }
        edition = (form.raw.get("version") if form else None) or (edition_of(dataset) if dataset else None)
        classes = [(kind.value, self._(words)) for kind, words in CLASSES.items()]
        self.show(
            "datasets/edit.html", form=form, dataset=dataset, values=values, edition=edition, classes=classes
        )


class NewPage(_Editing):
    """Registers a dataset."""

    deed = Deed.WRITE_DATASET

    async def get(self) -> None:
        """The empty form."""
        self.shown(None, None, {})

    async def post(self) -> None:
        """The dataset, without a version yet."""
        form: Filled[NewDataset] = filled(self, NewDataset, self._)
        if form.value is not None:
            try:
                changes = await self.fields(form.value)
                made = await self.in_thread(self._register, form.value.slug, changes)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"datasets/{made.slug}", self._("Registered. Next: its files."))
                return
        self.set_status(400)
        self.shown(form, None, {})

    def _register(self, slug: str, asked: data.DatasetChanges) -> Dataset:
        return data.register_dataset(
            *(self.site, self.known.actor, slug, asked["title"], asked["description"], asked["data_class"]),
            stewards=asked["stewards"],
            contact=asked["contact"],
            never_with=asked["never_with"],
            decodes=asked["decodes"],
            read_gids=asked["read_gids"],
        )


class EditPage(_Editing):
    """Changes a dataset."""

    async def prepare(self) -> None:
        """As every page, then the right to change this one."""
        await super().prepare()
        if not self._finished and self.visitor is not None:
            self.require(Deed.WRITE_DATASET, dataset=self.path_args[0])

    async def get(self, slug: str) -> None:
        """The form as the dataset is."""
        held = await self.in_thread(overview.dataset_view, self.site, slug)
        self.shown(None, held.dataset, held.names)

    async def post(self, slug: str) -> None:
        """The dataset as it shall be."""
        held = await self.in_thread(overview.dataset_view, self.site, slug)
        form: Filled[ChangedDataset] = filled(self, ChangedDataset, self._)
        status = 400
        if form.value is not None:
            try:
                expected = seen(held.dataset, form.value.version)
                changes = await self.fields(form.value)
                await self.in_thread(
                    data.change_dataset, self.site, self.known.actor, slug, expected=expected, **changes
                )
            except Stale as error:
                status, form = 409, form.with_error("", self.told(error))
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"datasets/{slug}", self._("Saved."))
                return
        self.set_status(status)
        self.shown(form, held.dataset, held.names)


def _several(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _gid(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InputError(
            "{text!r} is not the number of a group.", advice="`ls -ln` shows numbers.", text=text
        )
    return int(text)


ROUTES = ((r"new/dataset", NewPage), (r"datasets/([a-z0-9-]{1,40})/edit", EditPage))
