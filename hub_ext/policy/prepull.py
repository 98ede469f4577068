"""Which image a node fetches ahead of whoever will start it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from hub_ext.model import DiskFacts, ImageEntry, ImageReference, ImageRevision
from hub_ext.policy.catalogue import may_launch

# A pull that failed is tried again after so long. Who starts the image meanwhile reads why it does not come.
AGAIN_AFTER = timedelta(minutes=10)


def launchable(
    entries: Collection[ImageEntry], launched: Mapping[str, ImageRevision]
) -> tuple[ImageReference, ...]:
    """What a launch may use now, the newest published first; `launched` by slug."""
    chosen = [
        (revision, entry)
        for entry in entries
        if may_launch(entry.state) and (revision := launched.get(entry.slug))
    ]
    chosen.sort(key=lambda one: (one[0].published or one[0].created, one[1].slug), reverse=True)
    return tuple(ImageReference(entry.alias, entry.path, revision.digest) for revision, entry in chosen)


def next_pull(
    wanted: Collection[ImageReference],
    held: Collection[ImageReference],
    failed: Mapping[ImageReference, datetime],
    disk: DiskFacts,
    now: datetime,
) -> ImageReference | None:
    """The next one to fetch; None where there is nothing to do, or no room to do it in.

    `failed`: when the pull of an image last failed. None is fetched while less than the reserve is free: what
    nobody asked for must not keep launches from starting. How large an image will be is not known beforehand.
    """
    if disk.free_bytes is None or disk.free_bytes < disk.reserve_bytes:
        return None
    for reference in wanted:
        if reference in held:
            continue
        if reference not in failed or now - failed[reference] >= AGAIN_AFTER:
            return reference
    return None
