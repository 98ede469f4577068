"""Checks in the store: begun, seen to, and ended once, by whoever ends them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hub_ext.adapters.store import Tx, image_check_runs, image_checks, images, revisions
from hub_ext.errors import Conflict, NotFound
from hub_ext.flows import checks
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, Verb
from hub_ext.model.image_checks import CheckOutcome, CheckRun, CheckRunner, ImageCheck
from hub_ext.phrase import Phrase

SEEN_SECONDS = 5  # between two signs of life
GONE_SECONDS = 60  # without one: nobody is at it any more


def begin(
    site: Site, actor: Actor, slug: str, number: int | None = None, *, runner: CheckRunner
) -> ImageCheck:
    """A check of the revision of that number (the newest), to be `run` at once.

    Raises NotFound, and Conflict while another one of the entry runs.
    """
    with site.store.transaction() as tx:
        images.get(tx, slug)
        known = {revision.number: revision for revision in revisions.listing(tx, slug)}
        chosen = known.get(max(known, default=0) if number is None else number)
        if chosen is None:
            raise NotFound(
                "{slug} has no revision {number}.",
                advice="Its page lists them.",
                slug=slug,
                number=number or 1,
            )
        _settle(site, tx, actor, _gone(site, tx))
        if any(other.entry == slug for other in image_checks.running(tx)):
            raise Conflict("{slug} is being checked already.", advice="Wait for its end.", slug=slug)
        now = site.now()
        check = ImageCheck(new_id("chk"), slug, chosen.number, chosen.digest, now, checks.approver(actor))
        image_checks.add(tx, check)
        image_check_runs.add(tx, CheckRun(check.id, runner, now))
    return check


def renew(site: Site, check: ImageCheck) -> bool:
    """Says that somebody is at it; False where it has ended."""
    with site.store.transaction() as tx:
        return image_check_runs.renew(tx, check.id, site.now())


def end(site: Site, actor: Actor, check: ImageCheck, why: tuple[Phrase, ...] = ()) -> ImageCheck:
    """Writes down how it ended; one that has ended already stays as it is. As it then stands."""
    with site.store.transaction() as tx:
        _end(site, tx, actor, check, why)
        return image_checks.get(tx, check.id)


def call_off(site: Site, actor: Actor, check: ImageCheck) -> None:
    """Writes down that nobody will run it any more; one that has ended stays as it is."""
    end(site, actor, _interrupted(site, check))


def settle(site: Site, actor: Actor, *, ended: CheckRunner | None = None) -> tuple[ImageCheck, ...]:
    """Writes down the end of checks that nobody is at any more; what was.

    `ended`: a program that is known to have ended, with all that it ran.
    """
    with site.store.transaction() as tx:
        return _settle(site, tx, actor, _gone(site, tx, ended))


def _gone(site: Site, tx: Tx, ended: CheckRunner | None = None) -> tuple[ImageCheck, ...]:
    since = site.now() - timedelta(seconds=GONE_SECONDS)

    def gone(check: ImageCheck) -> bool:
        held = image_check_runs.find(tx, check.id)
        return held is None or held.seen < since or held.runner is ended

    return tuple(check for check in image_checks.running(tx) if gone(check))


def _settle(site: Site, tx: Tx, actor: Actor, gone: Iterable[ImageCheck]) -> tuple[ImageCheck, ...]:
    interrupted = tuple(_interrupted(site, check) for check in gone)
    for check in interrupted:
        _end(site, tx, actor, check, ())
    return interrupted


def _interrupted(site: Site, check: ImageCheck) -> ImageCheck:
    return replace(check, ended=site.now(), outcome=CheckOutcome.INTERRUPTED)


def _end(site: Site, tx: Tx, actor: Actor, check: ImageCheck, why: tuple[Phrase, ...]) -> None:
    if not image_checks.end(tx, check):
        return
    if why:
        image_check_runs.replace(tx, replace(image_check_runs.get(tx, check.id), why=why))
    facts = {
        "check": check.id,
        "revision": check.number,
        "digest": check.digest,
        "outcome": check.outcome,
        "status": check.status,
    }
    site.record(tx, actor, Verb.IMAGE_CHECKED, check.entry, facts)
