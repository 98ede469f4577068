"""`hub-ext catalogue`: curated images, pinned by digest."""

from __future__ import annotations

from collections.abc import Callable

from traitlets import Bool, Int, List, Unicode

from hub_ext.cli.app import Argument, Command, Noun, UsageError
from hub_ext.cli.catalogue_check import Check
from hub_ext.cli.catalogue_diff import Diff
from hub_ext.cli.catalogue_file import Export, Import
from hub_ext.cli.catalogue_options import About
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
from hub_ext.cli.titles import merged
from hub_ext.expression.catalogue import finding_text
from hub_ext.flows import admission, image_check
from hub_ext.flows import catalogue as flows
from hub_ext.flows.catalogue_refresh import refresh_many
from hub_ext.model import (
    Ceilings,
    FindingCode,
    ImageEntry,
    ImageState,
    Localised,
    Rejection,
)

ENTRY = Argument("entry", "Slug of the entry.")
STATES = [state.value for state in ImageState]
WHY = "Why; kept in the record."


class _Edit(Command):
    """What every edit of an entry shares."""

    expected = Int(None, allow_none=True, help="Refuse where the entry is no longer of this version.").tag(
        option="--expected-version", metavar="N"
    )

    def conclude(self, result: ImageEntry | Rejection, sentence: Callable[[ImageEntry], str]) -> int:
        """Say what was done, or every reason why not; the exit status."""
        if isinstance(result, Rejection):
            sentences = [finding_text(finding) for finding in result.findings]
            if any(finding.code is FindingCode.CHECK_FAILED for finding in result.findings):
                sentences.append("--despite-failed-check publishes it all the same.")
            return self.refused(
                sentences,
                {"entry": result.entry, "refused": explained(result.findings)},
            )
        self.done(result, sentence(result))
        return 0


class Add(About):
    """Add an image as a draft: its tag's present digest becomes revision 1.

    The image must be in the registry. Nobody can launch it before it is published.
    """

    examples = """
        hub-ext catalogue add python --path hub-ext/python --tag 2026.11 \\
            --title-en "Python for health data" --title-fr "Python pour données de santé"
        hub-ext catalogue add cuda --path hub-ext/cuda --tag 1 --title-en CUDA --title-fr CUDA \\
            --needs-gpu --max-gpus 1 --project onco --start-url /lab/tree/welcome.ipynb \\
            --allow-env LD_LIBRARY_PATH
        hub-ext catalogue add code --path team/code-server --tag 4 --title-en Code --title-fr Code \\
            --interface command --command "code-server --bind-addr 0.0.0.0:{port} --auth none" \\
            --ready healthz --poll "GET healthz" --poll "POST update/check"
    """
    arguments = (Argument("entry", "Slug: 1 to 40 of a-z, 0-9 and -. Never renamed."),)
    title_en = Unicode("", help="English title.").tag(option=True, required=True, metavar="TEXT")
    title_fr = Unicode("", help="French title.").tag(option=True, required=True, metavar="TEXT")
    path = Unicode("", help="The image's path in the registry.").tag(
        option=True, required=True, metavar="PATH"
    )
    tag_ = Unicode("", help="The tag that `refresh` looks at.").tag(
        option="--tag", required=True, metavar="TAG"
    )
    registry = Unicode("", help="Alias of the registry; needed where there are several.").tag(
        option=True, metavar="ALIAS"
    )

    async def run(self) -> None:
        """Add the entry."""
        options = admission.EntryOptions()
        self.fill(options, Ceilings())
        self.progress(f"Reading {self.path}:{self.tag_}")
        added = await flows.add(
            self.site,
            self.actor,
            slug=self.argument("entry"),
            title=Localised(self.title_en, self.title_fr),
            description=Localised(self.description_en or "", self.description_fr or ""),
            alias=self.registry,
            path=self.path,
            tag=self.tag_,
            **options,
        )
        slug = added.entry.slug
        self.done(
            looked_json(added),
            f"{slug} is a draft; revision 1 is {added.revision.digest}.\n{remarks(added.findings)}"
            f"Next: `hub-ext catalogue publish {slug}`.",
        )


class Change(_Edit, About):
    """Change what an entry says; what is not typed stays, and so does what it launches.

    Another tag is looked at by the next `refresh`.
    """

    examples = """
        hub-ext catalogue change python --title-fr "Python, statistiques"
        hub-ext catalogue change python --project onco --project cardio --max-mem 16G
        hub-ext catalogue change python --all-projects
        hub-ext catalogue change cuda --allow-env LD_LIBRARY_PATH
        hub-ext catalogue change code --port 8443 --secret-variable PASSWORD --secret-scheme bearer
    """
    arguments = (ENTRY,)
    tag_ = Unicode(None, allow_none=True, help="The tag that `refresh` looks at.").tag(
        option="--tag", metavar="TAG"
    )
    all_projects = Bool(False, help="Every project may use it.").tag(option=True)
    no_gpu = Bool(False, help="It works without a GPU.").tag(option=True)
    forbid_env = List(Unicode(), help="Variable that servers get empty again.").tag(
        option=True, metavar="NAME"
    )

    def run(self) -> int:
        """Change the entry."""
        before = flows.show(self.site, self.argument("entry")).entry
        changes = admission.EntryChanges()
        allowed = tuple(name for name in before.allowed_env if name not in self.forbid_env)
        self.fill(changes, before.ceilings, before.interface, allowed)
        if self.all_projects:
            changes["projects"] = ()
        if self.no_gpu:
            changes["needs_gpu"] = False
        if self.tag_ is not None:
            changes["tag"] = self.tag_
        changes["title"] = merged(before.title, self.title_en, self.title_fr)
        changes["description"] = merged(before.description, self.description_en, self.description_fr)
        changed = flows.change(
            self.site,
            self.actor,
            before.slug,
            expected_version=before.version if self.expected is None else self.expected,
            **changes,
        )
        return self.conclude(changed, lambda entry: f"{entry.slug} is changed; it is {entry.state}.")


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


class Publish(_Edit):
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


class Rollback(_Edit):
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


class Deprecate(_Edit):
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


class Retire(_Edit):
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
        ("change", Change, "titles, projects, ceilings, start page, tag"),
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
