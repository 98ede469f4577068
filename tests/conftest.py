"""What every suite may ask for: a real engine, closed network, registry and store, made as `make run` does.

All of it is made at first use and once per run of pytest. The instance has its own name, subnet and ports, so
several runs on one machine do not meet; whatever carries its label is removed at the end.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup import choices, daemon, teardown
from hub_ext.cli.setup import engine as engine_setup
from hub_ext.cli.setup import images as images_setup
from hub_ext.cli.setup import registry as registry_setup
from hub_ext.cli.setup.choices import Choices, machine_lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.instance import ensure_network
from hub_ext.cli.setup.layout import CHECKOUT, SHARED_VARIABLE, STATE_VARIABLE, Layout
from hub_ext.cli.setup.steps import Steps
from hub_ext.settings import RegistrySettings, Settings
from tests.support import stub_image
from tests.support.browsers.fixtures import each_browser, fresh_profile  # noqa: F401 - fixtures

# States of the tests lie elsewhere, and use this checkout's programs and engine.
os.environ.setdefault(SHARED_VARIABLE, str(CHECKOUT / ".state"))
# A busy machine takes its time with an example; what may take how long is measured in bench/.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")
# Browsers lead *.localhost here; Debian's resolver does not.
_resolve = socket.getaddrinfo


def _getaddrinfo(host: Any, *more: Any, **others: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    return _resolve("127.0.0.1" if name and name.endswith(".localhost") else host, *more, **others)


socket.getaddrinfo = _getaddrinfo
# A shell's background processes ignore interrupts, and a run that is interrupted has things to remove.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def kept_state() -> Path:
    """A folder that outlives this run: blobs that need not be pushed again, artefacts to look at."""
    folder = Path(os.environ.get(STATE_VARIABLE) or CHECKOUT / ".state" / "test").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state's folder of this run's instance."""
    folder = tmp_path_factory.mktemp("state")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def layout(state: Path) -> Layout:
    """Where this run's instance keeps its things."""
    held = Layout(state)
    held.make()
    return held


@pytest.fixture(scope="session")
def docker() -> Iterator[EngineFacts]:
    """A real engine that is good enough; started where none answers. Never skips: it fails."""
    with daemon.in_use() as facts:
        yield facts


@pytest.fixture(scope="session")
def chosen(layout: Layout, docker: EngineFacts) -> Choices:
    """Name, subnet and ports of this run's instance."""
    with machine_lock("choices"):
        return choices.choose(layout.choices_file, docker.subnets)


@pytest.fixture(scope="session")
def settings(layout: Layout, chosen: Choices, docker: EngineFacts) -> Settings:
    """Settings of this run's instance; its registry "local" is there once `registry` was asked for."""
    return Settings(
        state_dir=layout.state,
        instance=chosen.instance,
        engine_url=docker.url,
        registries=(registry_setup.prepare(layout, chosen.registry_address, data=None),),
        network_subnet=chosen.subnet,
        hub_port=chosen.hub_port,
        console_port=chosen.console_port,
        dataset_roots=(layout.data,),
        disk_reserve_bytes=0,
    )


@pytest.fixture(scope="session")
def closed_network(settings: Settings) -> Iterator[Settings]:
    """The closed network and its firewall; removed at the end with everything of this instance."""
    try:
        ensure_network(settings)
        yield settings
    finally:
        teardown.remove_objects(settings)


@pytest.fixture(scope="session")
def registry(
    closed_network: Settings, layout: Layout, docker: EngineFacts, chosen: Choices, kept_state: Path
) -> Iterator[RegistrySettings]:
    """A private registry over TLS with a password on the closed network's gateway; the engine trusts it."""
    known = registry_setup.prepare(layout, chosen.registry_address, data=kept_state / "registry")
    engine_setup.ensure_trust(docker, known.address, layout.authority)
    child = registry_setup.run(layout, known)
    try:
        yield known
    finally:
        child.stop()
        engine_setup.remove_trust(docker, known.address)


@pytest.fixture(scope="session")
def stubs(registry: RegistrySettings, layout: Layout, settings: Settings) -> Iterator[dict[str, str]]:
    """The digest of each stub image in the registry; none of them stays on the engine."""
    digests = stub_image.push(registry, settings.engine_url, docker_config=layout.docker_config)
    yield digests
    stub_image.remove(registry, settings.engine_url, digests)


@pytest.fixture(scope="session")
def built_images(
    registry: RegistrySettings, docker: EngineFacts, layout: Layout, kept_state: Path
) -> dict[str, BuiltImage]:
    """The images of this checkout in the registry, built and pushed only where they changed."""
    with (kept_state / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a run beside this one has the same blobs
        # In a thread of its own: it runs an event loop, as a browser of an earlier test may in this one.
        with ThreadPoolExecutor(1) as thread:
            more = {"engine_url": docker.url, "logs": layout.logs, "say": Steps()}
            return thread.submit(images_setup.build_all, CHECKOUT / "images", registry, **more).result()


@pytest_asyncio.fixture
async def engine(closed_network: Settings) -> AsyncIterator[Engine]:
    """The engine's adapter, for this run's instance."""
    held = Engine(closed_network)
    yield held
    held.close()
