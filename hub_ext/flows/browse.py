"""What a registry holds, for whoever looks for an image: in time, or as it was when it last answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from hub_ext.adapters.registry import RegistryClient, machine_platform
from hub_ext.adapters.store import remembered
from hub_ext.errors import RegistryError, RegistryUnreachable
from hub_ext.flows.site import Site

# A page has two seconds to answer.
WITHIN_SECONDS = 1.8
AT_ONCE = 8
MOST_DESCRIBED = 100
SHOWN_LABELS = re.compile(r"(?:org\.opencontainers\.image|io\.hub-ext)\.")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Described:
    """An image as its manifest and configuration tell it. `created` is the registry's word, perhaps ""."""

    digest: str
    created: str
    total_bytes: int
    layers: int
    platform: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag; what it names is None where the registry had no time to tell."""

    name: str
    image: Described | None


@dataclass(frozen=True, slots=True)
class Browsed(Generic[T]):
    """What was found, the moment of it, and why it is no newer; None where it is of now."""

    items: tuple[T, ...]
    seen: datetime
    failure: RegistryError | None = None


async def repositories(site: Site, alias: str) -> Browsed[str]:
    """The paths of all repositories of a registry.

    Raises the RegistryError tree where it does not answer and never did, SettingsError for an unknown alias.
    """

    async def ask(registry: RegistryClient) -> dict[str, Any]:
        return {"items": list(await registry.repositories())}

    value, seen, failure = await _in_time(site, alias, f"repositories:{alias}", ask)
    return Browsed(tuple(value["items"]), seen, failure)


async def tags(site: Site, alias: str, path: str) -> Browsed[Tag]:
    """The tags of a repository, the last in the alphabet first, with the images that they name.

    Raises the RegistryError tree where it does not answer and never did, InputError for a bad path.
    """

    async def ask(registry: RegistryClient) -> dict[str, Any]:
        names = sorted(await registry.tags(path), reverse=True)
        return {"items": names, "images": await _described(registry, path, names[:MOST_DESCRIBED])}

    value, seen, failure = await _in_time(site, alias, f"tags:{alias}/{path}", ask)
    images = {name: Described(**held) for name, held in value["images"].items()}
    return Browsed(tuple(Tag(name, images.get(name)) for name in value["items"]), seen, failure)


async def _in_time(
    site: Site, alias: str, key: str, ask: Callable[[RegistryClient], Awaitable[dict[str, Any]]]
) -> tuple[dict[str, Any], datetime, RegistryError | None]:
    """The answer, remembered; or the remembered one with the reason why it is no newer."""
    try:
        async with asyncio.timeout(WITHIN_SECONDS), site.registry(alias) as registry:
            value = await ask(registry)
    except TimeoutError:
        failure: RegistryError = RegistryUnreachable(
            "The registry {alias} did not answer within {seconds} s.",
            advice="Try again later.",
            alias=alias,
            seconds=WITHIN_SECONDS,
        )
    except RegistryError as error:
        failure = error
    else:
        await asyncio.to_thread(_remember, site, key, value)
        return value, site.now(), None
    held = await asyncio.to_thread(_recall, site, key)
    if held is None:
        raise failure
    return dict(held.value), held.seen, failure


async def _described(registry: RegistryClient, path: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What each tag names, as far as there is time: the rest is left out."""
    found: dict[str, dict[str, Any]] = {}
    free = asyncio.Semaphore(AT_ONCE)

    async def describe(name: str) -> None:
        async with free:
            try:
                found[name] = asdict(await _image(registry, path, name))
            except RegistryError:
                return  # an image for another platform, or one that is broken, is still a tag

    asked = [asyncio.create_task(describe(name)) for name in names]
    if asked:
        _, late = await asyncio.wait(asked, timeout=WITHIN_SECONDS * 0.7)
        for task in late:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return found


async def _image(registry: RegistryClient, path: str, tag: str) -> Described:
    manifest = await registry.manifest(path, tag, machine_platform())
    config = await registry.config(path, manifest)
    return Described(
        manifest.digest,
        config.created[:40],
        manifest.total_bytes,
        len(manifest.layers),
        f"{config.os}/{config.architecture}",
        {name: text[:200] for name, text in config.labels.items() if SHOWN_LABELS.match(name)},
    )


def _remember(site: Site, key: str, value: dict[str, Any]) -> None:
    with site.store.transaction() as tx:
        remembered.put(tx, {key: value}, site.now())


def _recall(site: Site, key: str) -> remembered.Remembered | None:
    with site.store.reading() as tx:
        return remembered.find(tx, key)
