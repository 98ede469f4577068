"""The catalogue: propose, look, check, publish, deprecate, retire, roll back.

Only what `publish` and `rollback` point to is launched. A tag is looked at by `add` and `refresh`, which
store what they see as a revision that nobody launches. The registry is asked before the transaction, never
in it; the entry's version tells whether somebody else was quicker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

from hub_ext.adapters.store import Tx, images, projects, revisions
from hub_ext.errors import Conflict, InputError, Stale
from hub_ext.flows import checks, image_check, image_env, unsafe_images
from hub_ext.flows.admission import (
    EntryChanges,
    EntryOptions,
    Review,
    checked,
    only_registry,
    plain,
    review_image,
)
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    Finding,
    ImageEntry,
    ImageRevision,
    ImageState,
    Localised,
    Rejection,
    Verb,
)
from hub_ext.model.interfaces import JUPYTER, START_PAGES
from hub_ext.phrase import Phrase
from hub_ext.policy import catalogue as policy


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the entry's tag found. `revision` holds the tag's digest; `new` says it was unknown."""

    entry: ImageEntry
    revision: ImageRevision
    new: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry with its revisions, the newest first."""

    entry: ImageEntry
    revisions: tuple[ImageRevision, ...]


# --- reading ---


def listing(
    site: Site, *, states: Sequence[ImageState] | None = None, project: str | None = None
) -> tuple[ImageEntry, ...]:
    """Entries by slug."""
    with site.store.reading() as tx:
        return images.listing(tx, states=states, project=project)


def show(site: Site, slug: str) -> Shown:
    """The entry and its revisions. Raises NotFound."""
    with site.store.reading() as tx:
        return Shown(images.get(tx, slug), tuple(reversed(revisions.listing(tx, slug))))


async def review(site: Site, slug: str) -> Review:
    """The review of what the entry's tag names now; nothing is written."""
    entry = (await asyncio.to_thread(show, site, slug)).entry
    return await review_image(site, entry, entry.tag)


# --- proposing ---


async def add(
    site: Site,
    actor: Actor,
    *,
    slug: str,
    title: Localised,
    path: str,
    tag: str,
    alias: str = "",
    description: Localised | None = None,
    **options: Unpack[EntryOptions],
) -> Looked:
    """A draft with the tag's image as revision 1; nobody launches it before `publish`.

    `alias` "" takes the only registry; without a start URL the usual one of the interface is taken. Raises
    InputError, Conflict for a known slug, the RegistryError tree.
    """
    entry = ImageEntry(
        slug=checks.slug(slug, Phrase("catalogue entry")),
        title=title,
        description=description or Localised("", ""),
        alias=alias or only_registry(site),
        path=path,
        tag=tag,
        created=site.now(),
        start_url=START_PAGES[options.get("interface", JUPYTER).kind],
    )
    entry = checked(replace(entry, **options))
    with site.store.reading() as tx:
        if images.find(tx, slug):
            raise _taken(slug)
    review = await review_image(site, entry, entry.tag)

    def write() -> Looked:
        with site.store.transaction() as tx:
            _projects_exist(tx, entry)
            if images.find(tx, slug):
                raise _taken(slug)
            images.add(tx, entry)
            revision = _revise(site, tx, actor, entry, review)
            site.record(tx, actor, Verb.IMAGE_ADDED, slug, {"entry": entry, **_facts(revision, review)})
        return Looked(entry, revision, True, review.findings)

    return await asyncio.to_thread(write)


def change(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    expected_version: int | None = None,
    **changes: Unpack[EntryChanges],
) -> ImageEntry:
    """The entry with these fields changed; what is launched stays. Raises InputError, NotFound, Conflict.

    Where another kind of interface comes without a start URL, the usual one becomes that of the new kind.
    """
    with site.store.transaction() as tx:
        before = _current(tx, slug, expected_version)
        kind = changes.get("interface", before.interface).kind
        if before.start_url == START_PAGES[before.interface.kind]:
            changes.setdefault("start_url", START_PAGES[kind])
        entry = checked(replace(before, **changes))
        facts = checks.changed(before, entry)
        if entry.projects != before.projects:
            _projects_exist(tx, entry)
        if newly_allowed := set(entry.allowed_env) - set(before.allowed_env):
            launched = revisions.find(tx, slug, before.revision)
            image_env.refuse_unsafe(launched.report if launched else {}, newly_allowed)
        stored = images.replace(tx, entry, expected_version=before.version)
        site.record(tx, actor, Verb.IMAGE_CHANGED, slug, facts)
    return stored


