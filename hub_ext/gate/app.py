"""The gate as a whole: its parts, its socket, its end."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub_ext.flows.site import Site
from hub_ext.gate import answers
from hub_ext.gate.answers import AnswerParts
from hub_ext.gate.connection import Connection
from hub_ext.gate.door import Door, Parts
from hub_ext.gate.hub import HubClient
from hub_ext.gate.judge import Judge
from hub_ext.gate.origins import Origins
from hub_ext.gate.own_paths import OwnPaths
from hub_ext.gate.relay import Relays
from hub_ext.gate.rights import Rights
from hub_ext.gate.routes import OpenServers
from hub_ext.gate.seal import Seal, kept_key
from hub_ext.gate.sessions import Sessions
from hub_ext.gate.sign_in import SignInFlow, hub_url
from hub_ext.gate.uses import Uses
from hub_ext.settings import Settings

BACKLOG = 512
CLOSE_SECONDS = 0.5


@dataclass(frozen=True)
class Gate:
    """A gate that answers."""

    servers: OpenServers
    rights: Rights
    relays: Relays
    uses: Uses


@asynccontextmanager
async def running(site: Site, *, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Gate]:
    """Answer on the settings' socket until the end of the block. `clock` is monotonic, in seconds.

    Raises GateKeyError, or OSError where the socket cannot be made.
    """
    settings = site.settings
    key = kept_key(settings.secrets_dir / "gate-key")
    seal, origins = Seal(key), Origins.of(settings, key)
    async with HubClient(settings) as hub:
        servers = OpenServers(site, origins, clock)
        rights = Rights(hub, clock)
        judge = Judge(origins, servers, rights, seal)
        uses = Uses(site)
        relays = Relays(judge, uses)
        servers.on_closed += [relays.close_launches, rights.forget]
        sessions = Sessions(site)
        own_paths = OwnPaths(site, sessions, hub, seal, hub_url(origins))
        sign_in = SignInFlow(origins, hub, seal)
        application = answers.application(AnswerParts(judge, sign_in, own_paths, hub_url(origins)))
        parts = Parts(servers, judge, uses, relays, application, set())
        door, connections = Door(parts), set[Connection]()
        # Before the first question, so that a new gate shuts nobody out.
        await servers.read()
        listening = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(connections, door.answer), sock=bound(settings), backlog=BACKLOG
        )
        rounds = [asyncio.create_task(servers.keep_reading()), asyncio.create_task(uses.keep_flushing())]
        try:
            yield Gate(servers, rights, relays, uses)
        finally:
            listening.close()
            for task in rounds:
                task.cancel()
            relays.close_all()
            if parts.tasks:
                await asyncio.wait(parts.tasks, timeout=CLOSE_SECONDS)
            for task in tuple(parts.tasks):
                task.cancel()
            await asyncio.gather(*rounds, *parts.tasks, return_exceptions=True)
            for connection in tuple(connections):
                connection.transport.close()
            await uses.flush_at_end()
            sessions.close()
            servers.close()


def bound(settings: Settings) -> socket.socket:
    """The gate's socket, listening: for root and the front's group only. One that is there is replaced.

    It gets its owner and mode before it gets its name, so nobody else ever reaches it.
    """
    path = settings.gate_socket
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            listening.bind(str(new))
        finally:
            os.umask(before)
        os.chown(new, 0, settings.front_uid)
        new.chmod(0o660)
        listening.setblocking(False)
        listening.listen(BACKLOG)
        new.replace(path)
    except BaseException:
        listening.close()
        new.unlink(missing_ok=True)
        raise
    return listening
