"""What the doctor found last, kept for whoever asks: it takes seconds and starts a container."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub_ext.adapters.store import remembered
from hub_ext.flows.doctor import Finding, Health, examine
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase

KEY = "doctor"
EVERY = timedelta(minutes=10)
# A console that has just started has a Hub beside it that is starting too.
FIRST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was not well, and when that was seen; `seen` None: nobody has looked yet."""

    faults: tuple[Finding, ...] = ()
    seen: datetime | None = None


def last(site: Site) -> Examined:
    """As of the last examination."""
    with site.store.reading() as tx:
        held = remembered.find(tx, KEY)
    if held is None:
        return Examined()
    return Examined(tuple(_finding(one) for one in held.value["faults"]), held.seen)


async def keep_examining(site: Site, said: Callable[[Exception], None]) -> None:
    """Looks every ten minutes, for ever; `said` is told where a look itself failed."""
    await asyncio.sleep(FIRST.total_seconds())
    while True:
        try:
            await look(site)
        except Exception as error:  # the next look may do better
            said(error)
        await asyncio.sleep(EVERY.total_seconds())


async def look(site: Site) -> Examined:
    """Examines, and keeps what is not well."""
    faults = tuple(found for found in await examine(site) if found.health is not Health.OK)
    value: dict[str, Any] = {"faults": [_stored(found) for found in faults]}

    def keep() -> datetime:
        now = site.now()
        with site.store.transaction() as tx:
            remembered.put(tx, {KEY: value}, now)
        return now

    return Examined(faults, await asyncio.to_thread(keep))


def _stored(found: Finding) -> dict[str, Any]:
    texts = {name: getattr(found, name).kept() for name in ("check", "seen", "advice")}
    return {**texts, "health": found.health.value}


def _finding(held: dict[str, Any]) -> Finding:
    check, seen, advice = (_phrase(held[name]) for name in ("check", "seen", "advice"))
    return Finding(check, Health(held["health"]), seen, advice)


def _phrase(held: Any) -> Phrase:
    # What an earlier version kept are sentences.
    return Phrase("{said}", said=held) if isinstance(held, str) else Phrase.restored(held)
