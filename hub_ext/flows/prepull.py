"""Images are on the node before anybody starts them: at the start of an instance, soon after a publication.

Nothing is kept of it but in memory: what should be there follows from the catalogue, what is there from the
engine. Whoever is killed on the way begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from hub_ext.adapters.store import images, revisions
from hub_ext.errors import HubExtError
from hub_ext.flows import disk
from hub_ext.flows.site import Site
from hub_ext.model import ImageReference
from hub_ext.policy import prepull as policy
from hub_ext.policy.catalogue import LAUNCHABLE

LOOK_AGAIN = timedelta(minutes=10)

log = logging.getLogger("prepull")


class Prepull:
    """For one node. The engine is asked what it holds when the catalogue has changed, and now and then."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._catalogue: object = None
        self._looked: datetime | None = None
        self._failed: dict[ImageReference, datetime] = {}

    async def run(self) -> tuple[ImageReference, ...]:
        """Fetches what is missing, one image after the other; what came.

        Raises EngineError where the engine does not tell what it holds. A pull that fails is logged and tried
        again later.
        """
        if not self._site.settings.prepull:
            return ()
        stamp = await asyncio.to_thread(self._stamp)
        if not self._due(stamp):
            return ()
        came: list[ImageReference] = []
        while (reference := await self._next()) is not None:
            repository, _, digest = self._name(reference).partition("@")
            try:
                await self._site.engine.pull(repository, digest)
            except HubExtError as error:
                self._failed[reference] = self._site.now()
                log.warning("%s@%s was not fetched ahead: %s", reference.path, digest, error)
            else:
                came.append(reference)
        # Only now: an engine that did not tell what it holds is asked at the next turn.
        self._catalogue, self._looked = stamp, self._site.now()
        return tuple(came)

    def _due(self, stamp: object) -> bool:
        now = self._site.now()
        if self._looked is None or stamp != self._catalogue or now - self._looked >= LOOK_AGAIN:
            return True
        return any(now - failed >= policy.AGAIN_AFTER for failed in self._failed.values())

    def _stamp(self) -> object:
        with self._site.store.reading() as tx:
            return images.stamp(tx)

    async def _next(self) -> ImageReference | None:
        wanted = await asyncio.to_thread(self._wanted)
        known = await self._site.engine.image_digests()
        held = {reference for reference in wanted if self._name(reference) in known}
        # One that has come by another way, or is wanted no more, did not fail.
        self._failed = {one: when for one, when in self._failed.items() if one in wanted and one not in held}
        facts = await disk.facts(self._site)
        chosen = policy.next_pull(wanted, held, self._failed, facts, self._site.now())
        if chosen is None and len(held) + len(self._failed) < len(wanted):
            log.warning("Images wait for room on the disk before they are fetched ahead.")
        return chosen

    def _wanted(self) -> tuple[ImageReference, ...]:
        with self._site.store.reading() as tx:
            entries = images.listing(tx, states=LAUNCHABLE)
            launched = revisions.launched(tx, states=LAUNCHABLE)
        return tuple(one for one in policy.launchable(entries, launched) if self._name(one))

    def _name(self, reference: ImageReference) -> str:
        """As the engine has it; "" for a registry that the settings do not name any more."""
        registry = self._site.settings.registry(reference.alias)
        return f"{registry.address}/{reference.path}@{reference.digest}" if registry else ""
