"""`hub-ext gpu limit` and `limits`: how much of the GPUs one person or one project may hold."""

from __future__ import annotations

from traitlets import Bool, Float, Int, Unicode

from hub_ext.cli.app import Command, UsageError
from hub_ext.flows import gpu_limits as flows
from hub_ext.model.gpu_limits import GpuLimits, LimitKind


class Limit(Command):
    """Set limits of their own for one person or one project, in place of the site's (c.HubExt.gpu_limits).

    What is not typed follows the site. Servers that run keep their GPUs for as long as they were given.
    """

    examples = """
        hub-ext gpu limit --project onco --held 4 --month-hours 500
        hub-ext gpu limit --person marie --lease-hours 48
        hub-ext gpu limit --person marie --as-site
    """
    person = Unicode("", help="Username or id.").tag(option=True)
    project = Unicode("", help="Slug.").tag(option=True, metavar="SLUG")
    held = Int(None, allow_none=True, help="GPUs at the same time.").tag(option=True, metavar="N")
    lease_hours = Float(None, allow_none=True, help="Hours of one lease.").tag(option=True, metavar="HOURS")
    month_hours = Float(None, allow_none=True, help="GPU-hours of one month.").tag(
        option=True, metavar="HOURS"
    )
    as_site = Bool(False, help="Without limits of their own.").tag(option=True)

    def run(self) -> None:
        """Set them."""
        if bool(self.person) == bool(self.project):
            raise UsageError("One of --person and --project is needed.", self.typed)
        limits = GpuLimits(self.held, self.lease_hours, self.month_hours)
        if (limits == GpuLimits()) != self.as_site:
            raise UsageError("Either limits or --as-site are needed.", self.typed)
        kind = LimitKind.PERSON if self.person else LimitKind.PROJECT
        made = flows.set_limits(self.site, self.actor, kind, self.person or self.project, limits)
        named = self.person or self.project
        self.done(made, f"{named} has {'the limits of the site' if self.as_site else 'limits of its own'}.")


class Limits(Command):
    """Everybody who has limits of their own, and where they stand this month."""

    examples = "hub-ext gpu limits"

    def run(self) -> None:
        """Show the table."""
        self.show_table(
            flows.listing(self.site),
            {
                "KIND": lambda one: one.own.kind,
                "WHOSE": lambda one: one.name,
                "HELD": lambda one: one.standing.held,
                "AT MOST": lambda one: one.standing.limits.held,
                "HOURS THIS MONTH": lambda one: f"{one.standing.month_hours:.1f}",
                "OF": lambda one: one.standing.limits.month_hours,
                "HOURS OF A LEASE": lambda one: one.standing.limits.lease_hours,
            },
            empty="Nobody: the site's limits hold, c.HubExt.gpu_limits.",
        )
