"""The servers that are open, in memory: the Hub's routes joined with the launches that run.

Read from the store in a thread every second, and at once where a request finds none. A store that fails is
never read as absence: the last table holds for ten minutes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from itertools import starmap
from urllib.parse import urlsplit

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.notebook_server import base_path
from hub_ext.adapters.store import Tx, launches, routes
from hub_ext.errors import HubExtError
from hub_ext.flows.site import Site
from hub_ext.gate.origins import Origins, host_of
from hub_ext.model import Launch, LaunchState
from hub_ext.model.doors import Route
from hub_ext.model.interfaces import JUPYTER, Interface

READ_SECONDS = 1.0
MISS_SECONDS = 0.2  # between two readings that requests cause
HOLD_SECONDS = 600.0
# The path of a named server that has ended falls to no other while programs may have tokens for it: a
# person's lives a month. What they send there is for the project of that server.
NAME_LASTS = timedelta(days=31)
NAMES_SECONDS = 60.0  # between two readings of all launches
_MOST_SLASHES = 8  # in a routespec: /user/NAME/SERVER/ has four

log = logging.getLogger("hub_ext.gate")


@dataclass(frozen=True, slots=True)
class OpenServer:
    """A server that runs and has a route. `prefix` is the raw path below which it lies, with both slashes.

    `upstream` is ADDRESS:PORT. `oauth_path` is where the Hub's OAuth comes back to. `origin` is where
    browsers find its pages, "" for the Hub's own. `interface` says what reaches the server.
    """

    launch_id: str
    username: str
    server_name: str
    prefix: str
    upstream: str
    oauth_path: str
    origin: str
    secrets: LaunchSecrets = field(repr=False)
    interface: Interface = JUPYTER

    def is_at(self, host: str) -> bool:
        """Whether its pages are at that name, as a Host header has it."""
        return not self.origin or host.lower() == host_of(self.origin)


class Absence(Enum):
    """Why no open server was found."""

    CLOSED = "closed"
    STARTING = "starting"
    STOPPING = "stopping"
    UNKNOWN = "unknown"  # the store has been silent for too long


_ABSENCES = {LaunchState.ADMITTED: Absence.STARTING, LaunchState.STOPPING: Absence.STOPPING}


class OpenServers:
    """The table of open servers. `clock` is monotonic, in seconds."""

    def __init__(self, site: Site, origins: Origins, clock: Callable[[], float] = time.monotonic) -> None:
        self._site = site
        self._origins = origins
        self._clock = clock
        # An Absence: of a server that is about to open or close, or was there. Its path must not fall to the
        # server above it.
        self._by_spec: Mapping[str, OpenServer | Absence] = {}
        self._launch_ids: frozenset[str] = frozenset()
        self._read_at: float | None = None
        self._started_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._secrets: dict[str, LaunchSecrets] = {}
        self._unreadable: set[str] = set()
        self._names: frozenset[tuple[str, str]] = frozenset()  # username and name of servers of late
        self._names_read_at = float("-inf")
        self._failing = False
        # One reading at a time, and never a thread of others: a store that hangs holds only us.
        self._thread = ThreadPoolExecutor(1, "gate-routes")
        self.on_closed: list[Callable[[frozenset[str]], None]] = []

    def find(self, path: str) -> OpenServer | Absence:
        """The open server with the longest prefix of whole segments of that raw path, as last read.

        A path that lacks only the last slash of a prefix finds its server too.
        """
        if self._read_at is None or self._clock() - self._read_at > HOLD_SECONDS:
            return Absence.UNKNOWN
        by_spec, end = self._by_spec, -1
        found: OpenServer | Absence = Absence.CLOSED
        for _ in range(_MOST_SLASHES):
            end = path.find("/", end + 1)
            prefix = path[: end + 1] if end >= 0 else path + "/"
            if prefix in by_spec:
                found = by_spec[prefix]
            if end < 0:
                break
        return found

    async def find_or_read(self, path: str) -> OpenServer | Absence:
        """As `find`; where no server is found, by a reading of the store that began after this call."""
        found = self.find(path)
        asked_at = self._clock()
        # The Hub opens a route and sends the browser there in the same moment: a reading that is under way
        # may be from before.
        while not isinstance(found, OpenServer) and self._started_at < asked_at:
            if not self._is_reading and (wait := self._started_at + MISS_SECONDS - self._clock()) > 0:
                await asyncio.sleep(wait)
            await self.read()
            found = self.find(path)
        return found

    async def keep_reading(self) -> None:
        """Read every second until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(READ_SECONDS)

    async def read(self) -> None:
        """Read the store once; callers at the same time share a reading. A failure is logged."""
        if self._reading is None or self._reading.done():
            self._started_at = self._clock()
            self._reading = asyncio.create_task(self._read())
        await asyncio.shield(self._reading)

    async def read_anew(self) -> None:
        """Read what the store holds from now on: a reading that is under way may be from before."""
        if self._is_reading:
            await self.read()
        await self.read()

    @property
    def _is_reading(self) -> bool:
        # By the task itself: a callback of it comes a turn of the loop later, and who waits for a task that
        # is done gives the loop no turn.
        return self._reading is not None and not self._reading.done()

    def close(self) -> None:
        """Give the thread back. Nothing is read afterwards."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _read(self) -> None:
        started_at = self._started_at
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._listing)
        except Exception as error:
            if not self._failing:
                log.error("The routes cannot be read; those of before hold: %s", _text(error))
            self._failing = True
            return
        if self._failing:
            log.info("The routes can be read again")
        self._failing = False
        servers = [server for server in found.values() if isinstance(server, OpenServer)]
        launch_ids = frozenset(server.launch_id for server in servers)
        closed = self._launch_ids - launch_ids
        self._by_spec, self._launch_ids, self._read_at = found, launch_ids, started_at
        if closed:
            for callback in self.on_closed:
                callback(closed)

    def _listing(self) -> dict[str, OpenServer | Absence]:
        """What the store says, in the thread. Raises HubExtError."""
        with self._site.store.reading() as tx:
            listed = routes.listing(tx)
            active = launches.listing(tx, active=True)
            closed = self._named_servers(tx, active)
        running: dict[tuple[str, str], Launch] = {}
        for launch in active:  # the newest first
            if launch.state is LaunchState.RUNNING and launch.upstream:
                running.setdefault((launch.username, launch.server_name), launch)
        ids = {launch.id for launch in running.values()}
        self._secrets = {key: value for key, value in self._secrets.items() if key in ids}
        self._unreadable &= ids
        by_spec: dict[str, OpenServer | Absence] = dict.fromkeys(starmap(base_path, closed), Absence.CLOSED)
        for launch in reversed(active):
            spec = base_path(launch.username, launch.server_name)
            by_spec[spec] = _ABSENCES.get(launch.state, Absence.CLOSED)
        for route in listed:
            if (server := self._server(route, running)) is not None:
                by_spec[server.prefix] = server
        return by_spec

    def _named_servers(self, tx: Tx, active: tuple[Launch, ...]) -> frozenset[tuple[str, str]]:
        """Username and name of those whose paths are theirs alone. Raises StoreError."""
        now, names = self._clock(), self._names
        if now >= self._names_read_at + NAMES_SECONDS:
            names = launches.ended_servers(tx, since=self._site.now() - NAME_LASTS)
            self._names_read_at = now
        named = frozenset((launch.username, launch.server_name) for launch in active if launch.server_name)
        self._names = names | named
        return self._names

    def _server(self, route: Route, running: Mapping[tuple[str, str], Launch]) -> OpenServer | None:
        launch = running.get((str(route.facts.get("user", "")), str(route.facts.get("server_name", ""))))
        prefix = route.routespec
        if launch is None or not (prefix.startswith("/") and prefix.endswith("/")) or prefix == "/":
            return None
        secrets = self._secrets_of(launch.id)
        if secrets is None:
            return None
        return OpenServer(
            launch_id=launch.id,
            username=launch.username,
            server_name=launch.server_name,
            prefix=prefix,
            upstream=launch.upstream,
            oauth_path=urlsplit(secrets.oauth_callback_url).path,
            origin=self._origins.server(launch.person_id, launch.project),
            secrets=secrets,
            interface=launch.interface,
        )

    def _secrets_of(self, launch_id: str) -> LaunchSecrets | None:
        """That launch's secrets, which never change. One file that cannot be read closes no other server."""
        if launch_id in self._secrets:
            return self._secrets[launch_id]
        try:
            secrets = launch_secrets.read(self._site.settings, launch_id)
        except HubExtError as error:
            if launch_id not in self._unreadable:
                log.error("A server stays closed: %s", error)
            self._unreadable.add(launch_id)
            return None
        if secrets is not None:
            self._secrets[launch_id] = secrets
        return secrets


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, HubExtError) else type(error).__name__
