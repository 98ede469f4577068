"""`hub-ext catalogue`: curated images, pinned by digest."""

from __future__ import annotations

from traitlets import Bool, Int, List, Unicode

from hub_ext.cli.app import Argument, Command, Noun, UsageError
from hub_ext.cli.catalogue_check import Check
from hub_ext.cli.catalogue_diff import Diff
from hub_ext.cli.catalogue_edit import ENTRY, Add, Change, Edit
from hub_ext.cli.catalogue_file import Export, Import
from hub_ext.cli.catalogue_words import (
    entry_pairs,
    explained,
    looked_json,
    looked_text,
    refreshed_json,
    refreshed_text,
    remarks,
    revision_words,
)
from hub_ext.flows import catalogue as flows
from hub_ext.flows import image_check
from hub_ext.flows.catalogue_refresh import refresh_many
from hub_ext.model import ImageEntry, ImageState

STATES = [state.value for state in ImageState]
WHY = "Why; kept in the record."


class ListAll(Command):
    """The catalogue: every entry, its state and the revision that is launched."""

    examples = """
        hub-ext catalogue list
        hub-ext catalogue list --state published --project onco
    """
    states = List(Unicode(), help=f"Only entries of this state: {', '.join(STATES)}.").tag(
        option="--state", metavar="STATE"
    )
    project = Unicode(None, allow_none=True, help="Only what this project may use.").tag(
        option=True, metavar="SLUG"
    )

    def run(self) -> None:
        """Show the table."""
        if unknown := [state for state in self.states if state not in STATES]:
            raise UsageError(f"There is no state {unknown[0]!r}; use {', '.join(STATES)}.", self.typed)
        wanted = tuple(ImageState(state) for state in self.states) or None
        found = flows.listing(self.site, states=wanted, project=self.project)
        self.show_table(
            found,
            {
                "ENTRY": lambda entry: entry.slug,
                "TITLE": lambda entry: entry.title.en,
                "STATE": lambda entry: entry.state,
                "REVISION": lambda entry: entry.revision or None,
                "IMAGE": lambda entry: f"{entry.alias}/{entry.path}:{entry.tag}",
                "PROJECTS": lambda entry: entry.projects or "every",
                "SUCCESSOR": lambda entry: entry.successor,
            },
            empty="The catalogue is empty. `hub-ext catalogue add` adds an image.",
        )


class Show(Command):
    """One entry: what it says, and every digest that it has pointed to."""

    examples = "hub-ext catalogue show python --json"
    arguments = (ENTRY,)

    def run(self) -> None:
        """Show the record."""
        shown = flows.show(self.site, self.argument("entry"))
        self.show_record(
            shown,
            [
                *entry_pairs(shown.entry),
                *(
                    (f"revision {known.number}", revision_words(shown.entry, known))
                    for known in shown.revisions
                ),
            ],
        )


class Review(Command):
    """Review the image that the entry's tag names now, by the registry's word. Nothing is written."""

    examples = "hub-ext catalogue review python"
    arguments = (ENTRY,)

    async def run(self) -> int:
        """Show digest and findings; status 1 where something is blocking."""
        review = await flows.review(self.site, self.argument("entry"))
        blocking = any(finding.blocking for finding in review.findings)
        verdict = "It cannot be published." if blocking else "It can be published."
        self.done(
            {"digest": review.digest, "findings": explained(review.findings)},
            f"{review.digest}\n{remarks(review.findings)}{verdict}",
        )
        return 1 if blocking else 0


class Refresh(Command):
    """Look at the entries' tags. A moved tag becomes a new revision, which nobody launches yet.

    What is launched changes only by `publish` and `rollback`. With --all only what has moved is read whole;
    status 1 where the registry has lost a tag.
    """

    examples = """
        hub-ext catalogue refresh python
        hub-ext catalogue refresh --all
    """
    arguments = (Argument("entry", "Slug of the entry.", optional=True),)
    all = Bool(False, help="Every entry that is not retired.").tag(option=True)

    async def run(self) -> int:
        """Look at one, or at all."""
        slug = self.argument("entry")
        if (slug is None) != self.all:
            raise UsageError("Name an entry, or say --all.", self.typed)
        if slug is not None:
            self.progress(f"Looking at {slug}")
            looked = await flows.refresh(self.site, self.actor, slug)
            self.done([looked_json(looked)], looked_text(looked))
            return 0
        found = await refresh_many(self.site, self.actor, tell=self._tell)
        self.done(refreshed_json(found), refreshed_text(found))
        return 1 if found.gone else 0

    def _tell(self, asked: int, of: int) -> None:
        if asked == of or asked % 500 == 0:
            self.progress(f"Looked at {asked} of {of} tags")


