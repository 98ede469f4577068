"""The gate as a process of its own: `python -m hub_ext.gate`, or `hub-ext-gate`. It ends with its parent."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys

import uvloop

from hub_ext.adapters.parent import end_with_parent
from hub_ext.config import load_settings
from hub_ext.errors import HubExtError
from hub_ext.flows.site import Site, open_site
from hub_ext.gate.app import running

log = logging.getLogger("hub_ext.gate")


async def serve(site: Site) -> None:
    """Answer until a signal."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with running(site):
        log.info("The gate listens on %s", site.settings.gate_socket)
        await ended.wait()
    log.info("The gate has ended")


def main() -> None:
    """The program's entry point."""
    logging.basicConfig(level=logging.INFO, format="[%(levelname)1.1s %(asctime)s %(name)s] %(message)s")
    end_with_parent()
    _allow_open_files()
    try:
        site = open_site(load_settings())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(site))
            # Not by Python's own end: that waits for threads, and a thread may wait for the store.
            _end(0)
    except HubExtError as error:
        log.error("The gate cannot start: %s", error)
        _end(1)


def _allow_open_files() -> None:
    """As many as the system lets us: each WebSocket has two, and shells and systemd begin with 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _end(status: int) -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
