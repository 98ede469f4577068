"""The catalogue, searched: a part of it at a time, so that ten thousand entries are as quick as ten."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from hub_ext.adapters.store import images
from hub_ext.flows.site import Site
from hub_ext.model import ImageEntry, ImageState

_STEP = 500


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
    text = _folded(wanted.text.strip())
    found: list[ImageEntry] = []
    with site.store.reading() as tx:
        while len(found) <= limit:
            part = images.following(tx, after, _STEP)
            found += [entry for entry in part if _matches(entry, wanted, text)]
            if len(part) < _STEP:
                break
            after = part[-1].slug
    more = len(found) > limit
    items = tuple(found[:limit])
    return Found(items, items[-1].slug if more else "")


def _matches(entry: ImageEntry, wanted: Search, text: str) -> bool:
    if wanted.state is not None and entry.state is not wanted.state:
        return False
    if wanted.project and entry.projects and wanted.project not in entry.projects:
        return False
    if not text:
        return True
    said = (
        entry.slug,
        entry.title.en,
        entry.title.fr,
        entry.description.en,
        entry.description.fr,
        entry.path,
    )
    return any(text in _folded(one) for one in said)


def _folded(text: str) -> str:
    """Without accents and capitals."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()
