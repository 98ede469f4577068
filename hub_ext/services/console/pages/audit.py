"""The record: searched, each event whole, exported; one person's part of it after a reason."""

from __future__ import annotations

import json
import tempfile
from datetime import date

from pydantic import ValidationError

from hub_ext.errors import InputError
from hub_ext.flows import audit as flows
from hub_ext.flows.look_up import look_up, looked_up
from hub_ext.model import AuditEvent, Verb
from hub_ext.model.duties import Deed
from hub_ext.services.console import days
from hub_ext.services.console.forms import Filled, FormModel, Line, RequiredLine, Sentence, errors_of, filled
from hub_ext.services.console.page import PageHandler

PAGE = 50


class Search(FormModel):
    """What to look for; every field narrows. `person` is an id, after a look-up."""

    person: Line = ""
    project: Line = ""
    dataset: Line = ""
    image: Line = ""
    verb: Line = ""
    since: date | None = None
    until: date | None = None


class LookUp(FormModel):
    """Whose part of the record, and why."""

    person: RequiredLine
    why: Sentence


class Export(Search):
    """The same selection as a file."""

    format: Line = "jsonl"


class _AuditHandler(PageHandler):
    area = "audit"
    deed = Deed.READ_AUDIT

    def search(self) -> Filled[Search]:
        """The address's parameters as a form."""
        raw = {name: self.get_query_argument(name, "") for name in Search.model_fields}
        try:
            return Filled(Search.model_validate({name: value for name, value in raw.items() if value}), raw)
        except ValidationError as error:
            return Filled(None, raw, errors_of(error, self._))

    async def selection(self, asked: Search) -> flows.Selection:
        """What is asked for. Raises InputError; a person without a look-up ends the request."""
        if asked.person:
            self.require(Deed.LOOK_UP_PERSON)
            if not await self.in_thread(looked_up, self.site, self.known.actor, asked.person):
                raise InputError("Say first why you look this person up.", advice="The reason is recorded.")
        zone = self.site.settings.time_zone
        return flows.Selection(
            verbs=flows.verbs_named(asked.verb) if asked.verb else (),
            person=asked.person,
            project=asked.project,
            dataset=asked.dataset,
            image=asked.image,
            since=days.beginning(asked.since, zone),
            until=days.end(asked.until, zone),
        )


class AuditPage(_AuditHandler):
    """The search, and a page of what it finds."""

    async def get(self) -> None:
        """The page."""
        await self._shown(self.search())

    async def post(self) -> None:
        """A person is looked up: their part of the record is shown once the reason is written down."""
        self.require(Deed.LOOK_UP_PERSON)
        form: Filled[LookUp] = filled(self, LookUp, self._)
        if form.value is not None:
            try:
                found = await self.in_thread(
                    look_up, self.site, self.known.actor, form.value.person, form.value.why
                )
            except InputError as error:
                form = form.with_error("why" if not form.value.why else "person", self.told(error))
            else:
                self.notice(f"audit?person={found.id}", self._("Your reason is recorded."))
                return
        self.set_status(400)
        await self._shown(Filled(Search(), {}), look=form)

    async def _shown(self, form: Filled[Search], look: Filled[LookUp] | None = None) -> None:
        found: tuple[AuditEvent, ...] = ()
        beyond = self.get_query_argument("beyond", "")
        if form.value is not None:
            try:
                found = await self.in_thread(
                    flows.newest,
                    self.site,
                    await self.selection(form.value),
                    beyond=int(beyond)
                    if beyond.isascii() and beyond.isdigit() and len(beyond) < 18
                    else None,
                    limit=PAGE + 1,
                )
            except InputError as error:
                form = form.with_error("", self.told(error))
        if form.value is None and self.get_status() == 200:
            self.set_status(400)
        nouns = list(dict.fromkeys(verb.value.partition(".")[0] for verb in Verb))
        self.show(
            "audit/list.html",
            form=form,
            look=look,
            found=found[:PAGE],
            after=self._query(beyond=found[PAGE - 1].sequence) if len(found) > PAGE else None,
            first=self._query(beyond=None) if beyond else None,
            verbs=[(word, word) for noun in nouns for word in (noun, *_verbs(noun))],
            chain=await self.in_thread(self.console.chain.state, self.site),
            brief=_brief,
        )


class EventPage(_AuditHandler):
    """One event with all of its facts."""

    async def get(self, sequence: str) -> None:
        """The page."""
        event = await self.in_thread(flows.one, self.site, int(sequence))
        facts = json.dumps(event.facts, indent=2, ensure_ascii=False, sort_keys=True)
        self.show("audit/event.html", event=event, facts=facts)


class ExportPage(_AuditHandler):
    """The selection as a file; the export is on the record before it leaves."""

    async def post(self) -> None:
        """The file."""
        form: Filled[Export] = filled(self, Export, self._)
        if form.value is None:
            raise InputError("This selection cannot be used.", advice="Search again.")
        selection = await self.selection(form.value)
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
            asked = form.value.format
            await self.in_thread(flows.export, self.site, self.known.actor, selection, file, asked)
            await self.send_file(file, flows.MEDIA[asked], f"audit.{asked}")


class ChainPage(_AuditHandler):
    """The chain's state: begun anew, and the part of the page that follows it."""

    async def get(self) -> None:
        """The part."""
        chain = await self.in_thread(self.console.chain.state, self.site)
        self.show("audit/chain.html", chain=chain)

    async def post(self) -> None:
        """Begins a walk."""
        self.console.chain.begin(self.site)
        self.notice("audit", self._("The record is being verified."))


def _verbs(noun: str) -> list[str]:
    return [verb.value for verb in Verb if verb.value.startswith(f"{noun}.")]


def _brief(facts: object) -> str:
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 160 else f"{text[:159]}…"


ROUTES = (
    (r"audit", AuditPage),
    (r"audit/chain", ChainPage),
    (r"audit/export", ExportPage),
    (r"audit/([0-9]{1,17})", EventPage),
)
