"""People: found, added, given roles of the site, ended."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

from hub_ext.adapters.hub_api import HubApiError
from hub_ext.errors import InputError, Stale
from hub_ext.flows import grant_ends
from hub_ext.flows import people as flows
from hub_ext.model import Person, PersonKind, SiteRole
from hub_ext.model.duties import Deed
from hub_ext.services.console import days
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.erasing import erase
from hub_ext.services.console.forms import Filled, FormModel, Line, RequiredLine, filled
from hub_ext.services.console.page import PageHandler
from hub_ext.services.console.pages.why import End, WhyPage

MOST_SHOWN = 100

log = logging.getLogger(__name__)


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


ROLES = {
    SiteRole.CURATOR: _("curator"),
    SiteRole.STEWARD: _("steward"),
    SiteRole.OPERATOR: _("operator"),
    SiteRole.AUDITOR: _("auditor"),
}
KINDS = {
    PersonKind.STAFF: _("staff"),
    PersonKind.GUEST: _("guest"),
    PersonKind.STUDENT: _("student"),
    PersonKind.SERVICE: _("service"),
}


class _About(FormModel):
    username: RequiredLine
    display_name: Line = ""
    email: Line = ""
    language: Line = "en"
    kind: PersonKind = PersonKind.STAFF
    roles: tuple[SiteRole, ...] = ()
    sponsor: Line = ""
    until: date | None = None


class NewPerson(_About):
    """A person to add, keyed by who signs them in."""

    issuer: RequiredLine
    subject: RequiredLine


class ChangedPerson(_About):
    """A person as they shall be; `version` is what the editor saw."""

    version: int


class PeoplePage(PageHandler):
    """Everybody who is known, by page."""

    area = "people"
    deed = Deed.WRITE_PERSON

    async def get(self) -> None:
        """The page."""
        words = self.get_query_argument("q", "")[:100]
        ended = self.get_query_argument("ended", "") == "1"
        text = self.get_query_argument("start", "0")
        start = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        found = await self.in_thread(flows.search, self.site, words, ended=ended)
        self.show(
            "people/list.html",
            found=found[start : start + MOST_SHOWN],
            count=len(found),
            start=start,
            most=MOST_SHOWN,
            q=words,
            ended=ended,
            roles=ROLES,
            kinds=KINDS,
        )


class _Editing(PageHandler):
    area = "people"
    deed = Deed.WRITE_PERSON

    async def sponsor(self, form: _About) -> str | None:
        """The id of the sponsor typed. Raises InputError."""
        if not form.sponsor:
            return None
        return (await self.in_thread(flows.ids_named, self.site, (form.sponsor,)))[0]

    async def shown(self, form: Filled[Any] | None, person: Person | None) -> None:
        """The form."""
        sponsor = person.sponsor_id if person else None
        values = {
            "username": person.username if person else "",
            "display_name": person.display_name if person else "",
            "email": person.email if person else "",
            "language": person.language if person else "en",
            "kind": (person.kind if person else PersonKind.STAFF).value,
            "roles": [role.value for role in person.roles] if person else [],
            "sponsor": await self.in_thread(flows.username_of, self.site, sponsor) if sponsor else "",
            "until": days.shown(person.valid_until, self.site.settings.time_zone) if person else "",
        }
        self.show(
            "people/edit.html",
            form=form,
            person=person,
            values=values,
            edition=(form.raw.get("version") if form else None) or (edition_of(person) if person else None),
            roles=[(role.value, self._(words)) for role, words in ROLES.items()],
            kinds=[(kind.value, self._(words)) for kind, words in KINDS.items()],
            own=person is not None and person.id == self.known.person.id,
        )


class NewPage(_Editing):
    """Adds a person."""

    async def get(self) -> None:
        """The empty form."""
        await self.shown(None, None)

    async def post(self) -> None:
        """The person, with no right in any project."""
        form: Filled[NewPerson] = filled(self, NewPerson, self._)
        if form.value is not None:
            given = form.value
            try:
                made = await self.in_thread(
                    flows.add_person,
                    *(self.site, self.known.actor),
                    issuer=given.issuer,
                    subject=given.subject,
                    username=given.username,
                    display_name=given.display_name,
                    email=given.email,
                    language=given.language,
                    kind=given.kind,
                    roles=given.roles,
                    sponsor_id=await self.sponsor(given),
                    valid_until=days.end(given.until, self.site.settings.time_zone),
                )
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"people/{made.id}", self._("Added."))
                return
        self.set_status(400)
        await self.shown(form, None)


class PersonPage(_Editing):
    """One person: shown and changed; nobody changes their own roles."""

    async def get(self, person_id: str) -> None:
        """The form as the person is."""
        await self.shown(None, await self.in_thread(flows.person_of, self.site, person_id))

    async def post(self, person_id: str) -> None:
        """The person as they shall be."""
        person = await self.in_thread(flows.person_of, self.site, person_id)
        self.require(Deed.WRITE_PERSON, requested_by=person.id)
        form: Filled[ChangedPerson] = filled(self, ChangedPerson, self._)
        status = 400
        if form.value is not None:
            given = form.value
            try:
                await self.in_thread(
                    flows.change_person,
                    *(self.site, self.known.actor, person_id),
                    expected=seen(person, given.version),
                    username=given.username,
                    display_name=given.display_name or given.username,
                    email=given.email,
                    language=given.language,
                    kind=given.kind,
                    roles=given.roles,
                    sponsor_id=await self.sponsor(given),
                    valid_until=days.end(given.until, self.site.settings.time_zone),
                )
            except Stale as error:
                status, form = 409, form.with_error("", self.told(error))
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                self.notice(f"people/{person_id}", self._("Saved."))
                return
        self.set_status(status)
        await self.shown(form, person)


class EndPage(WhyPage):
    """Ends a person for good."""

    area = "people"

    async def about(self, *path: str) -> End:
        """The question."""
        self.require(Deed.WRITE_PERSON)
        person = await self.in_thread(flows.person_of, self.site, path[0])
        self.require(Deed.WRITE_PERSON, requested_by=person.id)
        return End(
            self._("End {person}", person=person.username),
            self._("For good: they sign in no more. Whoever comes back is added anew."),
            self._("End it"),
            f"people/{person.id}",
            await self.in_thread(grant_ends.by_ending_person, self.site, person.id),
        )

    async def end(self, why: str, *path: str) -> str:
        """Ends them."""
        await self.in_thread(flows.end_person, self.site, self.known.actor, path[0], why)
        return self._("Ended.")


class ErasePage(WhyPage):
    """Erases the name of somebody who was ended, here and at the Hub."""

    area = "people"

    async def about(self, *path: str) -> End:
        """The question."""
        self.require(Deed.WRITE_PERSON)
        person = await self.in_thread(flows.person_of, self.site, path[0])
        self.require(Deed.WRITE_PERSON, requested_by=person.id)
        return End(
            self._("Erase the name of {person}", person=person.username),
            self._(
                "For good: username, name, address and subject, here and at the Hub. The record goes on "
                "naming the number; logs and backups made before know the name."
            ),
            self._("Erase it"),
            f"people/{person.id}",
        )

    async def end(self, why: str, *path: str) -> str:
        """Erases it."""
        try:
            await erase(self.site, self.known.actor, path[0], why)
        except HubApiError as error:
            log.warning("No name was erased: %s", error)
            raise InputError(
                "The Hub does not answer: nothing was erased.", advice="Try again later."
            ) from error
        return self._("The name is erased.")


ROUTES = (
    (r"people", PeoplePage),
    (r"new/person", NewPage),
    (r"people/([a-z0-9-]{1,40})", PersonPage),
    (r"people/([a-z0-9-]{1,40})/end", EndPage),
    (r"people/([a-z0-9-]{1,40})/erase", ErasePage),
)