class Publish(Edit):
    """Publish a revision: from now on it is what researchers launch.

    Without --revision the newest is taken. The image is read from the registry and reviewed again. One whose
    last check failed is refused unless --despite-failed-check is said. Running servers keep their digest. A
    deprecated or retired entry is back in use.
    """

    examples = """
        hub-ext catalogue publish python
        hub-ext catalogue publish python --revision 3 --on-behalf-of mira
    """
    arguments = (ENTRY,)
    revision = Int(None, allow_none=True, help="Number of the revision.").tag(option=True, metavar="N")
    despite_failed_check = Bool(False, help="Also where its last check failed.").tag(option=True)

    async def run(self) -> int:
        """Publish the revision."""
        result = await flows.publish(
            self.site,
            self.actor,
            self.argument("entry"),
            number=self.revision,
            expected_version=self.expected,
            despite_failed_check=self.despite_failed_check,
        )
        return self.conclude(result, self._published)

    def _published(self, entry: ImageEntry) -> str:
        done = f"{entry.slug} now launches revision {entry.revision}."
        if entry.revision in image_check.verdicts(self.site, entry.slug):
            return done
        check = f"hub-ext catalogue check {entry.slug} --revision {entry.revision}"
        return f"{done} It has passed no check yet: `{check}` makes one."


class Rollback(Edit):
    """Go back to an earlier published revision; without --revision to the last one before the present.

    The registry is not asked. Running servers keep their digest.
    """

    examples = "hub-ext catalogue rollback python"
    arguments = (ENTRY,)
    revision = Int(None, allow_none=True, help="Number of the revision.").tag(option=True, metavar="N")

    def run(self) -> int:
        """Roll back."""
        result = flows.rollback(
            self.site,
            self.actor,
            self.argument("entry"),
            number=self.revision,
            expected_version=self.expected,
        )
        return self.conclude(result, lambda entry: f"{entry.slug} launches revision {entry.revision} again.")


class Deprecate(Edit):
    """Deprecate an entry: it still launches, and its readers are told what follows it."""

    examples = 'hub-ext catalogue deprecate python --successor python-2027 --why "Python 3.11 ends"'
    arguments = (ENTRY,)
    successor = Unicode(None, allow_none=True, help="Entry to use instead.").tag(option=True, metavar="SLUG")
    why = Unicode("", help=WHY).tag(option=True, metavar="TEXT")

    def run(self) -> int:
        """Deprecate the entry."""
        result = flows.deprecate(
            self.site,
            self.actor,
            self.argument("entry"),
            successor=self.successor,
            why=self.why,
            expected_version=self.expected,
        )
        return self.conclude(result, lambda entry: f"{entry.slug} is deprecated; it still launches.")


class Retire(Edit):
    """Retire an entry: nobody launches it any more; running servers go on, unless it is for security.

    Publishing it again brings it back.
    """

    examples = """
        hub-ext catalogue retire python --why "Python 3.11 has ended"
        hub-ext catalogue retire python --security --why "CVE-2026-1234"
    """
    arguments = (ENTRY,)
    security = Bool(False, help="For a security reason: sessions that run it end within a minute.").tag(
        option=True
    )
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")

    def run(self) -> int:
        """Retire the entry."""
        result = flows.retire(
            *(self.site, self.actor, self.argument("entry")),
            why=self.why,
            security=self.security,
            expected_version=self.expected,
        )
        running = "what runs of it ends" if self.security else "what runs of it goes on"
        return self.conclude(
            result, lambda entry: f"{entry.slug} is retired; nobody launches it any more, and {running}."
        )


class Catalogue(Noun):
    """Curated images. Each entry pins digests; a tag that moves in the registry changes nothing by itself."""

    verbs = (
        ("add", Add, "add an image as a draft"),
        ("list", ListAll, "all entries"),
        ("show", Show, "one entry and its revisions"),
        ("review", Review, "what the registry says of the tag now; writes nothing"),
        ("check", Check, "start a revision as a notebook server would be, and run its smoke test"),
        ("diff", Diff, "packages and variables that two revisions differ in"),
        ("change", Change, "titles, projects, ceilings, interface, variables, tag"),
        ("refresh", Refresh, "look at the tag; a moved one makes a new revision"),
        ("publish", Publish, "launch a revision from now on"),
        ("rollback", Rollback, "launch an earlier published revision again"),
        ("deprecate", Deprecate, "still launches; says what follows it"),
        ("retire", Retire, "launches no more"),
        ("export", Export, "the catalogue as one YAML file"),
        ("import", Import, "make the catalogue what such a file says"),
    )
    examples = """
        hub-ext catalogue refresh --all
        hub-ext catalogue show python
        hub-ext catalogue publish python
    """
