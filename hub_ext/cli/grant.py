"""`hub-ext grant`: datasets given to projects, until a date."""

from __future__ import annotations

from datetime import datetime, timedelta

from traitlets import Bool, Int, List, Unicode

from hub_ext.adapters.store import approvals, grants, launches, persons, versions
from hub_ext.cli.app import Argument, Command, Noun, UsageError
from hub_ext.cli.output import cell, complain
from hub_ext.flows import grant_ends, people
from hub_ext.flows import grants as flows
from hub_ext.model import Grant as GrantValue

WHY = "Reason, for the record; name nobody in it."
MOST_DAYS = 36_500


class Add(Command):
    """Give a dataset to a project under one of its approvals, until a day.

    The end lies within the approval's. A key is refused where the project holds or held what it decodes.
    """

    examples = """
        hub-ext grant add mri onco --until 2026-12-31
        hub-ext grant add mri onco --until 2026-12-31 --approval CPP-2026-114 --member marie
        hub-ext grant add survival cardio --from 2026-06-01 --until 2027-05-31 --version 2
    """
    arguments = (Argument("dataset", "Slug of the dataset."), Argument("project", "Slug of the project."))
    beginning_on = Unicode("", help="First day. Default: now.").tag(option="--from", metavar="DAY")
    until = Unicode("", help="Last day.").tag(option=True, required=True, metavar="DAY")
    approval = Unicode("", help="Reference or id of the approval. Default: the one covering the time.").tag(
        option=True, metavar="REFERENCE"
    )
    number = Int(None, allow_none=True, help="Only this version. Default: whichever is current.").tag(
        option="--version", metavar="N"
    )
    members = List(Unicode(), help="Only for this member. Default: all of the project.").tag(
        option="--member", metavar="USERNAME"
    )

    def run(self) -> None:
        """Add the grant."""
        with self.site.store.reading() as tx:
            members = tuple(people.person_named(tx, text).id for text in self.members)
        given = flows.add_grant(
            self.site,
            self.actor,
            self.argument("dataset"),
            self.argument("project"),
            valid_from=self.beginning(self.beginning_on) if self.beginning_on else None,
            valid_until=self.end(self.until),
            approval=self.approval,
            version=self.number,
            members=members,
        )
        complain(*(f"Note: {warning}" for warning in given.warnings))
        self.done(
            given,
            f"{given.grant.dataset} is granted to {given.grant.project} ({given.grant.id}).",
        )


class Revoke(Command):
    """Revoke one grant by its id, or every grant of a dataset to a project.

    Running servers with the data stop within a minute. What was copied into homes is not unlearnt.
    """

    examples = """
        hub-ext grant revoke mri onco --why "consent withdrawn"
        hub-ext grant revoke gra-4sj22zkrni6hipsv5rzg --why "granted by mistake"
    """
    arguments = (
        Argument("grant", "Id of the grant, or slug of the dataset."),
        Argument("project", "With a dataset: slug of the project.", optional=True),
    )
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")

    def run(self) -> None:
        """Revoke."""
        named, project = self.argument("grant"), self.argument("project")
        if project is None and not named.startswith("gra-"):
            raise UsageError("Name a grant's id, or a dataset and a project.", self.typed)
        running = self._ended(named, project)
        if project is None:
            revoked: tuple[GrantValue, ...] = (flows.revoke_grant(self.site, self.actor, named, self.why),)
        else:
            revoked = flows.revoke_all(self.site, self.actor, named, project, self.why)
        self.done(
            revoked,
            f"{len(revoked)} revoked: {revoked[0].dataset} to {revoked[0].project}. "
            + (f"Running servers that stop within a minute: {running}." if running else "No server ends."),
        )

    def _ended(self, named: str, project: str | None) -> int:
        """How many servers go by it. Those of several grants are told together."""
        if project is None:
            return len(grant_ends.by_revoking(self.site, named))
        with self.site.store.reading() as tx:
            ids = {known.id for known in versions.listing(tx, dataset=named)}
            active = launches.listing(tx, project=project, active=True)
        return sum(bool(ids.intersection(launch.version_ids)) for launch in active)


