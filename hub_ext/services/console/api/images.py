"""The catalogue of images."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hub_ext.expression.catalogue import finding_text
from hub_ext.flows import catalogue as flows
from hub_ext.flows import catalogue_search, image_check
from hub_ext.flows.admission import EntryChanges, EntryOptions
from hub_ext.flows.usage import usage
from hub_ext.model import FindingCode, ImageEntry, Rejection
from hub_ext.model.duties import Deed
from hub_ext.services.console.api.image_models import (
    Choice,
    Deprecation,
    Image,
    ImageChanges,
    ImageQuery,
    Look,
    NewImage,
    Publication,
    Retirement,
    Revision,
    Usage,
    image_answer,
    remark,
    revision_answer,
)
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation, Problem


def listing(call: Call) -> Listed[Image]:
    """Entries by slug."""
    query: ImageQuery = call.query
    wanted = catalogue_search.Search(query.q, query.state, query.project)
    found = catalogue_search.search(call.site, wanted, after=query.after, limit=query.limit)
    return Listed[Image](items=tuple(image_answer(entry) for entry in found.items), next=found.next)


def one(call: Call) -> Answer:
    """The entry."""
    return _answer(flows.show(call.site, call.path["slug"]).entry)


def revisions(call: Call) -> Listed[Revision]:
    """The newest first."""
    shown = flows.show(call.site, call.path["slug"])
    checked = image_check.verdicts(call.site, shown.entry.slug)
    return Listed[Revision](
        items=tuple(revision_answer(known, checked.get(known.number)) for known in shown.revisions)
    )


def used(call: Call) -> Usage:
    """Who uses it, in numbers."""
    found = usage(call.site, call.path["slug"])
    return Usage(running=len(found.running), last=found.last, starts=found.starts)


async def add(call: Call) -> Answer:
    """A draft."""
    body: NewImage = call.body
    options = EntryOptions(
        projects=body.projects,
        ceilings=body.ceilings.ceilings(),
        interface=body.interface.interface(),
        needs_gpu=body.needs_gpu,
        allowed_env=body.allowed_env,
    )
    if body.start_url is not None:
        options["start_url"] = body.start_url
    looked = await flows.add(
        *(call.site, call.actor),
        slug=body.slug,
        title=body.title.localised(),
        description=body.description.localised(),
        alias=body.registry,
        path=body.path,
        tag=body.tag,
        **options,
    )
    entry = looked.entry
    return Answer(image_answer(entry), version=entry.version, location=f"images/{entry.slug}")


def change(call: Call) -> Answer:
    """The entry with what was sent."""
    body: ImageChanges = call.body
    typed = EntryChanges()
    if body.title is not None:
        typed["title"] = body.title.localised()
    if body.description is not None:
        typed["description"] = body.description.localised()
    if body.tag is not None:
        typed["tag"] = body.tag
    if body.projects is not None:
        typed["projects"] = body.projects
    if body.ceilings is not None:
        typed["ceilings"] = body.ceilings.ceilings()
    if body.interface is not None:
        typed["interface"] = body.interface.interface()
    if body.start_url is not None:
        typed["start_url"] = body.start_url
    if body.needs_gpu is not None:
        typed["needs_gpu"] = body.needs_gpu
    if body.allowed_env is not None:
        typed["allowed_env"] = body.allowed_env
    entry = flows.change(call.site, call.actor, call.path["slug"], expected_version=call.version, **typed)
    return _answer(entry)


async def refresh(call: Call) -> Look:
    """A look at the tag."""
    looked = await flows.refresh(call.site, call.actor, call.path["slug"])
    remarks = tuple(remark(finding, call.language) for finding in looked.findings)
    checked = await asyncio.to_thread(image_check.verdicts, call.site, looked.entry.slug)
    revision = revision_answer(looked.revision, checked.get(looked.revision.number))
    return Look(revision=revision, new=looked.new, findings=remarks)


async def publish(call: Call) -> Answer:
    """The revision for everybody from now on."""
    body: Publication = call.body
    made = await flows.publish(
        *(call.site, call.actor, call.path["slug"]),
        number=body.revision,
        expected_version=call.version,
        despite_failed_check=body.despite_failed_check,
    )
    return _moved(call, made)


def roll_back(call: Call) -> Answer:
    """An earlier revision for everybody from now on."""
    number = call.body.revision
    made = flows.rollback(
        call.site, call.actor, call.path["slug"], number=number, expected_version=call.version
    )
    return _moved(call, made)


def deprecate(call: Call) -> Answer:
    """Still started, with a word to its users."""
    body: Deprecation = call.body
    made = flows.deprecate(
        *(call.site, call.actor, call.path["slug"]),
        successor=body.successor,
        why=body.why,
        expected_version=call.version,
    )
    return _moved(call, made)


def retire(call: Call) -> Answer:
    """Started no more."""
    made = flows.retire(
        *(call.site, call.actor, call.path["slug"]),
        why=call.body.why,
        security=call.body.security,
        expected_version=call.version,
    )
    return _moved(call, made)


def _moved(call: Call, made: ImageEntry | Rejection) -> Answer:
    if isinstance(made, Rejection):
        reasons = tuple(
            {"field": finding.code.value, "reason": finding_text(finding, call.language)}
            for finding in made.findings
        )
        asked = any(finding.code is FindingCode.CHECK_FAILED for finding in made.findings)
        advice = "Send despite_failed_check: true to publish it all the same." if asked else ""
        raise Problem(409, "Refused", advice=advice, reasons=reasons)
    return _answer(made)


def _answer(entry: ImageEntry) -> Answer:
    return Answer(image_answer(entry), version=entry.version)


def _edit(
    method: str, path: str, summary: str, run: Callable[[Call], Any], body: type[ApiModel]
) -> Operation:
    """Something that changes the entry: it names the version that was read."""
    return Operation(method, path, summary, run, Deed.WRITE_IMAGES, body=body, answer=Image, conditional=True)


READ, WRITE = Deed.READ_IMAGES, Deed.WRITE_IMAGES
ONE = "/images/{slug}"
OPERATIONS = (
    Operation("GET", "/images", "Entries by slug", listing, READ, query=ImageQuery, answer=Listed[Image]),
    Operation("POST", "/images", "Add a draft", add, WRITE, body=NewImage, answer=Image, status=201),
    Operation("GET", ONE, "An entry", one, READ, answer=Image),
    _edit("PATCH", ONE, "Describe it otherwise", change, ImageChanges),
    Operation("GET", f"{ONE}/revisions", "Its digests", revisions, READ, answer=Listed[Revision]),
    Operation("GET", f"{ONE}/usage", "How much it is used", used, READ, answer=Usage),
    Operation("POST", f"{ONE}/refresh", "Look at its tag again", refresh, WRITE, answer=Look),
    _edit("POST", f"{ONE}/publish", "Start a revision", publish, Publication),
    _edit("POST", f"{ONE}/roll-back", "Start an earlier revision", roll_back, Choice),
    _edit("POST", f"{ONE}/deprecate", "Tell its users that it goes", deprecate, Deprecation),
    _edit("POST", f"{ONE}/retire", "Start it no more", retire, Retirement),
)
