"""The console at work: all that may fail at its start, and what it does beside answering."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from jupyterhub.services.auth import HubOAuth
from tornado import web

from hub_ext.config import load_settings
from hub_ext.flows.doctor import kept
from hub_ext.flows.site import Site, open_site
from hub_ext.services.console.app import application, kept_cookie_secret
from hub_ext.services.console.base import Console
from hub_ext.services.console.checking import settle_earlier

# The Hub's answer about a token is good for this long: a right that is gone is seen gone soon.
CACHE_SECONDS = 10

log = logging.getLogger("hub_ext.console")


def opened() -> tuple[Site, bytes]:
    """The site, and the secret of the console's cookies. Waits for the store; raises whatever is wrong."""
    settings = load_settings()
    secret = kept_cookie_secret(settings.secrets_dir / "console-cookie-secret")
    site = open_site(settings)
    try:
        settle_earlier(site)  # we hold the port: no other console of this site runs
    except BaseException:
        site.close()
        raise
    return site, secret


@asynccontextmanager
async def working(site: Site, secret: bytes) -> AsyncIterator[web.Application]:
    """The console's application, while it looks after the host and the record; closes the site at the end."""
    try:
        auth = HubOAuth.instance(cache_max_age=CACHE_SECONDS)
        console = Console(site, auth, os.environ["JUPYTERHUB_SERVICE_PREFIX"])
        made = application(console, secret)
        watching = [
            asyncio.create_task(
                kept.keep_examining(site, partial(log.error, "The host is not examined: %s"))
            ),
            asyncio.create_task(
                console.chain.keep_looking(site, partial(log.error, "The record is not verified: %s"))
            ),
            asyncio.create_task(
                console.checking.keep_settled(site, partial(log.error, "Checks are not looked after: %s"))
            ),
        ]
        try:
            yield made
        finally:
            for each in watching:
                each.cancel()
            await console.checking.end()
    finally:
        site.close()
