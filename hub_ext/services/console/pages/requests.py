"""Requests for access: one's own, with the form to ask; those that wait for one's decision."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import StringConstraints

from hub_ext.errors import InputError
from hub_ext.expression.requests import STATES, problem_words
from hub_ext.flows import people
from hub_ext.flows import requests as flows
from hub_ext.flows.requests import Told
from hub_ext.model.duties import Deed
from hub_ext.model.requests import RequestRefusal
from hub_ext.services.console import days
from hub_ext.services.console.forms import Filled, FormModel, Line, Text, filled
from hub_ext.services.console.page import PageHandler

# Fields of the flow's answers that stand in another one of the form.
FIELDS = {"project": "what", "dataset": "what"}


class Ask(FormModel):
    """What is asked for: a project and a dataset in it."""

    what: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40} [a-z0-9-]{1,40}$")]
    purpose: Text
    until: date | None = None


class Say(FormModel):
    """A question, an answer, or a reason."""

    text: Text


class Approve(FormModel):
    """Until when, and to whom."""

    until: date
    approval: Line = ""
    only_them: bool = False


class _RequestHandler(PageHandler):
    area = "requests"

    def with_problems(self, form: Filled[Any], refusal: RequestRefusal, field: str = "") -> Filled[Any]:
        """Every reason at its field; `field` is where those about a text belong."""
        zone = ZoneInfo(self.site.settings.time_zone)
        for problem in refusal.problems:
            place = field if field and problem.field else FIELDS.get(problem.field, problem.field)
            form = form.with_error(place, str(problem_words(problem, self.language, zone)))
        return form

    async def named(self, held: tuple[Told, ...]) -> dict[str, str]:
        """The names of everybody in these requests."""
        ids = {told.request.person_id for told in held} | {told.request.decided_by for told in held}
        ids |= {question.asked_by for told in held for question in told.questions}
        return await self.in_thread(people.names, self.site, ids)


class RequestsPage(_RequestHandler):
    """One's own requests, and those of others that one may decide on."""

    async def get(self) -> None:
        """The page."""
        await self._shown(None)

    async def post(self) -> None:
        """Asks for access."""
        form: Filled[Ask] = filled(self, Ask, self._)
        if form.value is not None:
            form = await self._asked(form, form.value)
        if not self._finished:
            self.set_status(400)
            await self._shown(form)

    async def _asked(self, form: Filled[Ask], value: Ask) -> Filled[Ask]:
        """Leads to the request that was made, or gives the form with its problems."""
        try:
            until = days.end(value.until, self.site.settings.time_zone)
        except InputError as error:
            return form.with_error("until", self.told(error))
        project, dataset = value.what.split(" ")
        made = await self.in_thread(
            flows.ask_access,
            *(self.site, self.known.actor, dataset, project, value.purpose),
            wanted_until=until,
        )
        if isinstance(made, RequestRefusal):
            return self.with_problems(form, made)
        self.notice(f"requests/{made.id}", self._("Asked. A steward will answer here."))
        return form

    async def _shown(self, form: Filled[Ask] | None) -> None:
        person = self.known.person.id
        own = await self.in_thread(flows.listing, self.site, person_id=person)
        waiting = await self.in_thread(flows.listing, self.site, states=flows.WAITING)
        theirs = tuple(told for told in waiting if self._may_see(told))
        offered = await self.in_thread(flows.to_ask, self.site, person)
        self.show(
            "requests/list.html",
            form=form,
            own=own[::-1],
            theirs=theirs,
            offered=[
                (
                    f"{one.project.slug} {dataset.slug}",
                    f"{one.project.title.text(self.language)} · {dataset.title.text(self.language)}",
                )
                for one in offered
                for dataset in one.datasets
            ],
            names=await self.named((*own, *theirs)),
            states=STATES,
            asked_for=self.get_query_argument("what", ""),
        )

    def _may_see(self, told: Told) -> bool:
        request = told.request
        about = {"dataset": request.dataset, "requested_by": request.person_id}
        decides = self.known.may(Deed.DECIDE_REQUEST, **about) is None
        return decides or (
            request.person_id != self.known.person.id
            and self.known.may(Deed.READ_DATA, dataset=request.dataset) is None
        )


