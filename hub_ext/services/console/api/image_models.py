"""Entries of the catalogue and their revisions, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from hub_ext.expression.catalogue import finding_text
from hub_ext.model import Ceilings, Finding, ImageEntry, ImageRevision, ImageState, Localised
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.services.console.api.interfaces import ServerInterface, server_interface
from hub_ext.services.console.operations import ApiModel

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

    def ceilings(self) -> Ceilings:
        """As the model has it."""
        return Ceilings(self.cpus, self.mem_bytes, self.gpus, self.idle_seconds)


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


def image_answer(entry: ImageEntry) -> Image:
    """An entry of the model, for an answer."""
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


def revision_answer(revision: ImageRevision, check: ImageCheck | None) -> Revision:
    """A revision of the model, for an answer."""
    return Revision(
        number=revision.number,
        digest=revision.digest,
        created=revision.created,
        created_by=revision.created_by,
        published=revision.published,
        report=dict(revision.report),
        checked=check.outcome if check else None,
    )


def remark(finding: Finding, language: str) -> Remark:
    """A finding in the reader's language."""
    text = finding_text(finding, language)
    return Remark(code=finding.code.value, blocking=finding.blocking, text=text)
