"""The catalogue out to one file that people keep in git, and back in: looked at first, then all or nothing.

Digests that the catalogue does not know, and those to be published, are looked up in the registry before the
transaction, as `flows.catalogue` does. The plan that is done is the one that was decided before, or none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from hub_ext.adapters.store import Tx, images, projects, revisions
from hub_ext.errors import InputError, ManifestUnknown, Stale
from hub_ext.expression import catalogue_reading
from hub_ext.flows import checks, image_check, unsafe_images
from hub_ext.flows.admission import REPORT, Review, checked, plain, review_image
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    EntryPlan,
    Finding,
    FindingCode,
    ImageEntry,
    ImageRevision,
    ImageState,
    ImportPlan,
    ImportStep,
    Rejection,
    Stated,
    Verb,
)
from hub_ext.policy import catalogue_import as policy

AT_ONCE = 8  # questions to the registry
WHY = "the imported file says so"

Digests = dict[tuple[str, str], Review]


@dataclass(frozen=True, slots=True)
class Wish:
    """A file's content, and what to do with entries that it leaves out.

    `despite_failed_check`: what it says is published is, whatever came of its last check.
    """

    stated: tuple[Stated, ...]
    digest: str
    retire_missing: bool = False
    despite_failed_check: bool = False


def export(site: Site) -> tuple[Stated, ...]:
    """The whole catalogue by slug, for `expression.catalogue_file`."""
    with site.store.reading() as tx:
        known = _revisions(tx)
        return tuple(
            Stated(entry, tuple((one.number, one.digest) for one in known.get(entry.slug, ())))
            for entry in images.listing(tx)
        )


def wish(content: bytes, *, retire_missing: bool = False, despite_failed_check: bool = False) -> Wish:
    """What a file wants. Raises InputError with the line of what cannot be used."""
    stated = []
    for one in catalogue_reading.read(content):
        try:
            stated.append(replace(one, entry=checked(one.entry)))
        except InputError as error:
            raise InputError(
                "Line {line}: {slug}: {why}",
                advice=error.next_step,
                line=one.line,
                slug=one.entry.slug,
                why=error.fact,
            ) from error
    # A form sends other ends of lines than the file has; the record names the file as git has it.
    digest = sha256(content.replace(b"\r\n", b"\n")).hexdigest()
    return Wish(tuple(stated), f"sha256:{digest}", retire_missing, despite_failed_check)


async def preview(site: Site, wanted: Wish) -> ImportPlan:
    """What an import would do, and what is in its way; nothing is written. Raises the RegistryError tree."""
    return (await _reviewed(site, wanted))[0]


async def import_file(
    site: Site, actor: Actor, wanted: Wish, *, expected: str | None = None
) -> ImportPlan | tuple[Rejection, ...]:
    """Makes the catalogue what the file says, all of it in one transaction, and says what was done.

    Where something is in the way: nothing, and every reason. `expected` is a preview's: raises Stale where
    the catalogue, or what would be done, is another by now. Raises the RegistryError tree.
    """
    plan, reviews = await _reviewed(site, wanted)
    if expected is not None and plan.expected != expected:
        raise _stale()
    if plan.refused:
        return await asyncio.to_thread(_refuse, site, actor, plan, wanted)

    def write() -> ImportPlan:
        with site.store.transaction() as tx:
            if _plan(site, tx, wanted).expected != plan.expected:
                raise _stale()
            _Import(site, tx, actor, wanted.digest, reviews).all(plan)
        return plan

    return await asyncio.to_thread(write)


def _plan(site: Site, tx: Tx, wanted: Wish) -> ImportPlan:
    return policy.plan(
        wanted.stated,
        {entry.slug: entry for entry in images.listing(tx)},
        _revisions(tx),
        projects={project.slug for project in projects.listing(tx)},
        registries={registry.alias for registry in site.settings.registries},
        failed={} if wanted.despite_failed_check else image_check.failed(tx),
        retire_missing=wanted.retire_missing,
    )


def _revisions(tx: Tx) -> dict[str, tuple[ImageRevision, ...]]:
    held: dict[str, list[ImageRevision]] = {}
    for one in revisions.listing(tx):
        held.setdefault(one.entry, []).append(one)
    return {slug: tuple(known) for slug, known in held.items()}


# --- the registry's word ---


async def _reviewed(site: Site, wanted: Wish) -> tuple[ImportPlan, Digests]:
    """The plan with what the registry says of it, and the reviews by slug and digest."""

    def read() -> tuple[ImportPlan, dict[tuple[str, int], str]]:
        with site.store.reading() as tx:
            plan = _plan(site, tx, wanted)
            known = {
                (one.after.slug, one.after.revision): held.digest
                for one in plan.entries
                if ImportStep.PUBLISH in one.steps
                if (held := revisions.find(tx, one.after.slug, one.after.revision))
            }
        return plan, known

    plan, known = await asyncio.to_thread(read)
    room = asyncio.Semaphore(AT_ONCE)
    reviews: Digests = {}

    async def look(entry: ImageEntry, number: int, digest: str, published: bool) -> tuple[Finding, ...]:
        async with room:
            try:
                review = await review_image(site, entry, digest)
            except ManifestUnknown:
                gone = (("entry", entry.slug), ("revision", number), ("digest", digest))
                finding = Finding(FindingCode.DIGEST_GONE, published, gone)
                review = Review(digest, (finding,), {"report": REPORT, "findings": [plain(finding)]})
        reviews[entry.slug, digest] = review
        # What is wrong with an image that nobody launches is kept in its revision's report.
        return tuple(
            finding for finding in review.findings if published or finding.code is FindingCode.DIGEST_GONE
        )

    async def whole(one: EntryPlan) -> EntryPlan:
        if any(finding.blocking for finding in one.findings):
            return one
        wanted_number = one.after.revision if ImportStep.PUBLISH in one.steps else 0
        digests = dict(one.revisions)
        if wanted_number and wanted_number not in digests:
            digests[wanted_number] = known[one.after.slug, wanted_number]
        told = [
            await look(one.after, number, digest, number == wanted_number)
            for number, digest in digests.items()
        ]
        return replace(one, findings=(*one.findings, *(finding for each in told for finding in each)))

    entries = await asyncio.gather(*(whole(one) for one in plan.entries))
    return replace(plan, entries=tuple(entries)), reviews


# --- doing it ---


class _Import:
    """One import in its transaction; every row of the record names the file by its digest."""

    def __init__(self, site: Site, tx: Tx, actor: Actor, file: str, reviews: Digests) -> None:
        self.site, self.tx, self.actor, self.file, self.reviews = site, tx, actor, file, reviews

    def all(self, plan: ImportPlan) -> None:
        """New entries first: others may name them as what follows."""
        added = {one.after.slug: self.added(one) for one in plan.entries if one.before is None}
        for one in plan.entries:
            self.entry(one, one.before or added[one.after.slug])

    def added(self, one: EntryPlan) -> ImageEntry:
        """The new entry, a draft yet."""
        draft = {"state": ImageState.DRAFT, "revision": 0, "successor": None, "ended": None}
        entry: ImageEntry = replace(one.after, **draft, version=1, created=self.site.now())  # type: ignore[arg-type]
        images.add(self.tx, entry)
        self.tell(Verb.IMAGE_ADDED, entry.slug, {"entry": entry})
        return entry

    def entry(self, one: EntryPlan, before: ImageEntry) -> None:
        """Everything else of one entry."""
        slug, now = before.slug, self.site.now()
        was = {"was": {"state": before.state.value, "revision": before.revision}}
        if one.changes:
            told = {change.field: [change.before, change.after] for change in one.changes}
            self.tell(Verb.IMAGE_CHANGED, slug, told)
        for number, digest in one.revisions:
            self.revision(slug, number, digest)
        later = set(one.steps) - {ImportStep.ADD, ImportStep.REVISE}
        if not later:
            return
        ended = None
        if one.after.state is ImageState.RETIRED:
            ended = now if ImportStep.RETIRE in later else before.ended
        after = replace(one.after, created=before.created, ended=ended)
        images.replace(self.tx, after, expected_version=before.version)
        if ImportStep.PUBLISH in later:
            held = revisions.get(self.tx, slug, after.revision)
            revisions.mark_published(self.tx, slug, after.revision, now)
            unsafe_images.clear(self.tx, self.site, slug)
            review = self.reviews[slug, held.digest].report
            facts = {"revision": held.number, "digest": held.digest, "review": review}
            if check := image_check.failed(self.tx, slug).get(slug, {}).get(held.number):
                facts["despite_failed_check"] = check
            self.tell(Verb.IMAGE_PUBLISHED, slug, facts | was)
        if ImportStep.ROLL_BACK in later:
            held = revisions.get(self.tx, slug, after.revision)
            self.tell(Verb.IMAGE_ROLLED_BACK, slug, {"revision": held.number, "digest": held.digest} | was)
        if ImportStep.DEPRECATE in later:
            self.tell(Verb.IMAGE_DEPRECATED, slug, {"successor": after.successor, "why": WHY} | was)
        if ImportStep.RETIRE in later:
            self.tell(Verb.IMAGE_RETIRED, slug, {"why": WHY} | was)

    def revision(self, slug: str, number: int, digest: str) -> None:
        """A digest that nobody launches yet."""
        report = self.reviews[slug, digest].report
        made = ImageRevision(
            entry=slug,
            number=number,
            digest=digest,
            created=self.site.now(),
            created_by=checks.approver(self.actor),
            report=report,
        )
        revisions.add(self.tx, made)
        self.tell(Verb.IMAGE_REFRESHED, slug, {"revision": number, "digest": digest, "review": report})

    def tell(self, verb: Verb, slug: str, facts: dict[str, Any]) -> None:
        """A row of the record."""
        self.site.record(self.tx, self.actor, verb, slug, {**facts, "file": self.file})


def _refuse(site: Site, actor: Actor, plan: ImportPlan, wanted: Wish) -> tuple[Rejection, ...]:
    refused = []
    with site.store.transaction() as tx:
        for one in plan.entries:
            if blocking := tuple(finding for finding in one.findings if finding.blocking):
                refused.append(Rejection(one.after.slug, blocking))
                reasons = [plain(finding) for finding in blocking]
                facts = {"wanted": "import", "reasons": reasons, "file": wanted.digest}
                site.record(tx, actor, Verb.IMAGE_REFUSED, one.after.slug, facts)
    return tuple(refused)


def _stale() -> Stale:
    return Stale(
        "The catalogue was changed by somebody else meanwhile.",
        advice="Look at what the file would change now, then import it again.",
    )
