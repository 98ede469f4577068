"""The chain of the record, verified in parts beside other work; the answer is shown with its age.

What was found last is remembered in the store, so that a console that starts anew shows it at once and goes
on from there. That is worth little against somebody who can write to the store: they may edit the remembered
state as well. It spares an honest site the wait, no more. The truth is the walk from the first event, which
is repeated each day whatever is remembered, by "Verify the whole record" and by `hub-ext audit verify`; and
against a chain that was written anew or cut off, a head that is kept where the store's owner cannot write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hub_ext.adapters.store import Tx, audit, remembered
from hub_ext.adapters.store.audit import GENESIS, Verification
from hub_ext.errors import StoreError
from hub_ext.flows.site import Site
from hub_ext.phrase import Phrase

PART = 5000  # events; some tenths of a second of one core
KEY = "audit-chain"
# A console that has just started has a Hub beside it that is starting too.
FIRST = timedelta(seconds=10)
EVERY = timedelta(minutes=10)
WHOLE_AGAIN = timedelta(days=1)

Head = tuple[int, str]


@dataclass(frozen=True, slots=True)
class ChainState:
    """The whole walk under way, where there is one; what the last walk found, and when it began.

    `whole` is when the last walk that began with the first event did: later ones went on from its end.
    """

    events: int
    walked: int | None = None
    found: Verification | None = None
    at: datetime | None = None
    whole: datetime | None = None


class ChainWatch:
    """Walks the chain when asked to and by itself, one walk at a time."""

    def __init__(self) -> None:
        self._state = ChainState(0)
        # The farthest head that ever held: a chain that does not lead there was cut off or written anew.
        self._kept: Head = (0, GENESIS)
        self._recalled = False
        self._walk: asyncio.Task[None] | None = None

    def state(self, site: Site) -> ChainState:
        """As things stand, with how many events there are now."""
        with site.store.reading() as tx:
            events, _ = audit.head(tx)
            if not self._recalled:
                self._recall(tx)
        return replace(self._state, events=events)

    def begin(self, site: Site) -> None:
        """Begins a walk of the whole chain, unless a walk is under way. For the event loop's thread."""
        self._begin(site, whole=True)

    async def look(self, site: Site) -> None:
        """Verifies what has come since the last walk; all of it where that is due or something was wrong."""
        state = await asyncio.to_thread(self.state, site)
        await self._begin(site, whole=_due(state, site.now()))

    async def keep_looking(self, site: Site, said: Callable[[Exception], None]) -> None:
        """Looks every ten minutes, for ever; `said` is told where a look itself failed."""
        await asyncio.sleep(FIRST.total_seconds())
        while True:
            try:
                await self.look(site)
            except Exception as error:  # the next look may do better
                said(error)
            await asyncio.sleep(EVERY.total_seconds())

    def _begin(self, site: Site, *, whole: bool) -> asyncio.Task[None]:
        if self._walk is None or self._walk.done():
            if whole:
                self._state = replace(self._state, walked=0)
            self._walk = asyncio.create_task(self._walked(site, whole))
        return self._walk

    async def _walked(self, site: Site, whole: bool) -> None:
        began = site.now()
        await asyncio.to_thread(self.state, site)  # what is remembered, before it is replaced
        head = (0, GENESIS) if whole or self._state.found is None else self._state.found.head
        if head[0] and not await asyncio.to_thread(_stands, site, head):
            head = (0, GENESIS)
        whole = not head[0]
        try:
            while True:
                part = await asyncio.to_thread(_part, site, head, self._kept)
                if not part.ok or part.head == head:
                    break
                head = part.head
                if whole:
                    self._state = replace(self._state, walked=head[0])
                await asyncio.sleep(0)
            if part.ok:
                self._kept = part.head
            self._state = replace(
                self._state, found=part, at=began, whole=began if whole else self._state.whole
            )
            await asyncio.to_thread(self._remember, site)
        finally:
            self._state = replace(self._state, walked=None)

    def _remember(self, site: Site) -> None:
        value = _written(self._state, self._kept)
        with site.store.transaction() as tx:
            remembered.put(tx, {KEY: value}, site.now())

    def _recall(self, tx: Tx) -> None:
        held = remembered.find(tx, KEY)
        self._recalled = True
        if held is None or self._state.found is not None:
            return
        try:
            state, self._kept = _read(held.value)
        except (KeyError, TypeError, ValueError):
            return  # not ours: everything is verified anew
        self._state = replace(state, walked=self._state.walked)


def _due(state: ChainState, now: datetime) -> bool:
    """Whether the whole chain is to be walked; a day that is yet to come is no day on which it was."""
    if state.found is None or not state.found.ok or state.whole is None:
        return True
    return not timedelta(0) <= now - state.whole < WHOLE_AGAIN


def _stands(site: Site, head: Head) -> bool:
    """Whether the event of that head is there with its hash."""
    with site.store.reading() as tx:
        try:
            held = audit.listing(tx, after_sequence=head[0] - 1, limit=1)
        except StoreError:
            return False
    return bool(held) and (held[0].sequence, held[0].hash) == head


def _part(site: Site, after: Head, kept: Head) -> Verification:
    near = after[0] < kept[0] <= after[0] + PART
    with site.store.reading() as tx:
        part = audit.verify(tx, after=after, most=PART, anchor=kept if near else None)
        if part.ok and part.head == after and after[0] < kept[0]:  # the end, and it was farther once
            return audit.verify(tx, after=after, most=0, anchor=kept)
    return part


# --- as it is remembered ---


def _written(state: ChainState, kept: Head) -> dict[str, Any]:
    found = state.found
    assert found
    assert state.at
    assert state.whole
    return {
        **{"ok": found.ok, "events": found.events, "first_bad": found.first_bad},
        "why": found.why.kept(),
        **{"head": list(found.head), "kept": list(kept)},
        **{"at": state.at.isoformat(), "whole": state.whole.isoformat()},
    }


def _read(value: Mapping[str, Any]) -> tuple[ChainState, Head]:
    """Raises KeyError, TypeError or ValueError for what was not written here."""
    bad = value["first_bad"]
    found = Verification(
        value["ok"] is True,
        int(value["events"]),
        None if bad is None else int(bad),
        Phrase.restored(value["why"]),
        _head(value["head"]),
    )
    at, whole = (datetime.fromisoformat(value[name]) for name in ("at", "whole"))
    if at.tzinfo is None or whole.tzinfo is None:
        raise ValueError("a time without its zone")
    return ChainState(0, found=found, at=at, whole=whole), _head(value["kept"])


def _head(held: Any) -> Head:
    sequence, digest = held
    return int(sequence), str(digest)
