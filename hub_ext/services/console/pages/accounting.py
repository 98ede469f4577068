"""GPU-, CPU- and memory-hours: a chart by month, a table by project or person, and a file."""

from __future__ import annotations

import io
from dataclasses import replace

from hub_ext.errors import InputError
from hub_ext.flows import accounting as flows
from hub_ext.flows.accounting import Accounts
from hub_ext.model.accounting import Account
from hub_ext.policy.accounting import shown, totals
from hub_ext.services.console.bars import Bar, bars
from hub_ext.services.console.page import PageHandler

MONTHS = 12
KINDS = ("gpu", "cpu", "mem")


class _Accounts(PageHandler):
    area = "accounting"

    async def found(self, month: str, months: int) -> Accounts:
        """What this visitor may see of those months. Raises InputError."""
        held = await self.in_thread(flows.asked, self.site, month, months)
        return replace(held, rows=shown(held.rows, self.known.duties))


class AccountsPage(_Accounts):
    """Twelve months as a chart, one of them as a table."""

    async def get(self) -> None:
        """The page. A month that cannot be read is said, and this one shown."""
        error, month = "", self.get_query_argument("month", "")
        try:
            found = await self.found(month, MONTHS)
        except InputError as wrong:
            self.set_status(400)
            error = self.told(wrong)
            found = await self.found("", MONTHS)
        last = found.months[-1]
        kind = self.get_query_argument("kind", "")
        kind = kind if kind in KINDS else KINDS[0]
        by = "person" if self.get_query_argument("by", "") == "person" else "project"
        rows = totals(
            (row for row in found.rows if row.month == last),
            by_project=by == "project",
            by_person=by == "person",
        )
        self.show(
            "accounting/list.html",
            error=error,
            months=found.months,
            last=last,
            this=await self.in_thread(flows.this_month, self.site),
            kind=kind,
            by=by,
            bars=self._bars(found, kind),
            rows=rows,
            people=found.people,
        )

    def _bars(self, found: Accounts, kind: str) -> tuple[Bar, ...]:
        by_month = {one.month: one for one in totals(found.rows)}
        field = {"gpu": "gpu_hours", "cpu": "cpu_hours", "mem": "mem_gib_hours"}[kind]
        held = [by_month.get(month, Account(month, "", "")) for month in found.months]
        return bars(
            [(str(one.month), getattr(one, field)) for one in held],
            [one.gpu_idle_hours if kind == "gpu" else 0.0 for one in held],
        )


class AccountsFile(_Accounts):
    """The same twelve months as CSV, by project and person."""

    async def get(self) -> None:
        """The file."""
        found = await self.found(self.get_query_argument("month", ""), MONTHS)
        out = io.StringIO()
        flows.write_csv(found, out)
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        name = f"hours-{found.months[0]}-{found.months[-1]}.csv"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(out.getvalue())


ROUTES = (
    (r"accounting", AccountsPage),
    (r"accounting\.csv", AccountsFile),
)
