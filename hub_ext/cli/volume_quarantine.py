"""`hub-ext volume quarantine` and `release`: folders that may hold copies, kept from every launch."""

from __future__ import annotations

from traitlets import Bool, Int, Unicode

from hub_ext.cli.app import Argument, Command
from hub_ext.cli.parsing import UsageError
from hub_ext.flows import quarantine as flow
from hub_ext.model import Volume
from hub_ext.settings import Settings

DATASET = Argument("dataset", "Slug of the dataset of which they may hold copies.")


class Quarantine(Command):
    """No launch mounts these homes and project folders until they are released; sessions that do end.

    `hub-ext dataset exposed` shows which ones may hold copies. --why is for stewards; --told is what people
    read whose home or folder it is, with the dataset's contact: it names nobody.
    """

    arguments = (
        DATASET,
        Argument("volume", "Ids or names of volumes; none with --all.", many=True, optional=True),
    )
    all = Bool(False, help="All that were ever beside it, or beside --version.").tag(option=True)
    number = Int(None, allow_none=True, help="With --all: of this version only.").tag(
        option="--version", metavar="N"
    )
    why = Unicode(help="Why, for stewards.").tag(option=True, metavar="TEXT", required=True)
    told = Unicode(help="What people read who cannot start any more.").tag(
        option=True, metavar="TEXT", required=True
    )
    dry_run = Bool(False, help="Only say which volumes, and which sessions would end.").tag(option=True)
    examples = """
        hub-ext volume quarantine mri --all --version 2 --dry-run --why x --told x
        hub-ext volume quarantine mri vol-… --why "names in headers" --told "Copies of mri are looked for."
    """

    def run(self) -> None:
        """Quarantine them, or look."""
        chosen = tuple(_id(self.settings, typed) for typed in self.argument("volume") or ())
        if bool(chosen) == self.all:
            raise UsageError(f"{self.typed}: name volumes, or say --all.", self.typed)
        wanted = flow.Wanted(
            self.argument("dataset"), chosen, self.number if self.all else None, self.why, self.told
        )
        sessions = flow.sessions_ended(self.site, wanted)
        if self.dry_run:
            self._show(flow.concerned(self.site, wanted))
            self.progress(f"Sessions that would end: {len(sessions)}.")
            return
        made = flow.quarantine(self.site, self.actor, wanted)
        self.done(made, f"In quarantine now: {len(made)}. Sessions that end: {len(sessions)}.")

    def _show(self, found: tuple[Volume, ...]) -> None:
        self.show_table(
            found,
            {
                "VOLUME": lambda row: row.id,
                "KIND": lambda row: row.kind,
                "PROJECT": lambda row: row.project,
                "QUARANTINED": lambda row: bool(row.quarantined_why),
            },
        )


class Release(Command):
    """Launches mount the volume again, unless another dataset's stewards keep it in quarantine."""

    arguments = (DATASET, Argument("volume", "Id or name of the volume."))
    why = Unicode(help="Why it may be mounted again.").tag(option=True, metavar="TEXT", required=True)
    examples = 'hub-ext volume release mri vol-… --why "no copies found"'

    def run(self) -> None:
        """Release it."""
        dataset, volume = self.argument("dataset"), _id(self.settings, self.argument("volume"))
        released = flow.release(self.site, self.actor, dataset, volume, self.why)
        self.done(released, f"{volume} is released from the quarantine for {dataset}.")


def _id(settings: Settings, typed: str) -> str:
    """The id behind an id, or behind the engine's name, which `hub-ext volume list` shows."""
    return typed.removeprefix(f"{settings.instance}-")


VERBS = (
    ("quarantine", Quarantine, "keep them from every launch"),
    ("release", Release, "let launches mount one again"),
)
