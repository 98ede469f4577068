"""What becomes of the catalogue when a file is imported: decided here, done in `flows.catalogue_import`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from hub_ext.model import (
    EntryPlan,
    FieldChange,
    Finding,
    FindingCode,
    ImageEntry,
    ImageRevision,
    ImageState,
    ImportPlan,
    ImportStep,
    Stated,
)
from hub_ext.policy import catalogue

DESCRIBED = (
    *("title", "description", "tag", "projects", "ceilings", "interface", "start_url", "needs_gpu"),
    "allowed_env",
)
Known = Mapping[str, tuple[ImageRevision, ...]]


def plan(
    stated: Collection[Stated],
    entries: Mapping[str, ImageEntry],
    revisions: Known,
    *,
    projects: Collection[str],
    registries: Collection[str],
    failed: Mapping[str, Collection[int]],
    retire_missing: bool = False,
) -> ImportPlan:
    """What would change, and everything that is in the way. What the file leaves out is left alone.

    `retire_missing` retires those entries instead. `failed` are revisions that may not be published because
    their last check failed.
    """
    said = {one.entry.slug for one in stated}
    later = {**entries, **{one.entry.slug: one.entry for one in stated}}
    plans = []
    for one in stated:
        slug = one.entry.slug
        known = revisions.get(slug, ())
        plan = _entry(one, entries.get(slug), known, later, projects, registries)
        plans.append(_doubted(plan, failed.get(slug, ())))
    missing = sorted((entry for slug, entry in entries.items() if slug not in said), key=_slug)
    if retire_missing:
        plans += [_retired(entry) for entry in missing if entry.state is not ImageState.RETIRED]
    told = tuple(sorted((one for one in plans if one.steps or one.findings), key=lambda one: one.after.slug))
    return ImportPlan(
        told,
        unchanged=len(stated) - sum(one.after.slug in said for one in told),
        missing=() if retire_missing else tuple(entry.slug for entry in missing),
        expected=_name(told, entries),
    )


def _doubted(plan: EntryPlan, failed: Collection[int]) -> EntryPlan:
    if ImportStep.PUBLISH not in plan.steps or plan.after.revision not in failed:
        return plan
    doubt = catalogue.check_failed(plan.after.slug, plan.after.revision)
    return replace(plan, findings=(*plan.findings, doubt))


def _slug(entry: ImageEntry) -> str:
    return entry.slug


def _retired(entry: ImageEntry) -> EntryPlan:
    return EntryPlan(entry, replace(entry, state=ImageState.RETIRED), (ImportStep.RETIRE,))


def _name(plans: Iterable[EntryPlan], entries: Mapping[str, ImageEntry]) -> str:
    """Equal for the same plan for the same versions of every entry."""
    versions = sorted((slug, entry.version) for slug, entry in entries.items())
    wanted = [(one.after, one.steps, one.revisions) for one in plans]
    return sha256(repr((versions, wanted)).encode()).hexdigest()[:32]


def _entry(
    stated: Stated,
    before: ImageEntry | None,
    known: tuple[ImageRevision, ...],
    later: Mapping[str, ImageEntry],
    projects: Collection[str],
    registries: Collection[str],
) -> EntryPlan:
    entry = stated.entry
    after = entry if before is None else _kept(entry, before)
    numbers = {one.number: one.digest for one in known}
    new = tuple((number, digest) for number, digest in stated.revisions if number not in numbers)
    changes = () if before is None else _changes(before, after)
    steps: list[ImportStep] = []
    if before is None:
        steps.append(ImportStep.ADD)
    elif changes:
        steps.append(ImportStep.CHANGE)
    if new:
        steps.append(ImportStep.REVISE)
    steps += _moves(before, after, known)
    findings = [
        *_places(before, entry, numbers, stated.revisions, registries),
        *_states(before, after, {*numbers, *dict(new)}),
        *_successors(before, after, later),
        *([] if ImportStep.PUBLISH in steps else _variables(before, after, known)),
    ]
    fresh = after.projects if before is None or before.projects != after.projects else ()
    findings += [
        _no(FindingCode.PROJECT_UNKNOWN, entry=entry.slug, project=_shown(one))
        for one in fresh
        if one not in projects
    ]
    return EntryPlan(before, after, tuple(steps), changes, new, tuple(findings))


def _kept(entry: ImageEntry, before: ImageEntry) -> ImageEntry:
    """As the file has it, with what no file knows."""
    return replace(entry, created=before.created, version=before.version, ended=before.ended)


def _changes(before: ImageEntry, after: ImageEntry) -> tuple[FieldChange, ...]:
    names: tuple[str, ...] = DESCRIBED
    if before.state is after.state is ImageState.RETIRED:
        names = (*names, "successor")
    return tuple(
        FieldChange(name, getattr(before, name), getattr(after, name))
        for name in names
        if getattr(before, name) != getattr(after, name)
    )


def _moves(
    before: ImageEntry | None, after: ImageEntry, known: tuple[ImageRevision, ...]
) -> Iterable[ImportStep]:
    """How the entry comes to its state and its revision."""
    state = ImageState.DRAFT if before is None else before.state
    revision = 0 if before is None else before.revision
    if after.state is ImageState.RETIRED:
        if state is not ImageState.RETIRED:
            yield ImportStep.RETIRE
        return
    if not catalogue.may_launch(after.state):
        return
    back = after.state is ImageState.PUBLISHED and state is not ImageState.PUBLISHED
    if not catalogue.may_launch(state) or back or after.revision > revision:
        yield ImportStep.PUBLISH
        state = ImageState.PUBLISHED
    elif after.revision != revision and before is not None:
        earlier = catalogue.choose_rollback(before, known, after.revision)
        yield ImportStep.PUBLISH if isinstance(earlier, Finding) else ImportStep.ROLL_BACK
        if isinstance(earlier, Finding):
            state = ImageState.PUBLISHED
    if after.state is ImageState.DEPRECATED and (
        state is not ImageState.DEPRECATED or before is None or before.successor != after.successor
    ):
        yield ImportStep.DEPRECATE


def _places(
    before: ImageEntry | None,
    entry: ImageEntry,
    numbers: Mapping[int, str],
    stated: Iterable[tuple[int, str]],
    registries: Collection[str],
) -> Iterable[Finding]:
    slug = entry.slug
    if before is None and entry.alias not in registries:
        yield _no(FindingCode.REGISTRY_UNKNOWN, entry=slug, registry=_shown(entry.alias))
    if before is not None and (before.alias, before.path) != (entry.alias, entry.path):
        there, here = f"{before.alias}/{before.path}", _shown(f"{entry.alias}/{entry.path}")
        yield _no(FindingCode.IMAGE_MOVED, entry=slug, now=there, stated=here)
    for number, digest in stated:
        if number in numbers and numbers[number] != digest:
            known = numbers[number]
            yield _no(FindingCode.DIGEST_OTHER, entry=slug, revision=number, now=known, stated=digest)


def _states(before: ImageEntry | None, after: ImageEntry, numbers: Collection[int]) -> Iterable[Finding]:
    slug = after.slug
    if after.state is ImageState.DRAFT and before is not None and before.state is not ImageState.DRAFT:
        yield _no(FindingCode.STATE_NO_DRAFT, entry=slug)
    if after.revision and after.revision not in numbers:
        yield _no(FindingCode.REVISION_UNKNOWN, entry=slug, revision=after.revision)
    if after.state is ImageState.RETIRED and before is not None and before.revision != after.revision:
        now = before.revision
        yield _no(FindingCode.REVISION_RETIRED, entry=slug, current=now, revision=after.revision)


def _successors(
    before: ImageEntry | None, after: ImageEntry, later: Mapping[str, ImageEntry]
) -> Iterable[Finding]:
    """Only of what changes: a successor that has gone since is a matter of its own."""
    if after.successor is None or (before is not None and before.successor == after.successor):
        return
    if after.state is ImageState.DEPRECATED:
        yield from catalogue.may_deprecate(after, later, after.successor)
    elif after.successor not in later:
        yield _no(FindingCode.SUCCESSOR_UNKNOWN, entry=after.slug, successor=_shown(after.successor))


def _variables(
    before: ImageEntry | None, after: ImageEntry, known: Collection[ImageRevision]
) -> Iterable[Finding]:
    """What is newly allowed of the revision that starts; one to be published is reviewed anyway."""
    old = () if before is None else before.allowed_env
    unsafe = [
        name
        for revision in known
        if revision.number == after.revision
        for name in revision.report.get("unsafe_env", ())
        if name in after.allowed_env and name not in old
    ]
    if unsafe:
        yield _no(FindingCode.ENV_UNSAFE, names=", ".join(unsafe))


def _shown(text: str) -> str:
    """A text of the file, as one printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:120])


def _no(code: FindingCode, **shown: str | int) -> Finding:
    return Finding(code, True, tuple(shown.items()))
