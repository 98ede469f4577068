"""`hub-ext project member propose|confirm|decline|proposals`: one proposes, another confirms."""

from __future__ import annotations

from traitlets import Enum, Unicode

from hub_ext.adapters.store import persons
from hub_ext.cli.app import Argument, Command
from hub_ext.expression.duties import denial_words
from hub_ext.flows import people
from hub_ext.flows import proposals as flows
from hub_ext.model import MemberRole
from hub_ext.model.duties import Denial

ROLES = [role.value for role in MemberRole]
PROPOSAL = Argument("proposal", "Its id; `hub-ext project member proposals` tells.")


class Propose(Command):
    """Propose a member; somebody else confirms."""

    examples = "hub-ext project member propose onco marie --role lead --on-behalf-of magda"
    arguments = (Argument("project", "Slug of the project."), Argument("username", "Username, or id."))
    role = Enum(ROLES, MemberRole.MEMBER.value, help="Their role in it.").tag(option=True)
    until = Unicode("", help="Last day.").tag(option=True, metavar="DAY")
    group = Unicode(None, allow_none=True, help="Sign-in group that they must hold as well.").tag(option=True)

    def run(self) -> None:
        """Propose."""
        (person_id,) = people.ids_named(self.site, (self.argument("username"),))
        made = flows.propose_member(
            *(self.site, self.actor, self.argument("project"), person_id, MemberRole(self.role)),
            valid_until=self.end(self.until) if self.until else None,
            group=self.group,
        )
        self.done(made, f"Proposed ({made.id}). Next: `hub-ext project member confirm {made.id}`.")


class Confirm(Command):
    """Confirm a proposed member: the place is theirs from now."""

    examples = "hub-ext project member confirm pro-4sj22zkrni6hipsv5rzg --on-behalf-of dora"
    arguments = (PROPOSAL,)

    def run(self) -> int:
        """Confirm."""
        made = flows.confirm(self.site, self.actor, self.argument("proposal"))
        if isinstance(made, Denial):
            return self.refused([str(denial_words(made))])
        self.done(made, f"Confirmed: a {made.role} of {made.project}.")
        return 0


class Decline(Command):
    """Decline a proposed member."""

    examples = 'hub-ext project member decline pro-4sj22zkrni6hipsv5rzg --why "not of this study"'
    arguments = (PROPOSAL,)
    why = Unicode("", help="Reason, for the record; name nobody in it.").tag(
        option=True, required=True, metavar="TEXT"
    )

    def run(self) -> int:
        """Decline."""
        made = flows.decline(self.site, self.actor, self.argument("proposal"), self.why)
        if isinstance(made, Denial):
            return self.refused([str(denial_words(made))])
        self.done(made, "Declined.")
        return 0


class Proposals(Command):
    """Members who were proposed, and whom nobody has confirmed or declined."""

    examples = "hub-ext project member proposals"
    project = Unicode(None, allow_none=True, help="Only for this project.").tag(option=True, metavar="SLUG")

    def run(self) -> None:
        """Show the table."""
        with self.site.store.reading() as tx:
            names = {known.id: known.username for known in persons.listing(tx)}
        self.show_table(
            flows.waiting(self.site, self.project),
            {
                "PROJECT": lambda one: one.project,
                "PERSON": lambda one: names[one.person_id],
                "ROLE": lambda one: one.role,
                "UNTIL": lambda one: one.valid_until,
                "GROUP": lambda one: one.group,
                "BY": lambda one: names.get(one.proposed_by, one.proposed_by),
                "ID": lambda one: one.id,
            },
            empty="Nobody is proposed.",
        )
