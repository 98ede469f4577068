"""Looks at the tags of many entries: one small question each, and only what has moved is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from hub_ext.adapters.registry import RegistryClient
from hub_ext.adapters.store import images, revisions
from hub_ext.errors import ManifestUnknown, RegistryError
from hub_ext.flows import catalogue
from hub_ext.flows.catalogue import Looked
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ImageEntry, ImageRevision, ImageState

# The registry's client has as many connections: more questions would wait here or there.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`moved` are the entries whose tag was looked at whole, `same` the slugs whose tag names what is known.

    `gone` are the slugs whose tag the registry does not have any more.
    """

    moved: tuple[Looked, ...]
    same: tuple[str, ...]
    gone: tuple[tuple[str, ManifestUnknown], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    entry: ImageEntry
    newest: ImageRevision | None

    def names(self, digest: str) -> bool:
        """Whether the newest revision is what a tag with this digest names; an index names it by its own."""
        known = self.newest
        return bool(digest) and known is not None and digest in (known.digest, known.report.get("index"))


async def refresh_many(
    site: Site, actor: Actor, slugs: Collection[str] | None = None, *, tell: Callable[[int, int], None]
) -> Refreshed:
    """As `catalogue.refresh` of each of these entries, or of all that are not retired.

    `tell` hears how many of how many were asked about. Raises the RegistryError tree where a registry does
    not answer: what it says of one entry, it would say of the others.
    """
    known = await asyncio.to_thread(_known, site, slugs)
    asked = 0
    digests: dict[str, str | ManifestUnknown] = {}

    async def ask(registry: RegistryClient, ahead: list[_Known]) -> None:
        nonlocal asked
        while ahead:
            one = ahead.pop()
            try:
                digests[one.entry.slug] = await registry.tag_digest(one.entry.path, one.entry.tag)
            except ManifestUnknown as error:
                digests[one.entry.slug] = error
            asked += 1
            tell(asked, len(known))

    for alias in sorted({one.entry.alias for one in known}):
        ahead = [one for one in known if one.entry.alias == alias]
        async with site.registry(alias) as registry:
            try:
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(AT_ONCE):
                        tasks.create_task(ask(registry, ahead))
            except* RegistryError as failures:
                raise failures.exceptions[0] from None
    return await _read_moved(site, actor, known, digests)


async def _read_moved(
    site: Site, actor: Actor, known: tuple[_Known, ...], digests: dict[str, str | ManifestUnknown]
) -> Refreshed:
    moved, same, gone = [], [], []
    for one in known:
        slug, digest = one.entry.slug, digests[one.entry.slug]
        if isinstance(digest, ManifestUnknown):
            gone.append((slug, digest))
        elif one.names(digest):
            same.append(slug)
        else:
            moved.append(await catalogue.refresh(site, actor, slug))
    return Refreshed(tuple(moved), tuple(same), tuple(gone))


def _known(site: Site, slugs: Collection[str] | None) -> tuple[_Known, ...]:
    with site.store.reading() as tx:
        entries = images.listing(tx)
        newest = {revision.entry: revision for revision in revisions.newest(tx)}
    return tuple(
        _Known(entry, newest.get(entry.slug))
        for entry in entries
        if (entry.slug in slugs if slugs is not None else entry.state is not ImageState.RETIRED)
    )