class RequestPage(_RequestHandler):
    """One request: its purpose, what was asked back, and what one may do."""

    async def get(self, request_id: str) -> None:
        """The page."""
        await self._shown(await self._found(request_id))

    async def post(self, request_id: str) -> None:
        """What the pressed button says."""
        told = await self._found(request_id)
        act = {
            "answer": self._answer,
            "withdraw": self._withdraw,
            "approve": self._approve,
            "refuse": self._refuse,
            "ask": self._ask,
        }.get(self.get_query_argument("do", ""))
        if act is None:
            raise InputError("There is no such button.", advice="Load the page again.")
        await act(told)

    async def _found(self, request_id: str) -> Told:
        told = await self.in_thread(flows.told, self.site, request_id)
        request = told.request
        if request.person_id != self.known.person.id and self.known.may(
            Deed.DECIDE_REQUEST, dataset=request.dataset
        ):
            self.require(Deed.READ_DATA, dataset=request.dataset)
        return told

    def _deciding(self, told: Told) -> None:
        request = told.request
        self.require(Deed.DECIDE_REQUEST, dataset=request.dataset, requested_by=request.person_id)

    async def _answer(self, told: Told) -> None:
        await self._said(told, flows.answer, "answer", self._("Answered."))

    async def _ask(self, told: Told) -> None:
        self._deciding(told)
        await self._said(told, flows.ask_back, "ask", self._("Asked. It waits for the answer."))

    async def _refuse(self, told: Told) -> None:
        self._deciding(told)
        await self._said(told, flows.refuse, "refuse", self._("Refused. They read the reason."))

    async def _said(self, told: Told, flow: Any, which: str, done: str) -> None:
        form: Filled[Say] = filled(self, Say, self._)
        if form.value is not None:
            made = await self.in_thread(flow, self.site, self.known.actor, told.request.id, form.value.text)
            if not isinstance(made, RequestRefusal):
                self.notice(f"requests/{told.request.id}", done)
                return
            form = self.with_problems(form, made, "text")
        self.set_status(400)
        await self._shown(told, **{which: form})

    async def _withdraw(self, told: Told) -> None:
        made = await self.in_thread(flows.withdraw, self.site, self.known.actor, told.request.id)
        if isinstance(made, RequestRefusal):
            self.set_status(409)
            await self._shown(told, withdraw=self.with_problems(Filled(None, {}), made))
        else:
            self.notice("requests", self._("Withdrawn."))

    async def _approve(self, told: Told) -> None:
        self._deciding(told)
        form: Filled[Approve] = filled(self, Approve, self._)
        if form.value is not None:
            try:
                made = await self.in_thread(
                    flows.approve,
                    *(self.site, self.known.actor, told.request.id),
                    valid_until=days.last(form.value.until, self.site.settings.time_zone),
                    approval=form.value.approval,
                    only_them=form.value.only_them,
                )
            except InputError as error:
                form = form.with_error("", self.told(error))
            else:
                if not isinstance(made, RequestRefusal):
                    self.notice(f"requests/{told.request.id}", self._("Granted."))
                    return
                form = self.with_problems(form, made)
        self.set_status(400)
        await self._shown(told, approve=form)

    async def _shown(self, told: Told, **forms: Filled[Any]) -> None:
        request = told.request
        about = {"dataset": request.dataset, "requested_by": request.person_id}
        self.show(
            "requests/one.html",
            told=told,
            request=request,
            names=await self.named((told,)),
            states=STATES,
            own=request.person_id == self.known.person.id,
            decides=self.known.may(Deed.DECIDE_REQUEST, **about) is None,
            wanted=days.shown(request.wanted_until, self.site.settings.time_zone),
            forms={"answer": None, "ask": None, "refuse": None, "approve": None, "withdraw": None} | forms,
        )


ROUTES = ((r"requests", RequestsPage), (r"requests/([^/]+)", RequestPage))
