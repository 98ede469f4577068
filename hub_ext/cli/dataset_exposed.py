"""`hub-ext dataset exposed`: where copies of a dataset may be."""

from __future__ import annotations

from collections.abc import Iterator

from traitlets import Int

from hub_ext.adapters.store import persons
from hub_ext.cli.app import Argument, Command
from hub_ext.flows.exposures import Exposed, exposed
from hub_ext.model import Launch

Row = dict[str, object]


class ShowExposed(Command):
    """The sessions that had a version of a dataset, and the homes and folders that were beside it.

    Revoking and withdrawing unlearn nothing: what was copied is in these volumes, or is gone with them.
    """

    examples = """
        hub-ext dataset exposed mri
        hub-ext dataset exposed mri --version 2 --json
    """
    arguments = (Argument("dataset", "Slug of the dataset."),)
    number = Int(None, allow_none=True, help="Only this version.").tag(option="--version", metavar="N")

    def run(self) -> None:
        """Show the table."""
        found = exposed(self.site, self.argument("dataset"), self.number)
        with self.site.store.reading() as tx:
            names = {known.id: known.username for known in persons.listing(tx)}
        self.show_table(
            [row for one in found for row in _rows(one, names)],
            {
                "VERSION": lambda row: row["version"],
                "WHAT": lambda row: row["what"],
                "PROJECT": lambda row: row["project"],
                "PERSON": lambda row: row["person"],
                "SINCE": lambda row: row["since"],
                "STATE": lambda row: row["state"],
                "ID": lambda row: row["id"],
            },
            empty="No session and no volume ever had it.",
        )


def _rows(one: Exposed, names: dict[str, str]) -> Iterator[Row]:
    for known in one.volumes:
        volume = known.volume
        yield {
            "version": one.version.number,
            "what": "home" if volume.person_id else "project folder",
            "project": volume.project,
            "person": names.get(volume.person_id or ""),
            "since": known.exposure.first,
            "state": "quarantined" if volume.quarantined_why else "ended" if volume.ended else "in use",
            "id": volume.id,
        }
    for launch in one.sessions:
        yield _session(one.version.number, launch, names)


def _session(version: int, launch: Launch, names: dict[str, str]) -> Row:
    return {
        "version": version,
        "what": "session",
        "project": launch.project,
        "person": names.get(launch.person_id),
        "since": launch.started or launch.admitted,
        "state": launch.state,
        "id": launch.id,
    }
