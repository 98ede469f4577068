"""`hub-ext project member|approve|end-approval`: what lets people and data into a project."""

from __future__ import annotations

from traitlets import Enum, Unicode

from hub_ext.adapters.store import memberships
from hub_ext.cli.app import Argument, Command, Noun
from hub_ext.errors import InputError
from hub_ext.flows import people
from hub_ext.flows import projects as flows
from hub_ext.model import MemberRole

PROJECT = Argument("project", "Slug of the project.")
ROLES = [role.value for role in MemberRole]
WHY = "Reason, for the record; name nobody in it."


class AddMember(Command):
    """Give somebody a place in a project, from now unless said otherwise."""

    examples = """
        hub-ext project member add onco marie --role lead
        hub-ext project member add onco guest7 --until 2026-12-31 --on-behalf-of marie
    """
    arguments = (PROJECT, Argument("username", "Username, or id."))
    role = Enum(ROLES, MemberRole.MEMBER.value, help="Their role in it.").tag(option=True)
    beginning_on = Unicode("", help="First day.").tag(option="--from", metavar="DAY")
    until = Unicode("", help="Last day.").tag(option=True, metavar="DAY")
    group = Unicode(None, allow_none=True, help="Sign-in group that they must hold as well.").tag(option=True)

    def run(self) -> None:
        """Add the membership."""
        with self.site.store.reading() as tx:
            person = people.person_named(tx, self.argument("username"))
        membership = flows.add_member(
            self.site,
            self.actor,
            self.argument("project"),
            person.id,
            MemberRole(self.role),
            valid_from=self.beginning(self.beginning_on) if self.beginning_on else None,
            valid_until=self.end(self.until) if self.until else None,
            group=self.group,
        )
        self.done(membership, f"{person.username} is a {membership.role} of {membership.project}.")


class EndMember(Command):
    """End somebody's place in a project: their servers in it stop within a minute."""

    examples = 'hub-ext project member end onco marie --why "changed teams"'
    arguments = (PROJECT, Argument("username", "Username, or id."))
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")

    def run(self) -> None:
        """End every membership that has not ended."""
        slug = self.argument("project")
        with self.site.store.reading() as tx:
            flows.project_named(tx, slug)
            person = people.person_named(tx, self.argument("username"))
            places = [
                place
                for place in memberships.listing(tx, person_id=person.id, project=slug)
                if not place.ended
            ]
        if not places:
            raise InputError(
                f"{person.username} is not a member of {slug!r}.",
                advice=f"`hub-ext project show {slug}` lists its members.",
            )
        ended = [flows.end_membership(self.site, self.actor, place.id, self.why) for place in places]
        self.done(ended, f"{person.username} is no member of {slug} any more.")


class Member(Noun):
    """Who has a place in a project."""

    verbs = (
        ("add", AddMember, "give somebody a place"),
        ("end", EndMember, "end it"),
        ("propose", "hub_ext.cli.project_proposals.Propose", "propose somebody, for another to confirm"),
        ("proposals", "hub_ext.cli.project_proposals.Proposals", "who is proposed"),
        ("confirm", "hub_ext.cli.project_proposals.Confirm", "give the proposed place"),
        ("decline", "hub_ext.cli.project_proposals.Decline", "do not, and say why"),
    )
    examples = "hub-ext project member add onco marie --role lead"


class Approve(Command):
    """Write down what allows the project to use data, such as the ethics committee's decision."""

    examples = """
        hub-ext project approve onco --reference CPP-2026-114 --controller "CHU de Sainte-Anne" \\
            --purpose "Outcomes after surgery" --legal-basis "GDPR 6(1)(e), 9(2)(j)" --until 2027-12-31
    """
    arguments = (PROJECT,)
    reference = Unicode("", help="The committee's number.").tag(option=True, required=True, metavar="TEXT")
    controller = Unicode("", help="Who is responsible for the data.").tag(
        option=True, required=True, metavar="TEXT"
    )
    purpose = Unicode("", help="What the data may be used for.").tag(
        option=True, required=True, metavar="TEXT"
    )
    legal_basis = Unicode("", help="The law that allows it.").tag(option=True, required=True, metavar="TEXT")
    beginning_on = Unicode("", help="First day. Default: now.").tag(option="--from", metavar="DAY")
    until = Unicode("", help="Last day.").tag(option=True, required=True, metavar="DAY")

    def run(self) -> None:
        """Add the approval."""
        approval = flows.add_approval(
            self.site,
            self.actor,
            self.argument("project"),
            reference=self.reference,
            controller=self.controller,
            purpose=self.purpose,
            legal_basis=self.legal_basis,
            valid_from=self.beginning(self.beginning_on) if self.beginning_on else None,
            valid_until=self.end(self.until),
        )
        self.done(
            approval,
            f"{approval.project} is approved under {approval.reference} ({approval.id}). "
            f"Next: `hub-ext grant add DATASET {approval.project} --until DAY`.",
        )


class EndApproval(Command):
    """End an approval before its date, and with it every grant that rests on it."""

    examples = 'hub-ext project end-approval apr-… --why "committee withdrew"'
    arguments = (Argument("approval", "Its id; `hub-ext project show` tells."),)
    why = Unicode("", help=WHY).tag(option=True, required=True, metavar="TEXT")

    def run(self) -> None:
        """End the approval."""
        approval = flows.end_approval(self.site, self.actor, self.argument("approval"), self.why)
        self.done(approval, f"{approval.reference} is ended; grants under it are void.")
