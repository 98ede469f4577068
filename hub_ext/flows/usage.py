"""Who uses an image: servers that run it now, and when it was last used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub_ext.adapters.store import images, launches
from hub_ext.flows.site import Site
from hub_ext.model import Launch


@dataclass(frozen=True, slots=True)
class Usage:
    """`running` are launches under way, the newest first; `starts` counts all, by revision."""

    running: tuple[Launch, ...]
    last: datetime | None
    starts: dict[int, int]


def usage(site: Site, slug: str) -> Usage:
    """Who uses that entry. Raises NotFound."""
    with site.store.reading() as tx:
        images.get(tx, slug)
        newest = launches.listing(tx, image=slug, limit=1)
        return Usage(
            launches.listing(tx, image=slug, active=True),
            newest[0].admitted if newest else None,
            launches.counted(tx, image=slug),
        )
