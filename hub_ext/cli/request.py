"""`hub-ext request`: who asks for which dataset, and what a steward answers."""

from __future__ import annotations

from traitlets import Bool, Unicode

from hub_ext.adapters.store import persons
from hub_ext.cli import dates
from hub_ext.cli.app import Argument, Command, Noun
from hub_ext.cli.output import complain
from hub_ext.expression.requests import problem_words
from hub_ext.flows import requests as flows
from hub_ext.model.requests import RequestRefusal

REQUEST = Argument("request", "Its id; `hub-ext request list` tells.")


class _Deciding(Command):
    """What the steward's commands share."""

    arguments: tuple[Argument, ...] = (REQUEST,)

    def said_no(self, refusal: RequestRefusal) -> int:
        """Every reason; the status to return."""
        zone = dates.zone(self.settings.time_zone)
        return self.refused([str(problem_words(one, "en", zone)) for one in refusal.problems])


class ListAll(Command):
    """Requests in which somebody has yet to act; with --all those that are closed too."""

    examples = """
        hub-ext request list
        hub-ext request list --dataset mri --all
    """
    project = Unicode(None, allow_none=True, help="Only in this project.").tag(option=True, metavar="SLUG")
    dataset = Unicode(None, allow_none=True, help="Only for this dataset.").tag(option=True, metavar="SLUG")
    all = Bool(False, help="Closed requests too.").tag(option=True)

    def run(self) -> None:
        """Show the table."""
        found = flows.listing(
            self.site,
            project=self.project,
            dataset=self.dataset,
            states=None if self.all else flows.WAITING,
        )
        with self.site.store.reading() as tx:
            names = {known.id: known.username for known in persons.listing(tx)}
        self.show_table(
            [told.request for told in found],
            {
                "DATASET": lambda request: request.dataset,
                "PROJECT": lambda request: request.project,
                "PERSON": lambda request: names[request.person_id],
                "SINCE": lambda request: request.created,
                "WANTED UNTIL": lambda request: request.wanted_until,
                "STATE": lambda request: request.state,
                "ID": lambda request: request.id,
            },
            empty="Nobody waits for access.",
        )


class Show(Command):
    """One request: its purpose, what was asked back, and how it ended."""

    examples = "hub-ext request show req-4sj22zkrni6hipsv5rzg"
    arguments = (REQUEST,)

    def run(self) -> None:
        """Show the record."""
        told = flows.told(self.site, self.argument("request"))
        request = told.request
        with self.site.store.reading() as tx:
            names = {known.id: known.username for known in persons.listing(tx)}
        pairs: list[tuple[str, object]] = [
            ("request", request.id),
            ("dataset", request.dataset),
            ("project", request.project),
            ("person", names[request.person_id]),
            ("since", request.created),
            ("wanted until", request.wanted_until),
            *(("purpose", line) for line in request.purpose.splitlines()),
        ]
        for known in told.questions:
            pairs += [(f"question {known.number}", line) for line in known.text.splitlines()]
            pairs += [(f"answer {known.number}", line) for line in known.answer.splitlines() or [""]]
        pairs += [
            ("state", request.state),
            ("decided", request.decided),
            ("decided by", names.get(request.decided_by, request.decided_by)),
            ("reason", request.reason),
            ("grant", request.grant_id),
        ]
        self.show_record(told, pairs)


class Approve(_Deciding):
    """Approve a request: the dataset is granted to the project, under one of its approvals, until a day."""

    examples = """
        hub-ext request approve req-4sj22zkrni6hipsv5rzg --until 2026-12-31 --on-behalf-of lise
        hub-ext request approve req-4sj22zkrni6hipsv5rzg --until 2026-12-31 --only-them
    """
    until = Unicode("", help="Last day.").tag(option=True, required=True, metavar="DAY")
    approval = Unicode("", help="Reference or id of the approval. Default: the one covering the time.").tag(
        option=True, metavar="REFERENCE"
    )
    only_them = Bool(False, help="Only for whoever asked, not for all of the project.").tag(option=True)

    def run(self) -> int:
        """Grant."""
        given = flows.approve(
            self.site,
            self.actor,
            self.argument("request"),
            valid_until=self.end(self.until),
            approval=self.approval,
            only_them=self.only_them,
        )
        if isinstance(given, RequestRefusal):
            return self.said_no(given)
        complain(*(f"Note: {warning}" for warning in given.warnings))
        self.done(given, f"{given.grant.dataset} is granted to {given.grant.project} ({given.grant.id}).")
        return 0


class Refuse(_Deciding):
    """Refuse a request; whoever asked reads the reason."""

    examples = 'hub-ext request refuse req-4sj22zkrni6hipsv5rzg --why "the coded data suffice"'
    why = Unicode("", help="Reason, for whoever asked.").tag(option=True, required=True, metavar="TEXT")

    def run(self) -> int:
        """Refuse."""
        request = flows.refuse(self.site, self.actor, self.argument("request"), self.why)
        if isinstance(request, RequestRefusal):
            return self.said_no(request)
        self.done(request, f"{request.dataset} is not granted to {request.project}.")
        return 0


class Ask(_Deciding):
    """Ask back; the request waits for the answer of whoever asked."""

    examples = 'hub-ext request ask req-4sj22zkrni6hipsv5rzg "Do you need the dates of birth?"'
    arguments = (REQUEST, Argument("question", "What they are asked."))

    def run(self) -> int:
        """Ask."""
        told = flows.ask_back(self.site, self.actor, self.argument("request"), self.argument("question"))
        if isinstance(told, RequestRefusal):
            return self.said_no(told)
        self.done(told, f"Question {told.questions[-1].number} waits for its answer.")
        return 0


class Request(Noun):
    """Requests for access: researchers ask on their own page, stewards decide."""

    verbs = (
        ("list", ListAll, "which requests wait"),
        ("show", Show, "one request with its purpose"),
        ("approve", Approve, "grant what was asked for"),
        ("refuse", Refuse, "grant nothing, and say why"),
        ("ask", Ask, "ask back before deciding"),
    )
    examples = """
        hub-ext request list
        hub-ext request approve req-4sj22zkrni6hipsv5rzg --until 2026-12-31
    """
