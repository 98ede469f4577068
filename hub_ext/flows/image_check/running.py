"""A check from its beginning to its end, whichever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any

from hub_ext.adapters.store import images
from hub_ext.errors import HubExtError
from hub_ext.flows.image_check import rows
from hub_ext.flows.image_check.reading import find
from hub_ext.flows.image_check.trial import Ended, tried
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ImageEntry
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.phrase import Phrase

UNFORESEEN = Phrase("hub-ext itself failed; the log of its process says how.")


class _Said:
    """The log so far, for whoever follows it and for the end."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.log = ""
        self._tell = tell

    def __call__(self, log: str) -> None:
        self.log = log
        self._tell(log)


async def run(
    site: Site,
    actor: Actor,
    check: ImageCheck,
    tell: Callable[[str], None] = lambda log: None,
    *,
    turn: AbstractAsyncContextManager[Any] | None = None,
) -> ImageCheck:
    """The check, ended and written down. `tell` is given the whole log whenever it has grown.

    It waits for its `turn`. An error that nobody foresaw, and cancellation, are raised once the check's end
    is written down.
    """
    said = _Said(tell)
    ended = replace(check, outcome=CheckOutcome.ERROR)
    why: tuple[Phrase, ...] = ()
    try:
        found = await _attended(site, check, said, turn or nullcontext())
        if found is None:  # somebody took us for gone, and wrote that down
            return await asyncio.to_thread(find, site, check.entry, check.id)
        said.log = found.log
        ended = replace(check, outcome=found.outcome, status=found.status)
    except HubExtError as error:
        why = (error.fact, error.next_step)
    except asyncio.CancelledError:
        ended = replace(check, outcome=CheckOutcome.INTERRUPTED)
        raise
    except BaseException:
        why = (UNFORESEEN,)
        raise
    finally:
        ended = replace(ended, ended=site.now(), log=said.log)
        ended = await asyncio.shield(asyncio.to_thread(rows.end, site, actor, ended, why))
    return ended


async def _attended(
    site: Site, check: ImageCheck, said: _Said, turn: AbstractAsyncContextManager[Any]
) -> Ended | None:
    """How the trial ended; None where the check was ended by others meanwhile."""
    trial = asyncio.create_task(_in_turn(site, check, said, turn))
    seen = asyncio.create_task(_seen(site, check))
    try:
        await asyncio.wait((trial, seen), return_when=asyncio.FIRST_COMPLETED)
        if trial.done():
            return trial.result()
        seen.result()
        return None
    finally:
        trial.cancel()
        seen.cancel()
        # The trial takes its container away before it ends.
        await asyncio.shield(asyncio.gather(trial, seen, return_exceptions=True))


async def _in_turn(
    site: Site, check: ImageCheck, said: _Said, turn: AbstractAsyncContextManager[Any]
) -> Ended:
    async with turn:
        entry = await asyncio.to_thread(_entry, site, check.entry)
        return await tried(site, entry, check, said)


async def _seen(site: Site, check: ImageCheck) -> None:
    """Says every few seconds that somebody is at it, until somebody else has ended it."""
    while True:
        await asyncio.sleep(rows.SEEN_SECONDS)
        try:
            if not await asyncio.to_thread(rows.renew, site, check):
                return
        except HubExtError:
            continue  # whoever would take us for gone does not get at the store either


def _entry(site: Site, slug: str) -> ImageEntry:
    with site.store.reading() as tx:
        return images.get(tx, slug)
