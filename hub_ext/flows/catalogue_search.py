"""The catalogue, searched: a part of it at a time, so that ten thousand entries are as quick as ten."""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.adapters.store import images
from hub_ext.flows.site import Site
from hub_ext.model import ImageEntry, ImageState


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries: all that is set must hold. `text` stands in a name, a title or the repository's path."""

    text: str = ""
    state: ImageState | None = None
    project: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A part of what was found, by slug. `next` is where the following part begins; "" at the end."""

    items: tuple[ImageEntry, ...]
    next: str


def search(site: Site, wanted: Search, *, after: str = "", limit: int = 50) -> Found:
    """The entries after that slug; accents and capitals make no difference."""
    with site.store.reading() as tx:
        found = images.found(
            tx,
            text=wanted.text,
            state=wanted.state,
            project=wanted.project,
            after=after,
            limit=limit + 1,
        )
    items = found[:limit]
    return Found(items, items[-1].slug if len(found) > limit else "")
