"""The console as a managed service of the Hub: `python -m hub_ext.services.console`.

The Hub ends when a managed service ends or does not answer while it starts, and with it everybody's way to
their servers. So this process listens first, and loads and opens the rest while it answers "not ready".
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from tornado import httputil, web
from tornado.httpserver import HTTPServer

from hub_ext.adapters.parent import end_with_parent
from hub_ext.services.console import not_ready

# A form with several texts of a mebibyte still reaches its handler, which says which is too long.
MOST_BYTES = 16 * 1024**2
PORT_SAY_SECONDS = 30
SAY_EVERY = 12  # tries: each minute

log = logging.getLogger("hub_ext.console")


class _Door(httputil.HTTPServerConnectionDelegate):
    """Where requests go: to `behind`, as it is when they come."""

    def __init__(self, behind: web.Application) -> None:
        self.behind = behind

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> Any:
        """Called by tornado for every request."""
        return self.behind.start_request(server_conn, request_conn)


async def serve() -> None:
    """Serves until a signal."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    door = _Door(not_ready.application())
    server = HTTPServer(door, max_body_size=MOST_BYTES, xheaders=True)
    # The Hub says where, so that not even the settings are needed for it.
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    async with AsyncExitStack() as stack:
        opening = asyncio.create_task(_open(door, server, str(address.hostname), address.port or 80, stack))
        await ended.wait()
        server.stop()
        opening.cancel()


async def _open(door: _Door, server: HTTPServer, host: str, port: int, stack: AsyncExitStack) -> None:
    """Listens, and has the console itself answer as soon as it can."""
    await _listen(server, host, port)
    log.info("The console listens on %s:%s", host, port)
    for tried in itertools.count():
        try:
            # Not at the top: a module that does not load is told like anything else.
            console = await asyncio.to_thread(import_module, "hub_ext.services.console.working")
            door.behind = await stack.enter_async_context(
                console.working(*await asyncio.to_thread(console.opened))
            )
            log.info("The console is ready")
            return
        except (Exception, SystemExit):
            if tried % SAY_EVERY == 0:
                log.exception("The console cannot start; it tries every %s s", not_ready.AGAIN_SECONDS)
        await asyncio.sleep(not_ready.AGAIN_SECONDS)


async def _listen(server: HTTPServer, host: str, port: int) -> None:
    """Waits for the port, for as long as the Hub does."""
    for tried in itertools.count():
        try:
            server.listen(port, host)
            return
        except OSError as error:
            # The console of a killed Hub holds it for some seconds.
            if tried % PORT_SAY_SECONDS == PORT_SAY_SECONDS - 1:
                log.error("The console cannot listen on %s:%s: %s", host, port, error)
            await asyncio.sleep(1)


def main() -> None:
    """The service's entry point."""
    logging.basicConfig(level=logging.INFO, format="[%(levelname)1.1s %(asctime)s %(name)s] %(message)s")
    end_with_parent()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
