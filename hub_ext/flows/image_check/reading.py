"""Checks as they stand."""

from __future__ import annotations

from hub_ext.adapters.store import Tx, image_check_runs, image_checks
from hub_ext.errors import NotFound
from hub_ext.flows.site import Site
from hub_ext.model.image_checks import ImageCheck
from hub_ext.phrase import Phrase


def find(site: Site, slug: str, check_id: str) -> ImageCheck:
    """The check. Raises NotFound."""
    with site.store.reading() as tx:
        check = image_checks.get(tx, check_id)
    if check.entry != slug:
        raise NotFound("There is no such check of {slug}.", slug=slug)
    return check


def why(site: Site, check_id: str) -> tuple[Phrase, ...]:
    """What failed of ours, where something did, and what to do about it."""
    with site.store.reading() as tx:
        held = image_check_runs.find(tx, check_id)
    return tuple(one for one in held.why if one) if held else ()


def listing(site: Site, slug: str, limit: int = 20) -> tuple[ImageCheck, ...]:
    """The last checks of an entry, the newest first."""
    with site.store.reading() as tx:
        return image_checks.listing(tx, slug, limit=limit)


def verdicts(site: Site, slug: str) -> dict[int, ImageCheck]:
    """By revision the last check that says something of it; none for one that was never checked."""
    with site.store.reading() as tx:
        return {check.number: check for check in image_checks.verdicts(tx, slug)}


def failed(tx: Tx, slug: str | None = None) -> dict[str, dict[int, str]]:
    """By entry (or of that one) the revisions whose last check failed, each with that check's id."""
    found: dict[str, dict[int, str]] = {}
    for check in image_checks.verdicts(tx, slug):
        if check.outcome.against_image:
            found.setdefault(check.entry, {})[check.number] = check.id
    return found
