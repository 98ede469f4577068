"""The images that the guest needs, made where it is fast: on the machine that brings them.

The engine that is brought has them too. There it still asks the registry for them, and unpacks nothing again.
"""

from __future__ import annotations

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.settings import RegistrySettings


async def test_registry_and_engine_have_the_images_of_this_checkout(
    engine: Engine, registry: RegistrySettings, built_images: dict[str, BuiltImage]
) -> None:
    for slug in ("base", "python"):
        reference = built_images[slug].reference
        await engine.pull(f"{registry.address}/{reference.path}", reference.digest)
