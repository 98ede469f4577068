"""Projects: the list, and one of them with members, approvals and grants."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub_ext.errors import InputError
from hub_ext.flows import grant_ends, people, project_overview, proposals
from hub_ext.flows import projects as flows
from hub_ext.flows.project_overview import ProjectView
from hub_ext.model import Launch, MemberRole, ProjectState
from hub_ext.model.duties import Deed, Denial
from hub_ext.services.console import days
from hub_ext.services.console.forms import Filled, FormModel, Line, RequiredLine, filled
from hub_ext.services.console.page import Denied, PageHandler
from hub_ext.services.console.pages.grants import STATES as GRANT_STATES
from hub_ext.services.console.pages.why import End, Why, WhyPage


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


STATES = {
    ProjectState.ACTIVE: _("active"),
    ProjectState.FROZEN: _("frozen"),
    ProjectState.ARCHIVED: _("archived"),
    ProjectState.DELETED: _("deleted"),
}
ROLES = {
    MemberRole.MEMBER: _("member"),
    MemberRole.LEAD: _("lead"),
    MemberRole.DATA_MANAGER: _("data manager"),
}


class Propose(FormModel):
    """A place for somebody."""

    username: RequiredLine
    role: MemberRole
    member_until: date | None = None
    group: Line = ""


class Approve(FormModel):
    """What allows the project to use data."""

    reference: RequiredLine
    controller: RequiredLine
    purpose: RequiredLine
    legal_basis: RequiredLine
    start: date | None = None
    until: date


class ProjectsPage(PageHandler):
    """Every project that one may see."""

    area = "projects"

    async def get(self) -> None:
        """The page."""
        words = self.get_query_argument("q", "")[:100]
        ended = self.get_query_argument("ended", "") == "1"
        lines = [
            line
            for line in await self.in_thread(project_overview.project_lines, self.site)
            if may_see(self, line.project.slug)
            and (ended or not line.project.ended)
            and words.casefold()
            in f"{line.project.slug} {line.project.title.en} {line.project.title.fr}".casefold()
        ]
        if not lines and not self.known.duties.places:
            self.require(Deed.READ_DATA)
        self.show(
            "projects/list.html",
            lines=lines[:500],
            count=len(lines),
            q=words,
            ended=ended,
            states=STATES,
        )


def may_see(handler: PageHandler, slug: str) -> bool:
    """Whoever reads all data, and whoever proposes members of this one."""
    visitor = handler.known
    return visitor.may(Deed.READ_DATA) is None or visitor.may(Deed.PROPOSE_MEMBER, project=slug) is None


class ProjectPage(PageHandler):
    """One project: members, approvals, ceilings, what it has."""

    area = "projects"

    async def get(self, slug: str) -> None:
        """The page."""
        await self._shown(await self._found(slug))

    async def post(self, slug: str) -> None:
        """What the pressed button says."""
        view = await self._found(slug)
        act = {
            "propose": self._propose,
            "confirm": self._confirm,
            "decline": self._decline,
            "withdraw": self._withdraw,
            "approve": self._approve,
        }.get(self.get_query_argument("do", ""))
        if act is None:
            raise InputError("There is no such button.", advice="Load the page again.")
        await act(view)

    async def _found(self, slug: str) -> ProjectView:
        if not may_see(self, slug):
            self.require(Deed.READ_DATA)
        return await self.in_thread(project_overview.project_view, self.site, slug)

    async def _propose(self, view: ProjectView) -> None:
        slug = view.project.slug
        self.require(Deed.PROPOSE_MEMBER, project=slug)
        form: Filled[Propose] = filled(self, Propose, self._)
        if form.value is not None:
            try:
                await self.in_thread(self._proposed, slug, form.value)
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"projects/{slug}", self._("Proposed. Somebody else confirms it."))
                return
        self.set_status(400)
        await self._shown(view, propose=form)

    def _proposed(self, slug: str, form: Propose) -> None:
        (person_id,) = people.ids_named(self.site, (form.username,))
        proposals.propose_member(
            *(self.site, self.known.actor, slug, person_id, form.role),
            valid_until=days.end(form.member_until, self.site.settings.time_zone),
            group=form.group or None,
        )

    async def _decided(self, view: ProjectView) -> str:
        """The proposal that the address names, where the visitor may decide on it."""
        wanted = self.get_query_argument("proposal", "")
        for one in view.proposals:
            if one.id == wanted:
                self.require(Deed.CONFIRM_MEMBER, project=view.project.slug, requested_by=one.proposed_by)
                return one.id
        raise InputError("This proposal does not wait any more.", advice="Load the page again.")

    async def _confirm(self, view: ProjectView) -> None:
        made = await self.in_thread(proposals.confirm, self.site, self.known.actor, await self._decided(view))
        if isinstance(made, Denial):
            raise Denied(made)
        self.notice(f"projects/{view.project.slug}", self._("Confirmed."))

    async def _decline(self, view: ProjectView) -> None:
        proposal = await self._decided(view)
        form: Filled[Why] = filled(self, Why, self._)
        if form.value is not None:
            made = await self.in_thread(
                proposals.decline, self.site, self.known.actor, proposal, form.value.why
            )
            if isinstance(made, Denial):
                raise Denied(made)
            self.notice(f"projects/{view.project.slug}", self._("Declined."))
            return
        self.set_status(400)
        await self._shown(view, decline=form)

    async def _withdraw(self, view: ProjectView) -> None:
        wanted = self.get_query_argument("proposal", "")
        await self.in_thread(proposals.withdraw, self.site, self.known.actor, wanted)
        self.notice(f"projects/{view.project.slug}", self._("Withdrawn."))

    async def _approve(self, view: ProjectView) -> None:
        slug, zone = view.project.slug, self.site.settings.time_zone
        self.require(Deed.WRITE_PROJECT, project=slug)
        form: Filled[Approve] = filled(self, Approve, self._)
        if form.value is not None:
            given = form.value
            try:
                await self.in_thread(
                    flows.add_approval,
                    *(self.site, self.known.actor, slug),
                    reference=given.reference,
                    controller=given.controller,
                    purpose=given.purpose,
                    legal_basis=given.legal_basis,
                    valid_from=days.beginning(given.start, zone),
                    valid_until=days.last(given.until, zone),
                )
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"projects/{slug}", self._("Written down."))
                return
        self.set_status(400)
        await self._shown(view, approve=form)

    async def _shown(self, view: ProjectView, **forms: Filled[Any]) -> None:
        self.show(
            "projects/one.html",
            view=view,
            project=view.project,
            forms={"propose": None, "decline": None, "approve": None} | forms,
            states=STATES,
            roles=ROLES,
            grant_states=GRANT_STATES,
            me=self.known.person.id,
        )


class EndPage(WhyPage):
    """Ends a project for good."""

    area = "projects"

    async def about(self, *path: str) -> End:
        """The question."""
        (slug,) = path
        self.require(Deed.WRITE_PROJECT, project=slug)
        await self.in_thread(project_overview.project_view, self.site, slug)
        return End(
            self._("End {project}", project=slug),
            self._("For good: nothing starts in it any more. Its homes and folders stay until removed."),
            self._("End it"),
            f"projects/{slug}",
            await self.in_thread(grant_ends.by_ending_project, self.site, slug),
        )

    async def end(self, why: str, *path: str) -> str:
        """Ends it."""
        await self.in_thread(flows.end_project, self.site, self.known.actor, path[0], why)
        return self._("Ended.")


class EndMemberPage(WhyPage):
    """Ends somebody's place."""

    area = "projects"

    async def about(self, *path: str) -> End:
        """The question."""
        place, person = await self.in_thread(project_overview.membership_of, self.site, path[0])
        self.require(Deed.CONFIRM_MEMBER, project=place.project, requested_by=place.person_id)
        sessions: tuple[Launch, ...] = await self.in_thread(
            grant_ends.by_ending_membership, self.site, path[0]
        )
        return End(
            self._("End the place of {person} in {project}", person=person.username, project=place.project),
            self._("Their home in this project stays, and opens to nobody."),
            self._("End it"),
            f"projects/{place.project}",
            sessions,
        )

    async def end(self, why: str, *path: str) -> str:
        """Ends it."""
        await self.in_thread(flows.end_membership, self.site, self.known.actor, path[0], why)
        return self._("Ended.")


class EndApprovalPage(WhyPage):
    """Ends an approval before its date."""

    area = "projects"

    async def about(self, *path: str) -> End:
        """The question."""
        approval = await self.in_thread(project_overview.approval_of, self.site, path[0])
        self.require(Deed.WRITE_PROJECT, project=approval.project)
        return End(
            self._("End the approval {reference}", reference=approval.reference),
            self._("Every grant that rests on it is void from then on."),
            self._("End it"),
            f"projects/{approval.project}",
            await self.in_thread(grant_ends.by_ending_approval, self.site, path[0]),
        )

    async def end(self, why: str, *path: str) -> str:
        """Ends it."""
        await self.in_thread(flows.end_approval, self.site, self.known.actor, path[0], why)
        return self._("Ended.")


ROUTES = (
    (r"projects", ProjectsPage),
    (r"projects/([a-z0-9-]{1,40})", ProjectPage),
    (r"projects/([a-z0-9-]{1,40})/end", EndPage),
    (r"memberships/([a-z0-9-]{1,40})/end", EndMemberPage),
    (r"approvals/([a-z0-9-]{1,40})/end", EndApprovalPage),
)
