"""Datasets: the list, one of them with all that belongs to it, and where copies may be."""

from __future__ import annotations

from hub_ext.errors import InputError
from hub_ext.flows import data, dataset_versions, exposures, grant_ends, overview, people, quarantine
from hub_ext.flows import terms as terms_flow
from hub_ext.flows.overview import DatasetLine, DatasetView
from hub_ext.model import Launch, Localised
from hub_ext.model.duties import Deed
from hub_ext.services.console.forms import Filled, FormModel, RequiredLine, Text, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.dataset_edit import CLASSES
from hub_ext.services.console.pages.grants import STATES
from hub_ext.services.console.pages.why import End, WhyPage
from hub_ext.services.console.reads import READS

MOST_SHOWN = 100


class Folder(FormModel):
    """A folder on the host, to become the current version."""

    folder: RequiredLine


class Terms(FormModel):
    """The next version of the terms of use."""

    text_en: Text
    text_fr: Text


class DatasetsPage(PageHandler):
    """Every dataset that one may see."""

    area = "datasets"
    deed = Deed.READ_DATA

    async def get(self) -> None:
        """The page."""
        words = self.get_query_argument("q", "")[:100].casefold()
        start = _number(self.get_query_argument("start", "0"))
        ended = self.get_query_argument("ended", "") == "1"
        found = [
            line
            for line in await self.in_thread(overview.dataset_lines, self.site)
            if self.known.may(Deed.READ_DATA, dataset=line.dataset.slug) is None
            and (ended or not line.dataset.ended)
            and _matches(line, words)
        ]
        self.show(
            "datasets/list.html",
            lines=found[start : start + MOST_SHOWN],
            count=len(found),
            start=start,
            most=MOST_SHOWN,
            q=self.get_query_argument("q", "")[:100],
            ended=ended,
            classes=CLASSES,
        )


def _matches(line: DatasetLine, words: str) -> bool:
    dataset = line.dataset
    return all(
        word in f"{dataset.slug} {dataset.title.en} {dataset.title.fr}".casefold() for word in words.split()
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


class _OfDataset(PageHandler):
    area = "datasets"

    async def found(self, slug: str) -> DatasetView:
        """The dataset, where the visitor may see it."""
        self.require(Deed.READ_DATA, dataset=slug)
        return await self.in_thread(overview.dataset_view, self.site, slug)


class DatasetPage(_OfDataset):
    """One dataset: versions, terms, who has it."""

    async def get(self, slug: str) -> None:
        """The page."""
        await self._shown(slug, None)

    async def post(self, slug: str) -> None:
        """Registers a folder as its current version, beginning to read it."""
        self.require(Deed.WRITE_DATASET, dataset=slug)
        form: Filled[Folder] = filled(self, Folder, self._)
        if form.value is None:
            self.set_status(400)
            await self._shown(slug, form)
            return
        with_it = await self.found(slug)
        READS.begin(self.site, self.known.actor, with_it.dataset.slug, form.value.folder)
        self.redirect(self.path_to(f"datasets/{slug}"), status=303)

    async def _shown(self, slug: str, form: Filled[Folder] | None) -> None:
        held = await self.found(slug)
        self.show(
            "datasets/one.html",
            held=held,
            dataset=held.dataset,
            form=form,
            read=READS.of(slug),
            classes=CLASSES,
            grant_states=STATES,
        )


class ReadingPage(_OfDataset):
    """How far the reading of a folder is: a part of the dataset's page."""

    async def get(self, slug: str) -> None:
        """The part; once it is over, the page is loaded anew."""
        held = await self.found(slug)
        read = READS.of(slug)
        if read is None or read.over:
            self.set_header("HX-Refresh", "true")
        self.show("datasets/reading.html", dataset=held.dataset, read=read)


class TermsPage(_OfDataset):
    """The terms of use: what they are, who accepted them, and the next version."""

    async def get(self, slug: str) -> None:
        """The page."""
        held = await self.found(slug)
        self.show("datasets/terms.html", held=held, dataset=held.dataset, form=None)

    async def post(self, slug: str) -> None:
        """The next version."""
        self.require(Deed.WRITE_DATASET, dataset=slug)
        form: Filled[Terms] = filled(self, Terms, self._)
        if form.value is not None:
            text = Localised(form.value.text_en, form.value.text_fr)
            try:
                await self.in_thread(terms_flow.add_terms, self.site, self.known.actor, slug, text)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"datasets/{slug}/terms", self._("Everybody is asked at their next start."))
                return
        self.set_status(400)
        held = await self.found(slug)
        self.show("datasets/terms.html", held=held, dataset=held.dataset, form=form)


