"""Entries retired for a security reason: their sessions end, until the entry is published again."""

from __future__ import annotations

from dataclasses import replace

from hub_ext.adapters.store import Tx, unsafe_images
from hub_ext.flows.site import Site
from hub_ext.model import UnsafeImage


def unsafe(site: Site, slug: str) -> UnsafeImage | None:
    """Why the entry counts as unsafe now, or None."""
    with site.store.reading() as tx:
        return standing(tx, slug)


def standing(tx: Tx, slug: str) -> UnsafeImage | None:
    """The same, in a transaction."""
    known = unsafe_images.find(tx, slug)
    return known if known is not None and known.cleared is None else None


def mark(tx: Tx, site: Site, slug: str, why: str) -> None:
    """From now on what runs of it ends. The caller writes the record."""
    marked = UnsafeImage(slug, why, site.now())
    if unsafe_images.find(tx, slug) is None:
        unsafe_images.add(tx, marked)
    else:
        unsafe_images.replace(tx, marked)


def clear(tx: Tx, site: Site, slug: str) -> None:
    """It is published again: nothing ends because of it any more."""
    known = standing(tx, slug)
    if known is not None:
        unsafe_images.replace(tx, replace(known, cleared=site.now()))
