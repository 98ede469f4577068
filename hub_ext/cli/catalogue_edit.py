"""`hub-ext catalogue add` and `change`: what an entry says, and how every edit of one ends."""

from __future__ import annotations

from collections.abc import Callable

from traitlets import Bool, Int, List, Unicode

from hub_ext.cli.app import Argument, Command
from hub_ext.cli.catalogue_options import About
from hub_ext.cli.catalogue_words import explained, looked_json, remarks
from hub_ext.cli.titles import merged
from hub_ext.expression.catalogue import finding_text
from hub_ext.flows import admission
from hub_ext.flows import catalogue as flows
from hub_ext.model import Ceilings, FindingCode, ImageEntry, Localised, Rejection

ENTRY = Argument("entry", "Slug of the entry.")


class Edit(Command):
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
            --title-en "Python for health data" --title-fr "Python pour données de santé" \\
            --command "/opt/hub-ext/start jupyter-lab"
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


class Change(Edit, About):
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
