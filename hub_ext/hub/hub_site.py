"""The one Site of a Hub's process, and what is put in order before the Hub listens."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from hub_ext.adapters.engine import ensure_firewall
from hub_ext.config import load_settings
from hub_ext.errors import EngineError
from hub_ext.flows import gpu, reconcile
from hub_ext.flows.site import Site, open_site
from hub_ext.hub.listener import Listener
from hub_ext.settings import Settings, check_origins

log = logging.getLogger("hub_ext")

_lock = threading.Lock()
_site: Site | None = None
_listener: Listener | None = None


def hub_site() -> Site:
    """The Site of this process, opened at first use from the file that HUB_EXT_CONFIG names."""
    global _site
    with _lock:
        if _site is None:
            _site = open_site(load_settings())
        return _site


def hub_listener() -> Listener:
    """The one listener of this Hub. For its event loop only."""
    global _listener
    if _listener is None:
        _listener = Listener(hub_site())
    return _listener


def prepare(settings: Settings) -> None:
    """Brings network, firewall, and store and engine into order, before the Hub listens on its gateway.

    An engine that is down keeps the Hub from nothing: the network's bridge outlives the engine, and servers
    that run are kept. Called while the Hub reads its configuration, in an event loop where nothing may
    wait, so it has a loop of its own.

    Raises NetworkError where notebooks would reach more than they may, and SettingsError where browsers
    would: then nothing is started.
    """
    check_origins(settings)
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, _prepare(settings)).result()


async def _prepare(settings: Settings) -> None:
    site = open_site(settings)
    try:
        await site.engine.ensure_network()
        for mended in await reconcile.sweep(site, hub_since=site.now()):
            log.warning("Mended at the Hub's start: %s %s", mended.mend, mended.subject)
        await gpu.refresh(site, reconcile.RECONCILER)
    except EngineError as error:
        log.error("Network, sessions and GPUs were not checked at the Hub's start: %s", error)
    finally:
        site.close()
    ensure_firewall(settings)
