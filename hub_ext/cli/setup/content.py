"""What an instance is filled with: the images of this checkout, the store and the demo."""

from __future__ import annotations

import asyncio
import json
import secrets

from hub_ext.adapters import demo_accounts
from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup import images, instance, lock, oidc
from hub_ext.cli.setup.demo_data import READ_GID, ensure_demo_data
from hub_ext.cli.setup.images import LATEST, BuiltImage
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.layout import CHECKOUT, write_private
from hub_ext.cli.setup.registry import ALIAS
from hub_ext.cli.setup.steps import Say
from hub_ext.flows import demo
from hub_ext.flows.admission import EntryOptions
from hub_ext.flows.demo import DemoImage
from hub_ext.flows.site import Site, open_site

# Letters and digits that nobody mistakes for one another.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_SEED = "base"
_DATA_MAKER = "python"
# What the demo publishes. A recipe that somebody adds is for a curator to publish, not for a restart.
_VOUCHED_FOR = ("python", "r")

Built = dict[str, BuiltImage]


def ensure_images(ready: Prepared, say: Say, *, own: bool = False) -> tuple[Prepared, Built]:
    """The checkout's images in the registry; the settings then name the one that volumes are seeded from.

    Recipes that a curator added are built where `own` says so, and never by a start, which one that is
    half written would keep from happening.
    Raises InputError, EngineError or RegistryError.
    """
    registry = ready.settings.registry(ALIAS)
    assert registry is not None
    with lock.building(ready.layout):
        built = images.build_all(
            CHECKOUT / "images",
            registry,
            engine_url=ready.engine.url,
            logs=ready.layout.logs,
            say=say,
            slugs=None if own else (_SEED, *_VOUCHED_FOR),
        )
    seed = built[_SEED]
    asyncio.run(_pull(ready, seed))
    return instance.with_seed(ready, f"{repository(ready, seed)}@{seed.reference.digest}"), built


def repository(ready: Prepared, image: BuiltImage) -> str:
    """HOST:PORT/path, as the engine knows it."""
    registry = ready.settings.registry(image.reference.alias)
    assert registry is not None
    return f"{registry.address}/{image.reference.path}"


def ensure_demo(ready: Prepared, built: Built, say: Say) -> dict[str, str]:
    """The store, and the demo where its sign-in is used: the passwords of its accounts by username.

    Raises HubExtError.
    """
    say("Opening the store")
    site = open_site(ready.settings)
    try:
        issuer = oidc.issuer(ready.layout) or (demo.ISSUER if ready.settings.sign_in == "demo" else "")
        if not issuer:
            return {}
        passwords = _passwords(ready)
        asyncio.run(_load(site, ready, built, say, issuer))
        return passwords
    finally:
        site.close()


async def _pull(ready: Prepared, image: BuiltImage) -> None:
    """The engine knows a digest only once it was pulled, even of an image that it pushed itself."""
    engine = Engine(ready.settings)
    try:
        await engine.pull(repository(ready, image), image.reference.digest)
    finally:
        engine.close()


async def _load(site: Site, ready: Prepared, built: Built, say: Say, issuer: str) -> None:
    maker = built[_DATA_MAKER]
    where, digest = repository(ready, maker), maker.reference.digest
    for image in (built[_SEED], maker):
        # What was built here is pulled in a moment; after a prune of the engine it is fetched whole.
        await site.engine.pull(repository(ready, image), image.reference.digest)
    await asyncio.to_thread(
        ensure_demo_data, ready.layout.data, f"{where}@{digest}", engine_url=ready.engine.url, say=say
    )
    listed = {slug: _demo_image(built[slug]) for slug in _VOUCHED_FOR}
    await demo.load(
        site,
        listed,
        ready.layout.data,
        say=lambda what: say(f"Loading the demo: {what}"),
        read_gids=(READ_GID,),
        issuer=issuer,
    )


def _demo_image(image: BuiltImage) -> DemoImage:
    recipe = image.recipe
    options = EntryOptions(
        ceilings=recipe.ceilings,
        interface=recipe.interface,
        start_url=recipe.start_url,
        needs_gpu=recipe.needs_gpu,
    )
    return DemoImage(image.reference, LATEST, recipe.title, recipe.description, options)


def _passwords(ready: Prepared) -> dict[str, str]:
    path = ready.layout.demo_passwords
    if not path.exists():
        made = {name: "".join(secrets.choice(_LETTERS) for _ in range(14)) for name in demo.USERNAMES}
        write_private(path, json.dumps(made, indent=1) + "\n")
        ready.settings.demo_accounts_file.unlink(missing_ok=True)
    passwords: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    if not ready.settings.demo_accounts_file.exists():
        demo_accounts.write(ready.settings.demo_accounts_file, passwords)
    return passwords
