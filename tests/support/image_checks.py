"""Checks of images that were made before a test begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hub_ext.adapters.store import image_checks
from hub_ext.flows import image_check
from hub_ext.flows.site import Site
from hub_ext.model.image_checks import CheckOutcome, CheckRunner, ImageCheck
from tests.support.scenario import STEWARD


def ended(site: Site, slug: str, outcome: CheckOutcome, number: int | None = None) -> ImageCheck:
    """A check of the entry's revision (the newest) that ended so, after those before."""
    earlier = image_check.listing(site, slug, 1)
    begun = image_check.begin(site, STEWARD, slug, number, runner=CheckRunner.COMMAND)
    # A test's clock may stand still.
    started = max([begun.started, *(one.started + timedelta(seconds=1) for one in earlier)])
    done = replace(begun, started=started, ended=started, outcome=outcome)
    with site.store.transaction() as tx:
        assert image_checks.end(tx, done)
    return done
