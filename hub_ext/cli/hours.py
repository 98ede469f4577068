"""`hub-ext hours`: what was held, by project, person and month."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from traitlets import Bool, Enum, Int, Unicode

from hub_ext.cli.app import Command
from hub_ext.flows import accounting
from hub_ext.flows.look_up import person_ever_named
from hub_ext.model.accounting import Account
from hub_ext.policy.accounting import totals


@dataclass(frozen=True, slots=True)
class Line:
    """An account as it is shown; "" is all of them."""

    month: str
    project: str
    username: str
    starts: int
    cpu_hours: float
    mem_gib_hours: float
    gpu_hours: float
    gpu_idle_hours: float


class Hours(Command):
    """CPU-, memory- and GPU-hours, from the launches themselves: what was held, used or not.

    GPU IDLE are those GPU-hours of which it was seen that the device computed nothing.
    """

    examples = """
        hub-ext hours
        hub-ext hours --month 2026-11 --months 12 --by project
        hub-ext hours --project onco --months 3 --csv > onco.csv
    """
    month = Unicode("", help='The last month shown, as "2026-11". Default: this one.').tag(option=True)
    months = Int(1, help="How many months up to that one.").tag(option=True, metavar="N")
    project = Unicode("", help="Only this project.").tag(option=True, metavar="SLUG")
    person = Unicode("", help="Only this person, by username or id.").tag(option=True)
    by = Enum(("both", "project", "person", "month"), "both", help="What is added up.").tag(option=True)
    csv = Bool(False, help="Print CSV, by project and person.").tag(option=True)

    def run(self) -> None:
        """Read, add up, show."""
        found = accounting.asked(self.site, self.month, self.months, project=self.project)
        if self.person:
            with self.site.store.reading() as tx:
                wanted = person_ever_named(tx, self.person).id
            found = replace(found, rows=tuple(row for row in found.rows if row.person_id == wanted))
        if self.csv:
            accounting.write_csv(found, sys.stdout)
            return
        by_project, by_person = self.by in ("both", "project"), self.by in ("both", "person")
        rows = totals(found.rows, by_project=by_project, by_person=by_person)
        self.show_table(
            [_line(row, found) for row in rows],
            {
                "MONTH": lambda line: line.month,
                "PROJECT": lambda line: line.project or "all",
                "PERSON": lambda line: line.username or "all",
                "STARTS": lambda line: line.starts,
                "CPU-H": lambda line: f"{line.cpu_hours:.1f}",
                "GIB-H": lambda line: f"{line.mem_gib_hours:.1f}",
                "GPU-H": lambda line: f"{line.gpu_hours:.1f}",
                "GPU IDLE": lambda line: f"{line.gpu_idle_hours:.1f}",
            },
            empty="Nothing was held in that time.",
        )


def _line(row: Account, found: accounting.Accounts) -> Line:
    return Line(
        str(row.month),
        row.project,
        found.people[row.person_id].username if row.person_id else "",
        row.starts,
        *(round(one, 3) for one in (row.cpu_hours, row.mem_gib_hours, row.gpu_hours, row.gpu_idle_hours)),
    )
