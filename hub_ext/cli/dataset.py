"""`hub-ext dataset`: confidential files and their versions."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from traitlets import Bool, Enum, Int, List, Unicode

from hub_ext.adapters.files import Differences, Progress
from hub_ext.adapters.store import datasets, grants, persons, versions
from hub_ext.cli import sizes
from hub_ext.cli.app import Argument, Command, Noun, UsageError
from hub_ext.cli.titles import merged
from hub_ext.flows import data, dataset_versions, people
from hub_ext.model import Dataset as DatasetValue
from hub_ext.model import DatasetClass, DatasetVersion, Localised, VersionState

DATASET = Argument("dataset", "Slug of the dataset.")
CLASSES = [known.value for known in DatasetClass]
WHY = "Reason, for the record; name nobody in it."
PROGRESS_SECONDS = 2.0
SHOWN = 20  # differing paths


class _About(Command):
    """The options that say something about a dataset, shared by `register` and `change`."""

    title_en = Unicode(None, allow_none=True, help="English title.").tag(option=True, metavar="TEXT")
    title_fr = Unicode(None, allow_none=True, help="French title.").tag(option=True, metavar="TEXT")
    description_en = Unicode(None, allow_none=True, help="English description.").tag(
        option=True, metavar="TEXT"
    )
    description_fr = Unicode(None, allow_none=True, help="French description.").tag(
        option=True, metavar="TEXT"
    )
    stewards = List(Unicode(), help="Username of a steward.").tag(option="--steward", metavar="USERNAME")
    contact = Unicode(None, allow_none=True, help="Address that refusals show to researchers.").tag(
        option=True, metavar="ADDRESS"
    )
    never_with = List(
        Unicode(), help=f"Dataset or class ({', '.join(CLASSES)}) that must never meet it."
    ).tag(option=True, metavar="SLUG")
    decodes = List(Unicode(), help="For a key: a dataset that it decodes.").tag(option=True, metavar="SLUG")
    read_gids = List(Unicode(), help="Number of a host group that may read the files.").tag(
        option="--read-gid", metavar="GID"
    )

    def title(self, before: Localised) -> Localised:
        """The former title with what was typed."""
        return merged(before, self.title_en, self.title_fr)

    def description(self, before: Localised) -> Localised:
        """The former description with what was typed."""
        return merged(before, self.description_en, self.description_fr)

    def steward_ids(self) -> tuple[str, ...]:
        """The ids of the stewards typed. Raises InputError."""
        with self.site.store.reading() as tx:
            return tuple(people.person_named(tx, text).id for text in self.stewards)

    def gids(self) -> tuple[int, ...]:
        """The groups typed. Raises UsageError for what is not a number."""
        return tuple(_number(text, self.typed) for text in self.read_gids)


class Register(_About):
    """Register a dataset; its files come with `hub-ext dataset version`.

    Classes: open; coded (names replaced by codes); identifying; key (from codes to names). A key is never
    granted to a project that holds what it decodes.
    """

    examples = """
        hub-ext dataset register mri --class identifying --title-en "Brain MRI" --title-fr "IRM cérébrale" \\
            --contact mri-access@hospital.example --steward lise --read-gid 5012
        hub-ext dataset register survival --class coded --title-en Survival --title-fr Survie \\
            --contact registry@hospital.example --never-with identifying
    """
    arguments = (Argument("dataset", "Slug: 1 to 40 of a-z, 0-9 and -; the folder's name under /data."),)
    data_class = Enum(CLASSES, DatasetClass.IDENTIFYING.value, help="How much it says about persons.").tag(
        option="--class", required=True
    )

    def run(self) -> None:
        """Register the dataset."""
        same = Localised("", "")
        title, description = self.title(same), self.description(same)
        dataset = data.register_dataset(
            self.site,
            self.actor,
            self.argument("dataset"),
            Localised(title.en or title.fr, title.fr or title.en),
            Localised(description.en or description.fr, description.fr or description.en),
            DatasetClass(self.data_class),
            stewards=self.steward_ids(),
            contact=self.contact or "",
            never_with=tuple(self.never_with),
            decodes=tuple(self.decodes),
            read_gids=self.gids(),
        )
        self.done(
            dataset, f"{dataset.slug} is registered. Next: `hub-ext dataset version {dataset.slug} FOLDER`."
        )


class Change(_About):
    """Change what is known of a dataset; what is not typed stays, lists are replaced whole."""

    examples = """
        hub-ext dataset change mri --read-gid 5012 --read-gid 5013
        hub-ext dataset change survival --meets-all
    """
    arguments = (DATASET,)
    data_class = Enum(CLASSES, None, allow_none=True, help="How much it says about persons.").tag(
        option="--class"
    )
    meets_all = Bool(False, help="Empty --never-with.").tag(option=True)

    def run(self) -> None:
        """Change the dataset."""
        with self.site.store.reading() as tx:
            before = data.dataset_named(tx, self.argument("dataset"))
        changes = data.DatasetChanges(
            title=self.title(before.title), description=self.description(before.description)
        )
        if self.data_class is not None:
            changes["data_class"] = DatasetClass(self.data_class)
        if self.stewards:
            changes["stewards"] = self.steward_ids()
        if self.contact is not None:
            changes["contact"] = self.contact
        if self.never_with or self.meets_all:
            changes["never_with"] = tuple(self.never_with)
        if self.decodes:
            changes["decodes"] = tuple(self.decodes)
        if self.read_gids:
            changes["read_gids"] = self.gids()
        dataset = data.change_dataset(self.site, self.actor, before.slug, **changes)
        self.done(dataset, f"{dataset.slug} is changed.")


class Version(Command):
    """Register a folder as the current version: read it whole, hash it, and look at it as a reader would.

    The folder lies below a configured root and stays as it is from then on; new files go into a new folder.
    Refused: special files, links that leave the folder, files that the dataset's groups cannot read.
    """

    examples = """
        hub-ext dataset version mri /srv/data/mri-2026-05
        hub-ext dataset version survival /srv/data/survival/v2 --on-behalf-of lise
    """
    arguments = (DATASET, Argument("folder", "The folder, on this host."))
    unchecked = Bool(
        False, help="Do not look from inside a container; the record says so. Readers may see nothing."
    ).tag(option=True)

    async def run(self) -> None:
        """Register the version."""
        version = await dataset_versions.register_version(
            self.site,
            self.actor,
            self.argument("dataset"),
            Path(self.argument("folder")),
            progress=told(self),
            probe=not self.unchecked,
        )
        self.done(
            version,
            f"{version.dataset} is now at version {version.number}: {version.files} files, "
            f"{sizes.shown(version.total_bytes)}, manifest {version.manifest_digest}.",
        )


class Check(Command):
    """Read the files of a version again and compare them with its manifest. Status 1 when they differ.

    `--readable` also looks from inside a container, as a reader would.
    """

    examples = """
        hub-ext dataset check mri
        hub-ext dataset check mri --version 1 --readable
    """
    arguments = (DATASET,)
    number = Int(None, allow_none=True, help="Its number. Default: the current version.").tag(
        option="--version", metavar="N"
    )
    readable = Bool(False, help="Look from inside a container too.").tag(option=True)

    async def run(self) -> int:
        """Compare."""
        slug = self.argument("dataset")
        version, differences = await dataset_versions.verify_version(
            self.site, slug, self.number, progress=told(self)
        )
        if differences:
            return self.refused(
                [f"Version {version.number} of {slug!r} is not as it was registered:", *_lines(differences)],
                {"version": version, "differences": differences},
            )
        if self.readable:
            with self.site.store.reading() as tx:
                dataset = data.dataset_named(tx, slug)
            await dataset_versions.check_readable(self.site, Path(version.folder), dataset.read_gids)
        self.done(
            {"version": version, "differences": differences},
            f"Version {version.number} of {slug} is whole: {version.files} files, "
            f"{sizes.shown(version.total_bytes)}.",
        )
        return 0


class Withdraw(Command):
    """Withdraw a version: it is mounted nowhere any more, and no earlier one takes its place."""

    examples = 'hub-ext dataset withdraw mri 2 --why "one patient withdrew consent"'
    arguments = (DATASET, Argument("number", "Number of the version."))
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")

    def run(self) -> None:
        """Withdraw the version."""
        slug, number = self.argument("dataset"), _number(self.argument("number"), self.typed)
        version = dataset_versions.withdraw_version(self.site, self.actor, slug, number, self.why)
        self.done(version, f"Version {version.number} of {slug} is withdrawn; running sessions with it stop.")


class End(Command):
    """End a dataset for good: no grant of it holds any more. Its files are not touched."""

    examples = 'hub-ext dataset end mri --why "study closed, files destroyed"'
    arguments = (DATASET,)
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")

    def run(self) -> None:
        """End the dataset."""
        dataset = data.end_dataset(self.site, self.actor, self.argument("dataset"), self.why)
        self.done(dataset, f"{dataset.slug} is ended.")


class ListAll(Command):
    """All datasets, and the version that launches would mount now."""

    examples = "hub-ext dataset list --all"
    all = Bool(False, help="Ended datasets too.").tag(option=True)

    def run(self) -> None:
        """Show the table."""
        with self.site.store.reading() as tx:
            found = [dataset for dataset in datasets.listing(tx) if self.all or not dataset.ended]
            current = {
                version.dataset: version
                for version in versions.listing(tx)
                if version.state is VersionState.CURRENT
            }
        self.show_table(
            found,
            {
                "DATASET": lambda dataset: dataset.slug,
                "TITLE": lambda dataset: dataset.title.en,
                "CLASS": lambda dataset: dataset.data_class,
                "NEVER WITH": lambda dataset: dataset.never_with,
                "VERSION": lambda dataset: current[dataset.slug].number if dataset.slug in current else None,
                "SIZE": lambda dataset: sizes.shown(
                    current[dataset.slug].total_bytes if dataset.slug in current else None
                ),
                "ENDED": lambda dataset: dataset.ended,
            },
            empty="There is no dataset yet. `hub-ext dataset register` adds one.",
        )


class Show(Command):
    """One dataset: its versions, and the projects that have or had it."""

    examples = "hub-ext dataset show mri"
    arguments = (DATASET,)

    def run(self) -> None:
        """Show the record."""
        with self.site.store.reading() as tx:
            dataset = data.dataset_named(tx, self.argument("dataset"))
            known = versions.listing(tx, dataset=dataset.slug)
            given = grants.listing(tx, dataset=dataset.slug)
            names = {person.id: person.username for person in persons.listing(tx, ids=dataset.stewards)}
        self.show_record(
            {"dataset": dataset, "versions": known, "grants": given},
            [
                *_pairs(dataset, names),
                *((f"version {version.number}", _version(version)) for version in known),
                *(
                    (
                        f"to {grant.project}",
                        [
                            "revoked" if grant.revoked else "granted",
                            grant.valid_from,
                            grant.revoked or grant.valid_until,
                        ],
                    )
                    for grant in given
                ),
            ],
        )


def told(command: Command) -> Progress:
    """A progress that speaks every few seconds, so that nobody waits in the dark."""
    spoken = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal spoken
        if time.monotonic() - spoken >= PROGRESS_SECONDS:
            spoken = time.monotonic()
            command.progress(f"{sizes.shown(done)} of {sizes.shown(total)} read")

    return tell


def _number(text: str, typed: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise UsageError(f"{text!r} is not a number.", typed)
    return int(text)


def _lines(differences: Differences) -> list[str]:
    found = [
        *(f"  missing  {path}" for path in differences.missing),
        *(f"  changed  {path}" for path in differences.changed),
        *(f"  added    {path}" for path in differences.added),
    ]
    more = [f"  … and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [*found[:SHOWN], *more]


def _version(version: DatasetVersion) -> list[object]:
    return [
        version.state,
        version.created,
        f"{version.files} files",
        sizes.shown(version.total_bytes),
        version.folder,
        version.manifest_digest,
    ]


def _pairs(dataset: DatasetValue, names: dict[str, str]) -> Iterable[tuple[str, object]]:
    yield "dataset", dataset.slug
    yield "title", dataset.title.en
    yield "titre", dataset.title.fr
    yield "description", dataset.description.en
    yield "class", dataset.data_class
    yield "stewards", [names[steward] for steward in dataset.stewards]
    yield "contact", dataset.contact
    yield "never with", dataset.never_with
    yield "decodes", dataset.decodes
    yield "read by groups", dataset.read_gids
    yield "since", dataset.created
    yield "ended", dataset.ended


class Dataset(Noun):
    """Confidential files, registered by a steward. Each version is immutable and mounted read-only."""

    verbs = (
        ("register", Register, "register a dataset"),
        ("version", Version, "register a folder as its current version"),
        ("list", ListAll, "all datasets"),
        ("show", Show, "one dataset with versions and grants"),
        ("change", Change, "change titles, class, contact, who may read"),
        ("check", Check, "compare the files with their manifest"),
        ("withdraw", Withdraw, "withdraw a version"),
        ("terms", "hub_ext.cli.dataset_terms.Terms", "what researchers accept before they use it"),
        ("exposed", "hub_ext.cli.dataset_exposed.ShowExposed", "which sessions and homes had it"),
        ("end", End, "end a dataset for good"),
    )
    examples = """
        hub-ext dataset list
        hub-ext dataset version mri /srv/data/mri-2026-05
    """
