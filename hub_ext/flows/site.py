"""What every flow is given: the settings, the store, the engine, the registries and the clock."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hub_ext.adapters.store import Store, Tx, audit, nodes
from hub_ext.errors import SettingsError
from hub_ext.model import Actor, Node, Verb
from hub_ext.settings import Settings

# Most commands need neither, and they load docker-py and aiohttp: half a second.
if TYPE_CHECKING:
    from hub_ext.adapters.engine import Engine
    from hub_ext.adapters.registry import RegistryClient


def utc_now() -> datetime:
    """The present moment, aware UTC."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """An opaque id such as "per-k3v…": the prefix, a dash and 100 random bits in lower-case base32.

    It begins with a letter and holds nothing but [a-z0-9-], so it fits any name in the engine.
    """
    return f"{prefix}-{base64.b32encode(secrets.token_bytes(13)).decode().lower()[:20]}"


@dataclass(frozen=True)
class Site:
    """One installation of hub-ext. Flows take it first; tests set `now`."""

    settings: Settings
    store: Store
    now: Callable[[], datetime] = utc_now

    @cached_property
    def engine(self) -> Engine:
        """The engine of this node, made at first use."""
        from hub_ext.adapters.engine import Engine

        return Engine(self.settings)

    def registry(self, alias: str) -> RegistryClient:
        """A client for the registry of that alias, to be entered with `async with`.

        Raises SettingsError where no such registry is configured.
        """
        known = self.settings.registry(alias)
        if known is None:
            raise SettingsError(
                "There is no registry {alias!r}.",
                advice="Add it to c.HubExt.registries in the settings file.",
                alias=alias,
            )
        from hub_ext.adapters.registry import RegistryClient

        return RegistryClient(known)

    def record(self, tx: Tx, actor: Actor, verb: Verb, subject: str, facts: Mapping[str, Any]) -> None:
        """Write an audit row, in the transaction of what it tells. Facts name nobody: ids only."""
        audit.append(tx, time=self.now(), actor=actor, verb=verb, subject=subject, facts=facts)

    def close(self) -> None:
        """Closes the store, and the engine where it was used."""
        self.store.close()
        if "engine" in self.__dict__:
            self.engine.close()


def open_site(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Site:
    """The site of these settings; its store is created or brought up to date, and knows this node.

    Raises StoreError where the store cannot be opened.
    """
    site = Site(settings, Store.open(settings.store), now)
    try:
        with site.store.reading() as tx:
            known = nodes.find(tx, settings.node)
        if known is None:
            with site.store.transaction() as tx:
                # Two processes may open a new site at once.
                if nodes.find(tx, settings.node) is None:
                    nodes.add(tx, Node(settings.node, settings.engine_url, now()))
    except BaseException:
        site.close()
        raise
    return site
