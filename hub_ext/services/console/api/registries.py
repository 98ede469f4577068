"""What the registries hold, to pick an image from."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.flows import browse
from hub_ext.model.duties import Deed
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation, Problem


class Registry(ApiModel):
    """A registry that the settings name."""

    alias: str
    address: str


class Repositories(ApiModel):
    """Paths, as of `seen`; `why` says why that is not now, "" where it is."""

    items: tuple[str, ...]
    seen: AwareDatetime
    why: str


class TaggedImage(ApiModel):
    """What a tag names, in the registry's words."""

    digest: str
    created: str
    total_bytes: int
    layers: int
    platform: str
    labels: dict[str, str]


class Tag(ApiModel):
    """A tag; `image` is null where the registry had no time to tell."""

    name: str
    image: TaggedImage | None


class Tags(ApiModel):
    """Tags, as of `seen`; `why` says why that is not now, "" where it is."""

    items: tuple[Tag, ...]
    seen: AwareDatetime
    why: str


class TagQuery(ApiModel):
    """Of which repository."""

    path: Annotated[str, Field(min_length=1, max_length=255)]


def listing(call: Call) -> Listed[Registry]:
    """All registries."""
    known = call.site.settings.registries
    return Listed[Registry](items=tuple(Registry(alias=one.alias, address=one.address) for one in known))


async def repositories(call: Call) -> Repositories:
    """The paths in one registry."""
    found = await browse.repositories(call.site, alias_of(call))
    return Repositories(items=found.items, seen=found.seen, why=str(found.failure or ""))


async def tags(call: Call) -> Tags:
    """The tags of one repository."""
    found = await browse.tags(call.site, alias_of(call), call.query.path)
    return Tags(items=tuple(_tag(tag) for tag in found.items), seen=found.seen, why=str(found.failure or ""))


def alias_of(call: Call) -> str:
    """The registry of the path. Ends the call with 404 where the settings name none."""
    alias = call.path["alias"]
    if call.site.settings.registry(alias) is None:
        raise Problem(404, "There is no such registry")
    return alias


def _tag(tag: browse.Tag) -> Tag:
    image = tag.image
    if image is None:
        return Tag(name=tag.name, image=None)
    told = TaggedImage(
        digest=image.digest,
        created=image.created,
        total_bytes=image.total_bytes,
        layers=image.layers,
        platform=image.platform,
        labels=image.labels,
    )
    return Tag(name=tag.name, image=told)


PICK = Deed.WRITE_IMAGES
ONE = "/registries/{alias}"
OPERATIONS = (
    Operation("GET", "/registries", "Registries", listing, PICK, answer=Listed[Registry]),
    Operation("GET", f"{ONE}/repositories", "Its repositories", repositories, PICK, answer=Repositories),
    Operation("GET", f"{ONE}/tags", "A repository's tags", tags, PICK, query=TagQuery, answer=Tags),
)