class Renew(Command):
    """Give a grant a later end. Running servers go on; its former end stays in the record.

    The end lies within an approval's. A grant that is over is not renewed: give the dataset again.
    """

    examples = """
        hub-ext grant renew gra-4sj22zkrni6hipsv5rzg --until 2027-12-31
        hub-ext grant renew gra-4sj22zkrni6hipsv5rzg --until 2028-06-30 --approval CPP-2027-9
    """
    arguments = (Argument("grant", "Id of the grant; `hub-ext grant list` tells."),)
    until = Unicode("", help="Last day.").tag(option=True, required=True, metavar="DAY")
    approval = Unicode("", help="Reference or id of the approval. Default: its own, or the one.").tag(
        option=True, metavar="REFERENCE"
    )

    def run(self) -> None:
        """Renew."""
        grant = flows.renew_grant(
            self.site, self.actor, self.argument("grant"), self.end(self.until), approval=self.approval
        )
        self.done(
            grant, f"{grant.dataset} is granted to {grant.project} until {cell(grant.valid_until)} UTC."
        )


class Ends(Command):
    """The servers that revoking a grant would stop: whose, since when. Nothing is changed."""

    examples = "hub-ext grant ends gra-4sj22zkrni6hipsv5rzg"
    arguments = (Argument("grant", "Id of the grant; `hub-ext grant list` tells."),)

    def run(self) -> None:
        """Show the table."""
        self.show_table(
            grant_ends.by_revoking(self.site, self.argument("grant")),
            {
                "PERSON": lambda launch: launch.username,
                "SERVER": lambda launch: launch.server_name,
                "IMAGE": lambda launch: launch.image,
                "SINCE": lambda launch: launch.started or launch.admitted,
                "ID": lambda launch: launch.id,
            },
            empty="No server would stop.",
        )


class ListAll(Command):
    """Grants that hold now or will; with --all those that are over too."""

    examples = """
        hub-ext grant list
        hub-ext grant list --project onco --all
    """
    project = Unicode(None, allow_none=True, help="Only to this project.").tag(option=True, metavar="SLUG")
    dataset = Unicode(None, allow_none=True, help="Only of this dataset.").tag(option=True, metavar="SLUG")
    all = Bool(False, help="Revoked and past grants too.").tag(option=True)
    ending = Int(None, allow_none=True, help="Only those that end within so many days.").tag(
        option=True, metavar="DAYS"
    )

    def run(self) -> None:
        """Show the table."""
        now = self.site.now()
        with self.site.store.reading() as tx:
            found = grants.listing(tx, project=self.project, dataset=self.dataset)
            references = {known.id: known for known in approvals.listing(tx)}
            numbers = {known.id: known.number for known in versions.listing(tx)}
            names = {known.id: known.username for known in persons.listing(tx)}

        def state(grant: GrantValue) -> str:
            approval = references[grant.approval_id]
            if grant.revoked:
                return "revoked"
            if grant.valid_until <= now or approval.valid_until <= now:
                return "over"
            if approval.ended:
                return "approval ended"
            return "from later on" if grant.valid_from > now else "holds"

        if self.ending is not None:
            soon = grant_ends.ending_soon(self.site, timedelta(days=max(0, min(self.ending, MOST_DAYS))))
            ids = {ending.grant.id for ending in soon}
            found = tuple(grant for grant in found if grant.id in ids)
        self.show_table(
            [grant for grant in found if self.all or state(grant) in ("holds", "from later on")],
            {
                "DATASET": lambda grant: grant.dataset,
                "PROJECT": lambda grant: grant.project,
                "VERSION": lambda grant: numbers[grant.version_id] if grant.version_id else "current",
                "MEMBERS": lambda grant: [names[member] for member in grant.members] or "all",
                "FROM": lambda grant: grant.valid_from,
                "UNTIL": lambda grant: _end(grant),
                "STATE": state,
                "APPROVAL": lambda grant: references[grant.approval_id].reference,
                "BY": lambda grant: names.get(grant.granted_by, grant.granted_by),
                "ID": lambda grant: grant.id,
            },
            empty="No dataset is granted now. `hub-ext grant add` gives one to a project.",
        )


def _end(grant: GrantValue) -> datetime:
    return grant.revoked or grant.valid_until


class Grant(Noun):
    """Datasets given to projects under an approval, until a date."""

    verbs = (
        ("add", Add, "give a dataset to a project"),
        ("list", ListAll, "what is granted, to whom, until when"),
        ("renew", Renew, "give it a later end"),
        ("ends", Ends, "which servers a revocation would stop"),
        ("revoke", Revoke, "take it back"),
    )
    examples = """
        hub-ext grant list
        hub-ext grant add mri onco --until 2026-12-31
    """
