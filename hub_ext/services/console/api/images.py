"""The catalogue of images."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from hub_ext.expression.catalogue import finding_text
from hub_ext.flows import catalogue as flows
from hub_ext.flows import catalogue_search, image_check
from hub_ext.flows.admission import EntryChanges, EntryOptions
from hub_ext.flows.usage import usage
from hub_ext.model import (
    Ceilings,
    Finding,
    FindingCode,
    ImageEntry,
    ImageRevision,
    ImageState,
    Localised,
    Rejection,
)
from hub_ext.model.duties import Deed
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.services.console.api.interfaces import ServerInterface, server_interface
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation, Problem

Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
Words = Annotated[str, Field(max_length=2000)]
Variables = Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(max_length=32)]


class Text(ApiModel):
    """A text in both languages."""

    en: Words
    fr: Words

    def localised(self) -> Localised:
        """As the model has it."""
        return Localised(self.en, self.fr)


class Limits(ApiModel):
    """Ceilings of one server; null is the site's."""

    cpus: Annotated[float, Field(gt=0, le=1024)] | None = None
    mem_bytes: Annotated[int, Field(ge=256 * 1024**2, le=2**50)] | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] | None = None
    idle_seconds: Annotated[int, Field(ge=60, le=10_000_000)] | None = None


class Image(ApiModel):
    """An entry of the catalogue. `revision` is what starts, 0 for nothing; `version` is its ETag.

    `allowed_env` are variables of the image that its servers keep although they are usually emptied.
    """

    slug: str
    title: Text
    description: Text
    registry: str
    path: str
    tag: str
    state: ImageState
    revision: int
    version: int
    projects: tuple[str, ...]
    ceilings: Limits
    interface: ServerInterface
    start_url: str
    needs_gpu: bool
    allowed_env: tuple[str, ...]
    successor: str | None
    created: AwareDatetime
    ended: AwareDatetime | None


class Revision(ApiModel):
    """A digest that the entry has pointed to, with the review of that time.

    `checked` is what its last check found of it, null where none did.
    """

    number: int
    digest: str
    created: AwareDatetime
    created_by: str
    published: AwareDatetime | None
    report: dict[str, Any]
    checked: CheckOutcome | None


class ImageQuery(ApiModel):
    """Which entries, and which part of them: `after` is the `next` of the part before."""

    q: Annotated[str, Field(max_length=200)] = ""
    state: ImageState | None = None
    project: Annotated[str, Field(max_length=40)] = ""
    after: Annotated[str, Field(max_length=40)] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class NewImage(ApiModel):
    """A draft from an image of a registry. `start_url` null is the usual one of the interface."""

    slug: Slug
    title: Text
    description: Text = Text(en="", fr="")
    registry: Annotated[str, Field(max_length=40)] = ""
    path: Annotated[str, Field(min_length=1, max_length=255)]
    tag: Annotated[str, Field(min_length=1, max_length=128)]
    projects: Annotated[tuple[Slug, ...], Field(max_length=1000)] = ()
    ceilings: Limits = Limits()
    interface: ServerInterface = ServerInterface()
    start_url: Annotated[str, Field(max_length=200)] | None = None
    needs_gpu: bool = False
    allowed_env: Variables = ()


class ImageChanges(ApiModel):
    """What is to be otherwise; what is left out stays. An interface is replaced whole."""

    title: Text | None = None
    description: Text | None = None
    tag: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    projects: Annotated[tuple[Slug, ...], Field(max_length=1000)] | None = None
    ceilings: Limits | None = None
    interface: ServerInterface | None = None
    start_url: Annotated[str, Field(max_length=200)] | None = None
    needs_gpu: bool | None = None
    allowed_env: Variables | None = None


class Choice(ApiModel):
    """A revision; null lets the catalogue choose: the newest to publish, the last published to go back to."""

    revision: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Publication(Choice):
    """A revision whose last check failed is published only with `despite_failed_check`."""

    despite_failed_check: bool = False


class Usage(ApiModel):
    """How many servers run it now, when one was last started, and how often each revision was."""

    running: int
    last: AwareDatetime | None
    starts: dict[int, int]


class Deprecation(ApiModel):
    """What follows, and why."""

    successor: Slug | None = None
    why: Words = ""


class Retirement(ApiModel):
    """Why nobody may start it any more. For `security`, what runs of it ends too."""

    why: Annotated[str, Field(min_length=1, max_length=2000)]
    security: bool = False


class Remark(ApiModel):
    """What the review found."""

    code: str
    blocking: bool
    text: str


class Look(ApiModel):
    """What the tag names now."""

    revision: Revision
    new: bool
    findings: tuple[Remark, ...]


def listing(call: Call) -> Listed[Image]:
    """Entries by slug."""
    query: ImageQuery = call.query
    wanted = catalogue_search.Search(query.q, query.state, query.project)
    found = catalogue_search.search(call.site, wanted, after=query.after, limit=query.limit)
    return Listed[Image](items=tuple(_image(entry) for entry in found.items), next=found.next)


def one(call: Call) -> Answer:
    """The entry."""
    return _answer(flows.show(call.site, call.path["slug"]).entry)


def revisions(call: Call) -> Listed[Revision]:
    """The newest first."""
    shown = flows.show(call.site, call.path["slug"])
    checked = image_check.verdicts(call.site, shown.entry.slug)
    return Listed[Revision](
        items=tuple(_revision(known, checked.get(known.number)) for known in shown.revisions)
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
        ceilings=_ceilings(body.ceilings),
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
    return Answer(_image(entry), version=entry.version, location=f"images/{entry.slug}")


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
        typed["ceilings"] = _ceilings(body.ceilings)
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
    remarks = tuple(_remark(finding, call.language) for finding in looked.findings)
    checked = await asyncio.to_thread(image_check.verdicts, call.site, looked.entry.slug)
    revision = _revision(looked.revision, checked.get(looked.revision.number))
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
    return Answer(_image(entry), version=entry.version)


def _image(entry: ImageEntry) -> Image:
    limits = entry.ceilings
    return Image(
        slug=entry.slug,
        title=Text(en=entry.title.en, fr=entry.title.fr),
        description=Text(en=entry.description.en, fr=entry.description.fr),
        registry=entry.alias,
        path=entry.path,
        tag=entry.tag,
        state=entry.state,
        revision=entry.revision,
        version=entry.version,
        projects=entry.projects,
        ceilings=Limits.model_construct(
            cpus=limits.cpus,
            mem_bytes=limits.mem_bytes,
            gpus=limits.gpus,
            idle_seconds=limits.idle_seconds,
        ),
        interface=server_interface(entry.interface),
        start_url=entry.start_url,
        needs_gpu=entry.needs_gpu,
        allowed_env=entry.allowed_env,
        successor=entry.successor,
        created=entry.created,
        ended=entry.ended,
    )


def _revision(known: ImageRevision, check: ImageCheck | None) -> Revision:
    return Revision(
        number=known.number,
        digest=known.digest,
        created=known.created,
        created_by=known.created_by,
        published=known.published,
        report=dict(known.report),
        checked=check.outcome if check else None,
    )


def _remark(finding: Finding, language: str) -> Remark:
    text = finding_text(finding, language)
    return Remark(code=finding.code.value, blocking=finding.blocking, text=text)


def _ceilings(limits: Limits) -> Ceilings:
    return Ceilings(limits.cpus, limits.mem_bytes, limits.gpus, limits.idle_seconds)


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