class ExposuresPage(_OfDataset):
    """Which sessions and which volumes had which version."""

    async def get(self, slug: str) -> None:
        """The page."""
        held = await self.found(slug)
        found = await self.in_thread(exposures.exposed, self.site, slug)
        ids = {launch.person_id for one in found for launch in one.sessions}
        ids |= {known.volume.person_id or "" for one in found for known in one.volumes}
        volume_ids = {known.volume.id for one in found for known in one.volumes}
        self.show(
            "datasets/exposures.html",
            dataset=held.dataset,
            found=found[::-1],
            mine=self.allows(Deed.QUARANTINE_VOLUME, dataset=slug),
            quarantines=await self.in_thread(quarantine.standing, self.site, volume_ids),
            names=await self.in_thread(people.names, self.site, ids),
        )


class EndPage(WhyPage):
    """Ends a dataset for good."""

    area = "datasets"

    async def about(self, *path: str) -> End:
        """The question."""
        (slug,) = path
        self.require(Deed.WRITE_DATASET, dataset=slug)
        held = await self.in_thread(overview.dataset_view, self.site, slug)
        sessions: list[Launch] = []
        for version in held.versions:
            sessions += await self.in_thread(grant_ends.by_withdrawing, self.site, slug, version.number)
        return End(
            self._("End {dataset}", dataset=slug),
            self._("For good: it is granted to nobody and mounted nowhere. Its files are not touched."),
            self._("End it"),
            f"datasets/{slug}",
            tuple(sessions),
        )

    async def end(self, why: str, *path: str) -> str:
        """Ends it."""
        await self.in_thread(data.end_dataset, self.site, self.known.actor, path[0], why)
        return self._("Ended.")


class WithdrawPage(WhyPage):
    """Withdraws a version."""

    area = "datasets"

    async def about(self, *path: str) -> End:
        """The question."""
        slug, number = path[0], int(path[1])
        self.require(Deed.WRITE_DATASET, dataset=slug)
        await self.in_thread(overview.dataset_view, self.site, slug)
        return End(
            self._("Withdraw version {number} of {dataset}", number=number, dataset=slug),
            self._("It is mounted nowhere any more, and no earlier version takes its place."),
            self._("Withdraw"),
            f"datasets/{slug}",
            await self.in_thread(grant_ends.by_withdrawing, self.site, slug, number),
        )

    async def end(self, why: str, *path: str) -> str:
        """Withdraws it."""
        await self.in_thread(
            dataset_versions.withdraw_version, self.site, self.known.actor, path[0], int(path[1]), why
        )
        return self._("Withdrawn. What was copied stays where it is: see the exposures.")


ROUTES = (
    (r"datasets", DatasetsPage),
    (r"datasets/([a-z0-9-]{1,40})", DatasetPage),
    (r"datasets/([a-z0-9-]{1,40})/reading", ReadingPage),
    (r"datasets/([a-z0-9-]{1,40})/terms", TermsPage),
    (r"datasets/([a-z0-9-]{1,40})/exposures", ExposuresPage),
    (r"datasets/([a-z0-9-]{1,40})/end", EndPage),
    (r"datasets/([a-z0-9-]{1,40})/versions/([0-9]{1,8})/withdraw", WithdrawPage),
)
