"""What images hold, and what revisions differ in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hub_ext.flows import image_contents as flow
from hub_ext.model.duties import Deed
from hub_ext.model.image_contents import Change, ImageContents
from hub_ext.services.console.api.images import ONE, READ
from hub_ext.services.console.api.registries import alias_of
from hub_ext.services.console.operations import ApiModel, Call, Operation, Problem

Number = Annotated[int, Field(ge=1, le=1_000_000)]


class Contents(ApiModel):
    """An image. `packages`, by kind, then version by name, is null where the image brings no list."""

    digest: str
    platform: str
    created: str
    user: str
    env: dict[str, str]
    layer_bytes: tuple[int, ...]
    packages: dict[str, dict[str, str]] | None


class Changed(ApiModel):
    """Something that differs: null where that revision lacks it."""

    kind: str
    name: str
    before: str | None
    after: str | None


class Differences(ApiModel):
    """From one revision to another; `packages` is null where one of them brings no list."""

    env: tuple[Changed, ...]
    packages: tuple[Changed, ...] | None


class Between(ApiModel):
    """Two revisions."""

    before: Number
    after: Number


class Reference(ApiModel):
    """An image of a registry: a tag, or a digest."""

    path: Annotated[str, Field(min_length=1, max_length=255)]
    reference: Annotated[str, Field(min_length=1, max_length=128)]


async def of_revision(call: Call) -> Contents:
    """A revision's."""
    number = call.path["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 8):
        raise Problem(404, "There is no such revision")
    return _contents(await flow.of_revision(call.site, call.path["slug"], int(number)))


async def picked(call: Call) -> Contents:
    """One of a registry."""
    query: Reference = call.query
    return _contents(await flow.contents(call.site, alias_of(call), query.path, query.reference))


async def between(call: Call) -> Differences:
    """Of two revisions."""
    query: Between = call.query
    found = await flow.between(call.site, call.path["slug"], query.before, query.after)
    packages = None if found.packages is None else tuple(map(_changed, found.packages))
    return Differences(env=tuple(map(_changed, found.env)), packages=packages)


def _contents(found: ImageContents) -> Contents:
    packages = None
    if found.packages is not None:
        packages = {kind: dict(held) for kind, held in found.packages.items()}
    return Contents(
        digest=found.digest,
        platform=found.platform,
        created=found.created,
        user=found.user,
        env=dict(found.env),
        layer_bytes=found.layer_bytes,
        packages=packages,
    )


def _changed(change: Change) -> Changed:
    return Changed(kind=change.kind, name=change.name, before=change.before, after=change.after)


OPERATIONS = (
    Operation(
        *("GET", "/registries/{alias}/contents", "What an image holds", picked, Deed.WRITE_IMAGES),
        query=Reference,
        answer=Contents,
    ),
    Operation(
        "GET", f"{ONE}/revisions/{{number}}/contents", "What it holds", of_revision, READ, answer=Contents
    ),
    Operation(
        *("GET", f"{ONE}/difference", "What two revisions differ in", between, READ),
        query=Between,
        answer=Differences,
    ),
)
