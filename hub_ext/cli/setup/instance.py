"""An instance brought to the point where its Hub can start: what `setup`, `run` and `make images` share."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from hub_ext.adapters.engine import Engine, ensure_firewall
from hub_ext.cli.setup import choices, daemon, engine, front_certificate, lock, oidc, registry, settings_file
from hub_ext.cli.setup.choices import Choices, machine_lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.layout import SHARED_VARIABLE, Layout
from hub_ext.cli.setup.steps import Say
from hub_ext.config import load_settings
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings, check_origins

PORT_VARIABLE = "HUB_EXT_PORT"
BIND_VARIABLE = "HUB_EXT_BIND"
NEW_ENGINE_VARIABLE = "HUB_EXT_NEW_ENGINE"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An instance whose engine, network and registry answer. `settings` are those of its settings file.

    `registry` is the one that was started for it; None where it is another's child.
    """

    layout: Layout
    settings: Settings
    engine: EngineFacts
    registry: registry.Running | None = None


def bind_url() -> str:
    """Where browsers connect: HUB_EXT_BIND (127.0.0.1) and HUB_EXT_PORT (8000). Raises SettingsError."""
    address = os.environ.get(BIND_VARIABLE) or "127.0.0.1"
    text = os.environ.get(PORT_VARIABLE) or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SettingsError(f"{PORT_VARIABLE} is {text!r}; a number from 1 to 65535 is meant.")
    try:
        free = choices.port_is_free(address, int(text))
    except ValueError as error:
        raise SettingsError(f"{BIND_VARIABLE} is {address!r}; an IPv4 address is meant.") from error
    if not free:
        raise SettingsError(
            f"Port {text} of {address} is taken by another program.",
            advice=f"Choose another: {PORT_VARIABLE}={int(text) + 1} make run.",
        )
    return f"http://{address}:{text}"


@contextmanager
def prepared(layout: Layout, url: str, say: Say) -> Iterator[Prepared]:
    """The instance of that folder with its engine, network and registry, for as long as the block lasts.

    What can refuse comes first: where the engine lacks something, nothing was started or changed.
    Raises HubExtError.
    """
    with lock.held(layout), daemon.in_use(say) as docker:
        check_same_engine(layout, docker)
        with machine_lock("choices"):
            chosen = choices.choose(layout.choices_file, docker.subnets)
        known = registry.prepare(layout, chosen.registry_address)
        engine.ensure_trust(docker, known.address, layout.authority)
        settings = write_settings(layout, chosen, docker, url=url)
        check_origins(settings)
        front_certificate.read(settings)
        say("Closing the notebooks' network")
        ensure_network(settings)
        say("Starting the registry")
        running = registry.Running(layout, registry.run(layout, known))
        try:
            yield Prepared(layout, settings, docker, running)
        finally:
            running.child.stop()


@contextmanager
def for_images(layout: Layout, say: Say) -> Iterator[Prepared]:
    """As `prepared`; where the instance runs already, its own engine and registry are used instead.

    Raises SettingsError while it is not yet, or no longer, ready for images. Raises HubExtError.
    """
    with ExitStack() as stack:
        try:
            ready = stack.enter_context(prepared(layout, configured_url(layout), say))
        except lock.Busy as busy:
            ready = stack.enter_context(_beside(layout, busy, say))
        yield ready


@contextmanager
def _beside(layout: Layout, busy: lock.Busy, say: Say) -> Iterator[Prepared]:
    settings = _former_settings(layout)
    known = settings.registry(registry.ALIAS) if settings else None
    if settings is None or known is None or not registry.answers(known):
        raise SettingsError(
            f"{busy.message.removesuffix('.')}, and its registry does not answer yet.",
            advice="Try again once it says that it is ready.",
        )
    say("Using the registry of the instance that runs")
    with daemon.in_use(say) as docker:
        yield Prepared(layout, settings, docker)


def write_settings(
    layout: Layout, chosen: Choices, docker: EngineFacts, *, url: str, seed_image: str | None = None
) -> Settings:
    """Write the settings file and read it back, the operator's own settings included.

    `seed_image` None keeps the one that the file names. Raises SettingsError.
    """
    if seed_image is None:
        former = _former_settings(layout)
        seed_image = former.seed_image if former else ""
    oidc.write_settings(layout, settings_file.public_url(url))
    known = registry.prepare(layout, chosen.registry_address)
    traits: dict[str, Any] = settings_file.values(
        layout, chosen, engine_url=docker.url, registries=[known], bind_url=url, seed_image=seed_image
    )
    settings = load_settings(str(settings_file.write(layout, traits)))
    # The address that the operator's own settings give the Hub, over TLS where they name a certificate.
    oidc.write_settings(layout, settings.browser_url)
    return settings


def with_seed(ready: Prepared, seed_image: str) -> Prepared:
    """The same instance, its settings file naming the image from which volumes are seeded."""
    if ready.settings.seed_image == seed_image:
        return ready
    chosen = choices.read(ready.layout.choices_file)
    assert chosen is not None
    settings = write_settings(
        ready.layout, chosen, ready.engine, url=ready.settings.bind_url, seed_image=seed_image
    )
    return replace(ready, settings=settings)


def _former_settings(layout: Layout) -> Settings | None:
    if not layout.settings_file.exists():
        return None
    with warnings.catch_warnings():
        # An earlier version wrote it, with options that are no more. What the operator's own file has that
        # is no option is said when it is read for the new one.
        warnings.filterwarnings("ignore", message="Config option")
        return load_settings(str(layout.settings_file))


def check_same_engine(layout: Layout, docker: EngineFacts) -> None:
    """Homes lie in the engine with which the instance began. Raises SettingsError for another one."""
    former = _former_settings(layout)
    if former is None or former.engine_url == docker.url or os.environ.get(NEW_ENGINE_VARIABLE) == "1":
        return
    way = (
        f"{SHARED_VARIABLE} names the folder that holds its folder engine/, where that was moved."
        if "/engine-" in former.engine_url
        else f"Name it: DOCKER_HOST={former.engine_url} make run."
    )
    raise SettingsError(
        f"The homes of {layout.state} are in the engine at {former.engine_url}; "
        f"the one to be used now answers at {docker.url}.",
        advice=f"{way} Or go on with the new one, and bring the homes over as docs/operate.md says: "
        f"{NEW_ENGINE_VARIABLE}=1 make run.",
    )


def ensure_network(settings: Settings) -> None:
    """The closed network of that instance and its firewall. Raises EngineError, NetworkError."""

    async def ensure() -> None:
        held = Engine(settings)
        try:
            await held.ensure_network()
        finally:
            held.close()

    with machine_lock("choices"):
        asyncio.run(ensure())
    ensure_firewall(settings)


def configured_url(layout: Layout) -> str:
    """The URL of the settings file, else the one to be; nobody need listen there now."""
    if former := _former_settings(layout):
        return former.bind_url
    return f"http://{os.environ.get(BIND_VARIABLE) or '127.0.0.1'}:{os.environ.get(PORT_VARIABLE) or '8000'}"
