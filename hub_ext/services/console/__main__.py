"""The console as a managed service of the Hub: `python -m hub_ext.services.console`."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
from functools import partial

from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer

from hub_ext.config import load_settings
from hub_ext.flows.doctor import kept
from hub_ext.flows.site import open_site
from hub_ext.services.console.app import application, kept_cookie_secret
from hub_ext.services.console.base import Console
from hub_ext.services.parent import end_with_parent

ADDRESS = "127.0.0.1"
# The Hub's answer about a token is good for this long: a right that is gone is seen gone soon.
CACHE_SECONDS = 10
# A form with several texts of a mebibyte still reaches its handler, which says which is too long.
MOST_BYTES = 16 * 1024**2
PORT_SAY_SECONDS = 30

log = logging.getLogger("hub_ext.console")


async def serve() -> None:
    """Serves until a signal."""
    settings = load_settings()
    site = open_site(settings)
    try:
        auth = HubOAuth.instance(cache_max_age=CACHE_SECONDS)
        console = Console(site, auth, os.environ["JUPYTERHUB_SERVICE_PREFIX"])
        secret = kept_cookie_secret(settings.secrets_dir / "console-cookie-secret")
        server = HTTPServer(application(console, secret), max_body_size=MOST_BYTES, xheaders=True)
        await _listen(server, settings.console_port)
        log.info("The console listens on %s:%s", ADDRESS, settings.console_port)
        watching = [
            asyncio.create_task(
                kept.keep_examining(site, partial(log.error, "The host is not examined: %s"))
            ),
            asyncio.create_task(
                console.chain.keep_looking(site, partial(log.error, "The record is not verified: %s"))
            ),
        ]
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        server.stop()
        for each in watching:
            each.cancel()
        await console.checking.end()
    finally:
        site.close()


async def _listen(server: HTTPServer, port: int) -> None:
    """Waits for the port, however long: the Hub would end with us, and starts need no console."""
    for tried in itertools.count():
        try:
            server.listen(port, ADDRESS)
            return
        except OSError as error:
            # The console of a killed Hub holds it for some seconds.
            if tried % PORT_SAY_SECONDS == PORT_SAY_SECONDS - 1:
                log.error("The console cannot listen on %s:%s: %s", ADDRESS, port, error)
            await asyncio.sleep(1)


def main() -> None:
    """The service's entry point."""
    logging.basicConfig(level=logging.INFO, format="[%(levelname)1.1s %(asctime)s %(name)s] %(message)s")
    end_with_parent()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
