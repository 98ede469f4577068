"""What every flow is given: the settings, the store, the engine, the registries and the clock."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from hub_ext.adapters.store import Store
from hub_ext.errors import SettingsError
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
                f"There is no registry {alias!r}.",
                advice="Add it to c.HubExt.registries in the settings file.",
            )
        from hub_ext.adapters.registry import RegistryClient

        return RegistryClient(known)

    def close(self) -> None:
        """Closes the store, and the engine where it was used."""
        self.store.close()
        if "engine" in self.__dict__:
            self.engine.close()


def open_site(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Site:
    """The site of these settings; its store is created or brought up to date.

    Raises StoreError where the store cannot be opened.
    """
    return Site(settings, Store.open(settings.store), now)