async def refresh(site: Site, actor: Actor, slug: str) -> Looked:
    """Look at the entry's tag; an unknown digest becomes a new revision, which nobody launches yet."""
    shown = await asyncio.to_thread(show, site, slug)
    review = await review_image(site, shown.entry, shown.entry.tag)

    def write() -> Looked:
        with site.store.transaction() as tx:
            entry = _current(tx, slug, None)
            if entry.tag != shown.entry.tag:
                raise _stale(slug)
            for known in reversed(revisions.listing(tx, slug)):
                if known.digest == review.digest:
                    return Looked(entry, known, False, review.findings)
            revision = _revise(site, tx, actor, entry, review)
            site.record(tx, actor, Verb.IMAGE_REFRESHED, slug, _facts(revision, review))
        return Looked(entry, revision, True, review.findings)

    return await asyncio.to_thread(write)


# --- deciding what is launched ---


async def publish(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    number: int | None = None,
    expected_version: int | None = None,
    despite_failed_check: bool = False,
) -> ImageEntry | Rejection:
    """From now on the revision of that number (the newest) is launched; running servers keep theirs.

    The image is read from the registry by its digest and reviewed again: a digest that is gone cannot be
    published. One whose last check failed is refused, unless `despite_failed_check`. Raises Conflict where
    the entry is no longer of `expected_version` (of the one read first).
    """
    shown = await asyncio.to_thread(show, site, slug)
    expected = shown.entry.version if expected_version is None else expected_version
    if shown.entry.version != expected:
        raise _stale(slug)
    failed = await asyncio.to_thread(_failed, site, slug)
    chosen = policy.choose_publication(
        *(shown.entry, shown.revisions, number), failed=failed, despite_failed_check=despite_failed_check
    )
    if isinstance(chosen, Finding):
        return await asyncio.to_thread(_refuse, site, actor, slug, "publish", (chosen,))
    review = await review_image(site, shown.entry, chosen.digest)
    if any(finding.blocking for finding in review.findings):
        return await asyncio.to_thread(
            _refuse, site, actor, slug, "publish", review.findings, _facts(chosen, review)
        )

    def write() -> ImageEntry:
        with site.store.transaction() as tx:
            before = _current(tx, slug, expected)
            entry = replace(
                before, state=ImageState.PUBLISHED, revision=chosen.number, successor=None, ended=None
            )
            stored = images.replace(tx, entry, expected_version=expected)
            revisions.mark_published(tx, slug, chosen.number, site.now())
            unsafe_images.clear(tx, site, slug)
            facts = _facts(chosen, review) | _was(before)
            if chosen.number in failed:
                facts["despite_failed_check"] = failed[chosen.number]
            site.record(tx, actor, Verb.IMAGE_PUBLISHED, slug, facts)
        return stored

    return await asyncio.to_thread(write)


def rollback(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    number: int | None = None,
    expected_version: int | None = None,
) -> ImageEntry | Rejection:
    """From now on an earlier published revision is launched: that of the number, else the last one before.

    The registry is not asked: this is the way out when something is wrong, perhaps with the registry.
    """
    with site.store.transaction() as tx:
        before = _current(tx, slug, expected_version)
        chosen = policy.choose_rollback(before, revisions.listing(tx, slug), number)
        if isinstance(chosen, Finding):
            return _refused(site, tx, actor, slug, "roll back", (chosen,))
        entry = images.replace(tx, replace(before, revision=chosen.number), expected_version=before.version)
        facts = {"revision": chosen.number, "digest": chosen.digest} | _was(before)
        site.record(tx, actor, Verb.IMAGE_ROLLED_BACK, slug, facts)
    return entry


