"""`hub-ext gpu queue` and `hub-ext gpu cancel`: who waits in line, and one of them taken out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traitlets import Unicode

from hub_ext.cli.app import Argument, Command
from hub_ext.flows import queue
from hub_ext.policy.queue import Place as Known


@dataclass(frozen=True, slots=True)
class Place:
    """A line of `gpu queue`. `by`: its turn comes then at the latest, as things stand."""

    place: int
    id: str
    username: str
    server: str
    project: str
    gpus: int
    state: str
    asked: datetime
    by: datetime | None


class Queue(Command):
    """Who waits in line for GPUs, in the order in which their turns come."""

    examples = "hub-ext gpu queue --json"

    def run(self) -> None:
        """Read the line in one snapshot."""
        self.show_table(
            [_line(place) for place in queue.places(self.site)],
            {
                "PLACE": lambda row: row.place,
                "REQUEST": lambda row: row.id,
                "PERSON": lambda row: row.username,
                "SERVER": lambda row: row.server or "-",
                "PROJECT": lambda row: row.project,
                "GPUS": lambda row: row.gpus,
                "STATE": lambda row: row.state,
                "SINCE": lambda row: row.asked,
                "LATEST": lambda row: row.by,
            },
            empty="Nobody waits for a GPU.",
        )


def _line(place: Known) -> Place:
    row = place.row
    state = "on-hold" if place.on_hold else row.state.value
    return Place(
        place.number, row.id, row.username, row.server_name, row.project, row.gpus, state, row.asked, place.by
    )


class Cancel(Command):
    """Take a request out of the line for GPUs, with a reason that whoever waits reads."""

    examples = 'hub-ext gpu cancel que-… --why "the cards are moved"'
    arguments = (Argument("request", "Its id; `hub-ext gpu queue` tells."),)
    why = Unicode("", help="Reason.").tag(option=True, required=True, metavar="TEXT")

    def run(self) -> None:
        """Take it out."""
        row = queue.cancel(self.site, self.actor, self.argument("request"), self.why)
        self.done(row, f"{row.id} waits no more.")
