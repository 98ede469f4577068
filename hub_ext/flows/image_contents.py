"""What an image of a registry holds, kept by its digest once it was read; what two revisions differ in."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from hub_ext.adapters.registry import (
    Manifest,
    RegistryClient,
    checked_path,
    machine_platform,
)
from hub_ext.adapters.registry.contents import LAST_LAYERS, LAYER_BYTES, packages_in
from hub_ext.adapters.store import images, remembered, revisions
from hub_ext.errors import NotFound
from hub_ext.flows.site import Site
from hub_ext.model import DIGEST
from hub_ext.model.image_contents import Difference, ImageContents, Packages
from hub_ext.policy.catalogue import looks_secret
from hub_ext.policy.image_contents import difference

MASKED = "…"


async def contents(site: Site, alias: str, path: str, reference: str) -> ImageContents:
    """What the image under a tag or digest holds. A digest that was read once needs no registry again.

    Raises the RegistryError tree, SettingsError for an unknown registry, InputError for a bad path.
    """
    checked_path(path)
    if DIGEST.fullmatch(reference) and (known := await asyncio.to_thread(_recall, site, reference)):
        return known
    async with site.registry(alias) as registry:
        manifest = await registry.manifest(path, reference, machine_platform())
        config = await registry.config(path, manifest)
        packages = await _packages(registry, path, manifest)
    found = ImageContents(
        digest=manifest.digest,
        platform=f"{config.os}/{config.architecture}",
        created=config.created[:40],
        user=config.user,
        env={name: MASKED if looks_secret(name) else value for name, value in config.env.items()},
        layer_bytes=tuple(layer.size for layer in manifest.layers),
        packages=packages,
    )
    await asyncio.to_thread(_remember, site, found)
    return found


async def of_revision(site: Site, slug: str, number: int) -> ImageContents:
    """The same of a revision of the catalogue. Raises NotFound."""
    alias, path, digest = await asyncio.to_thread(_place, site, slug, number)
    return await contents(site, alias, path, digest)


async def between(site: Site, slug: str, before: int, after: int) -> Difference:
    """What the revision `after` has otherwise than `before`. Raises NotFound."""
    first, second = await asyncio.gather(of_revision(site, slug, before), of_revision(site, slug, after))
    return difference(first, second)


async def _packages(registry: RegistryClient, path: str, manifest: Manifest) -> Packages | None:
    for layer in reversed(manifest.layers[-LAST_LAYERS:]):
        if layer.size <= LAYER_BYTES:
            body = await registry.layer(path, manifest, layer)
            if (found := await asyncio.to_thread(packages_in, body)) is not None:
                return found
    return None


def _place(site: Site, slug: str, number: int) -> tuple[str, str, str]:
    with site.store.reading() as tx:
        entry, revision = images.get(tx, slug), revisions.find(tx, slug, number)
    if revision is None:
        raise NotFound(
            "{slug} has no revision {number}.", advice="Its page lists them.", slug=slug, number=number
        )
    return entry.alias, entry.path, revision.digest


def _recall(site: Site, digest: str) -> ImageContents | None:
    with site.store.reading() as tx:
        held = remembered.find(tx, f"contents:{digest}")
    if held is None:
        return None
    value: dict[str, Any] = dict(held.value)
    return ImageContents(**value | {"layer_bytes": tuple(value["layer_bytes"])})


def _remember(site: Site, found: ImageContents) -> None:
    with site.store.transaction() as tx:
        remembered.put(tx, {f"contents:{found.digest}": asdict(found)}, site.now())