def deprecate(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    successor: str | None = None,
    why: str = "",
    expected_version: int | None = None,
) -> ImageEntry | Rejection:
    """The entry still launches, and its readers are told, with the successor if there is one."""
    with site.store.transaction() as tx:
        before = _current(tx, slug, expected_version)
        entries = {entry.slug: entry for entry in images.listing(tx)}
        if findings := policy.may_deprecate(before, entries, successor):
            return _refused(site, tx, actor, slug, "deprecate", findings)
        entry = images.replace(
            tx,
            replace(before, state=ImageState.DEPRECATED, successor=successor),
            expected_version=before.version,
        )
        facts = {"successor": successor, "why": checks.line(why, Phrase("reason"))} | _was(before)
        site.record(tx, actor, Verb.IMAGE_DEPRECATED, slug, facts)
    return entry


def retire(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    why: str,
    security: bool = False,
    expected_version: int | None = None,
) -> ImageEntry | Rejection:
    """Nobody launches the entry any more; running servers go on, unless it is for `security`: they end.

    An entry that is retired already can still be retired for security. `publish` brings it back.
    """
    with site.store.transaction() as tx:
        before = _current(tx, slug, expected_version)
        known_unsafe = unsafe_images.standing(tx, slug) is not None
        if findings := policy.may_retire(before, security=security and not known_unsafe):
            return _refused(site, tx, actor, slug, "retire", findings)
        entry = images.replace(
            tx,
            replace(before, state=ImageState.RETIRED, ended=before.ended or site.now()),
            expected_version=before.version,
        )
        why = checks.line(why, Phrase("reason"), required=True)
        if security:
            unsafe_images.mark(tx, site, slug, why)
        facts = {"why": why, "security": security} | _was(before)
        site.record(tx, actor, Verb.IMAGE_RETIRED, slug, facts)
    return entry


# --- what they share ---


def _revise(site: Site, tx: Tx, actor: Actor, entry: ImageEntry, review: Review) -> ImageRevision:
    revision = ImageRevision(
        entry=entry.slug,
        number=revisions.next_number(tx, entry.slug),
        digest=review.digest,
        created=site.now(),
        created_by=checks.approver(actor),
        report=review.report,
    )
    revisions.add(tx, revision)
    return revision


def _failed(site: Site, slug: str) -> dict[int, str]:
    with site.store.reading() as tx:
        return image_check.failed(tx, slug).get(slug, {})


def _facts(revision: ImageRevision, review: Review) -> dict[str, Any]:
    return {"revision": revision.number, "digest": revision.digest, "review": review.report}


def _was(before: ImageEntry) -> dict[str, Any]:
    return {"was": {"state": before.state.value, "revision": before.revision}}


def _current(tx: Tx, slug: str, expected_version: int | None) -> ImageEntry:
    entry = images.get(tx, slug)
    if expected_version is not None and entry.version != expected_version:
        raise _stale(slug)
    return entry


def _refuse(
    site: Site,
    actor: Actor,
    slug: str,
    wanted: str,
    findings: tuple[Finding, ...],
    facts: dict[str, Any] | None = None,
) -> Rejection:
    with site.store.transaction() as tx:
        return _refused(site, tx, actor, slug, wanted, findings, facts)


def _refused(
    site: Site,
    tx: Tx,
    actor: Actor,
    slug: str,
    wanted: str,
    findings: tuple[Finding, ...],
    facts: dict[str, Any] | None = None,
) -> Rejection:
    blocking = tuple(finding for finding in findings if finding.blocking)
    reasons = {"wanted": wanted, "reasons": [plain(finding) for finding in blocking]}
    site.record(tx, actor, Verb.IMAGE_REFUSED, slug, {**reasons, **(facts or {})})
    return Rejection(slug, blocking)


def _projects_exist(tx: Tx, entry: ImageEntry) -> None:
    for project in entry.projects:
        if projects.find(tx, project) is None:
            raise InputError(
                "There is no project {project!r}.",
                advice="`hub-ext project list` shows them.",
                project=project,
            )


def _taken(slug: str) -> Conflict:
    return Conflict(
        "There is an entry {slug!r} already.", advice="Change that one, or choose another slug.", slug=slug
    )


def _stale(slug: str) -> Stale:
    return Stale(
        "The image {slug!r} was changed by somebody else meanwhile.",
        advice="Look at it again, then repeat your change.",
        slug=slug,
    )
