"""`hub-ext audit access`: who had access to a dataset, when, with which software."""

from __future__ import annotations

from typing import Any

from traitlets import Unicode

from hub_ext.cli.app import Argument, Command
from hub_ext.flows.access import access


class AccessTo(Command):
    """Who could have mounted a dataset between two days, and who did, with which software.

    COULD: members of a project with a grant, while everything that it rests on stood. DID: sessions that
    mounted it. Which files were read in a session is not known.
    """

    examples = """
        hub-ext audit access mri --since 2026-01-01 --until 2026-06-30
        hub-ext audit access mri --since 2026-01-01 --until 2026-06-30 --json
    """
    arguments = (Argument("dataset", "The dataset's slug."),)
    since = Unicode("", help="From the start of this day.").tag(option=True, metavar="DATE", required=True)
    until = Unicode("", help="To the end of this day.").tag(option=True, metavar="DATE", required=True)

    def run(self) -> None:
        """Show both tables, or one JSON object."""
        found = access(self.site, self.argument("dataset"), self.beginning(self.since), self.end(self.until))
        rows: list[tuple[Any, ...]] = [
            ("could", one.person, one.project, one.since, one.until, "", "") for one in found.could
        ]
        rows += [
            (
                "did",
                one.person,
                one.launch.project,
                one.since,
                one.until,
                f"{one.launch.image} {one.launch.revision} {one.launch.digest}",
                one.launch.id,
            )
            for one in found.did
        ]
        if self.json:
            self.show_record(found, [])
            return
        self.show_table(
            rows,
            {
                "ACCESS": lambda row: row[0],
                "WHO": lambda row: row[1].username,
                "PROJECT": lambda row: row[2],
                "SINCE": lambda row: row[3],
                "UNTIL": lambda row: row[4],
                "SOFTWARE": lambda row: row[5],
                "SESSION": lambda row: row[6],
            },
            empty="Nobody could have mounted it, and nobody did.",
        )
