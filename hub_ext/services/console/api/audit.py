"""The record: searched, each event whole, the chain's state; who had access to a dataset."""

from __future__ import annotations

import tempfile
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from hub_ext.flows import audit as flows
from hub_ext.flows.access import access
from hub_ext.flows.look_up import look_up, looked_up
from hub_ext.model import AuditEvent
from hub_ext.model.duties import Deed
from hub_ext.services.console.operations import (
    Answer,
    ApiModel,
    Call,
    FileAnswer,
    Listed,
    Operation,
    Problem,
)

Key = Annotated[str, Field(max_length=100)]


class Event(ApiModel):
    """One row of the record."""

    sequence: int
    time: AwareDatetime
    actor_kind: str
    actor_id: str
    actor_on_behalf: str
    verb: str
    subject: str
    facts: dict[str, Any]
    previous_hash: str
    hash: str


class SelectionQuery(ApiModel):
    """All that is set must hold. `person` is an id, after a look-up; `verb` is one, or a noun: "grant"."""

    person: Key = ""
    project: Key = ""
    dataset: Key = ""
    image: Key = ""
    verb: Key = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class EventQuery(SelectionQuery):
    """A page of the selection: `after` is the `next` of the page before."""

    limit: int = Field(100, ge=1, le=500)
    after: str = Field("", pattern=r"^[0-9]{0,17}$")


class ExportQuery(SelectionQuery):
    """The whole selection, as JSON Lines or CSV."""

    format: Literal["jsonl", "csv"] = "jsonl"


class LookUp(ApiModel):
    """Whose part of the record, by username or id, and why; the reason is recorded."""

    person: Key
    why: Annotated[str, Field(max_length=2000)]


class LookedUp(ApiModel):
    """Who was meant. For an hour, their part of the record may be read by whoever gave the reason."""

    person: str


class Chain(ApiModel):
    """The whole walk under way (`walked` events of it), and what the last walk found, begun `at`.

    `whole_at` is when the last walk from the first event began: at most a day ago, or one is begun.
    """

    events: int
    walked: int | None
    ok: bool | None
    verified: int | None
    first_bad: int | None
    why: str
    head: str
    at: AwareDatetime | None
    whole_at: AwareDatetime | None


class AccessQuery(ApiModel):
    """since ≤ time < until."""

    dataset: Key
    since: AwareDatetime
    until: AwareDatetime


class Could(ApiModel):
    """Somebody who could have mounted it in that time."""

    person_id: str
    project: str
    grant_id: str
    approval: str
    since: AwareDatetime
    until: AwareDatetime


class Did(ApiModel):
    """A session that had it; `until` null: it runs."""

    person_id: str
    project: str
    launch_id: str
    versions: tuple[int, ...]
    image: str
    revision: int
    digest: str
    since: AwareDatetime
    until: AwareDatetime | None


class Access(ApiModel):
    """Who could have had access, and who had."""

    could: tuple[Could, ...]
    did: tuple[Did, ...]


def listing(call: Call) -> Listed[Event]:
    """Events, the newest first."""
    asked = call.query
    beyond = int(asked.after) if asked.after else None
    found = flows.newest(call.site, _selected(call), beyond=beyond, limit=asked.limit + 1)
    more = str(found[asked.limit - 1].sequence) if len(found) > asked.limit else ""
    return Listed[Event](items=tuple(_shown(event) for event in found[: asked.limit]), next=more)


def export(call: Call) -> FileAnswer:
    """The selection as a file, once the export is on the record."""
    asked = call.query.format
    file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed once it is sent
    try:
        flows.export(call.site, call.actor, _selected(call), file, asked)
    except BaseException:
        file.close()
        raise
    return FileAnswer(file, flows.MEDIA[asked], f"audit.{asked}")


def one(call: Call) -> Event:
    """One event."""
    number = call.path["sequence"]
    if not number.isascii() or not number.isdigit() or len(number) > 17:
        raise Problem(404, "There is no such event")
    return _shown(flows.one(call.site, int(number)))


def look(call: Call) -> LookedUp:
    """Gives the reason."""
    return LookedUp(person=look_up(call.site, call.actor, call.body.person, call.body.why).id)


def who(call: Call) -> Access:
    """Who had access."""
    found = access(call.site, call.query.dataset, call.query.since, call.query.until)
    return Access(
        could=tuple(
            Could(
                person_id=one.person.id,
                project=one.project,
                grant_id=one.grant.id,
                approval=one.approval.reference,
                since=one.since,
                until=one.until,
            )
            for one in found.could
        ),
        did=tuple(
            Did(
                person_id=one.person.id,
                project=one.launch.project,
                launch_id=one.launch.id,
                versions=one.versions,
                image=one.launch.image,
                revision=one.launch.revision,
                digest=one.launch.digest,
                since=one.since,
                until=one.until,
            )
            for one in found.did
        ),
    )


def chain(call: Call) -> Chain:
    """The chain's state."""
    state = call.console.chain.state(call.site)
    found = state.found
    return Chain(
        events=state.events,
        walked=state.walked,
        ok=found.ok if found else None,
        verified=found.events if found else None,
        first_bad=found.first_bad if found else None,
        why=str(found.why) if found else "",
        head=f"{found.head[0]}:{found.head[1]}" if found else "",
        at=state.at,
        whole_at=state.whole,
    )


async def verify(call: Call) -> Answer:
    """Begins to verify the whole record."""
    call.console.chain.begin(call.site)
    return Answer(location="audit/chain")


def _selected(call: Call) -> flows.Selection:
    """What is asked for; a person without a look-up ends the call."""
    asked = call.query
    if asked.person:
        call.require(Deed.LOOK_UP_PERSON)
        if not looked_up(call.site, call.actor, asked.person):
            raise Problem(
                403,
                "Say first why you look this person up",
                advice="POST /audit/look-ups; it holds for an hour.",
            )
    return flows.Selection(
        verbs=flows.verbs_named(asked.verb) if asked.verb else (),
        **{
            name: getattr(asked, name) for name in ("person", "project", "dataset", "image", "since", "until")
        },
    )


def _shown(event: AuditEvent) -> Event:
    return Event(
        sequence=event.sequence,
        time=event.time,
        actor_kind=event.actor.kind,
        actor_id=event.actor.id,
        actor_on_behalf=event.actor.on_behalf,
        verb=event.verb,
        subject=event.subject,
        facts=dict(event.facts),
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


READ = Deed.READ_AUDIT
OPERATIONS = (
    Operation("GET", "/audit", "Events", listing, deed=READ, query=EventQuery, answer=Listed[Event]),
    Operation(
        "POST",
        "/audit/look-ups",
        "Say why one person is looked up",
        look,
        deed=Deed.LOOK_UP_PERSON,
        body=LookUp,
        answer=LookedUp,
        status=201,
    ),
    Operation("GET", "/audit/access", "Who had access", who, deed=READ, query=AccessQuery, answer=Access),
    Operation("GET", "/audit/chain", "The chain's state", chain, deed=READ, answer=Chain),
    Operation("POST", "/audit/chain", "Verify the whole record", verify, deed=READ, status=202),
    Operation(
        "GET",
        "/audit/export",
        "A selection as a file; the export is recorded",
        export,
        deed=READ,
        query=ExportQuery,
        media=tuple(flows.MEDIA.values()),
        recorded=True,
    ),
    Operation("GET", "/audit/{sequence}", "One event", one, deed=READ, answer=Event),
)
