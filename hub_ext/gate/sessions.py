"""What the store says of the session behind a server, read off the event loop and within a bound.

A store that fails or is slow is an error, never an absence: the page then says that nothing is known.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TypeVar

from hub_ext.adapters.store import persons
from hub_ext.errors import HubExtError, InputError, NotFound
from hub_ext.flows import idle_warnings, session_warnings
from hub_ext.flows.session_warnings import Session
from hub_ext.flows.site import Site
from hub_ext.gate.routes import OpenServer
from hub_ext.model import Actor, ActorKind

SECONDS = 5.0
THREADS = 2
MOST_WAITING = 64  # questions under way; a store that hangs holds no more than these

T = TypeVar("T")


class SessionUnknownError(HubExtError):
    """What stands about a session cannot be known now."""


class MoreTime(Enum):
    """What came of somebody's question for more time."""

    GIVEN = "given"
    NOT_DUE = "not-due"  # nothing is about to end
    NONE_LEFT = "none-left"
    ENDED = "ended"  # the launch holds nothing any more
    NOBODY = "nobody"  # no person of ours asks


class Sessions:
    """Questions to the store, in threads of their own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._threads = ThreadPoolExecutor(THREADS, "gate-sessions")
        self._places = threading.BoundedSemaphore(MOST_WAITING)

    async def read(self, server: OpenServer) -> Session | None:
        """The session of that server; None once it has ended. Raises SessionUnknownError."""
        return await self._bounded(lambda: session_warnings.read(self._site, server.launch_id))

    async def ask_more_time(self, server: OpenServer, username: str) -> MoreTime:
        """More time, asked for by that user of the Hub and on the record as theirs.

        Raises SessionUnknownError: then it may still be given.
        """
        return await self._bounded(lambda: self._ask_more_time(server, username))

    def close(self) -> None:
        """Give the threads back. Nothing is asked afterwards."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask_more_time(self, server: OpenServer, username: str) -> MoreTime:
        site = self._site
        session = session_warnings.read(site, server.launch_id)
        if session is None:
            return MoreTime.ENDED
        with site.store.reading() as tx:
            person = persons.find_username(tx, username)
        if person is None:
            return MoreTime.NOBODY
        try:
            idle_warnings.extend(site, Actor(ActorKind.PERSON, person.id), server.launch_id)
        except NotFound:
            return MoreTime.ENDED
        except InputError:
            return MoreTime.NOT_DUE if session.warnings.stop.at is None else MoreTime.NONE_LEFT
        return MoreTime.GIVEN

    async def _bounded(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise _unknown("too many questions wait")
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise _unknown(f"no answer within {SECONDS:g} s") from error
        except HubExtError as error:
            raise _unknown(str(error)) from error


def _unknown(why: str) -> SessionUnknownError:
    return SessionUnknownError("The session is not known: {why}.", why=why)
