"""What both Hubs of a run share: the engine, a registry with the images, and folders that go at the end."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hub_ext.adapters.engine import Engine
from hub_ext.cli.setup import children, choices, daemon, images, settings_file, teardown
from hub_ext.cli.setup import engine as engine_setup
from hub_ext.cli.setup import registry as registry_setup
from hub_ext.cli.setup.choices import Choices
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.instance import ensure_network
from hub_ext.cli.setup.layout import CHECKOUT, Layout
from hub_ext.cli.setup.steps import Say
from hub_ext.config import load_settings
from hub_ext.settings import RegistrySettings, Settings
from tests.support import stub_image
from tests.support.ports import free_port

PLAIN = CHECKOUT / "bench" / "images"
# A stub whose server is bench/fast_server.py.
FAST = "fast"
FAST_SERVER = CHECKOUT / "bench" / "fast_server.py"
STUBS = ("answer", "stubborn", FAST)
# Images that nobody has pulled yet, each with a layer of its own, which passes in a good ten seconds.
SLOW_IMAGES = 4
STOCK_SLOW_IMAGES = 2  # those after ours, for the stock Hub
SLOW_ALIAS = "slow"
_SLOW_LETTERS = 24 * 1024**2  # hexadecimal: a layer holds half as many bytes
_SLOW_BYTES_A_SECOND = 1024**2
_WIRE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Scratch:
    """A registry for one run: `stubs` and `images` are digests, of the latter nobody has pulled any.

    `slow` is the same registry through a forwarder that lets little pass; the Docker client's configuration
    in `docker_config` has the password of both.
    """

    direct: RegistrySettings
    slow: RegistrySettings
    stubs: dict[str, str]
    images: tuple[str, ...]
    docker_config: Path

    def slow_tag(self, number: int) -> str:
        """HOST:PORT/path:tag of one of the images, by the slow way."""
        return f"{self.slow.address}/{_slow_path(number)}:1"


@dataclass
class House:
    """`built` are this checkout's images, `plain` names the stock one on the engine, `stubs` are digests."""

    layout: Layout
    docker: EngineFacts
    chosen: Choices
    registry: RegistrySettings
    scratch: Scratch
    built: dict[str, BuiltImage]
    plain: str
    stubs: dict[str, str]
    node: Path
    stack: ExitStack

    def reference(self, slug: str) -> str:
        """HOST:PORT/path@digest of an image of ours."""
        image = self.built[slug].reference
        return f"{self.registry.address}/{image.path}@{image.digest}"

    def stub(self, behaviour: str) -> str:
        """The same of a stub."""
        return f"{self.registry.address}/stub/{behaviour}@{self.stubs[behaviour]}"

    def wire(self, name: str) -> tuple[str, Path]:
        """A noted way to the engine: its URL and the notes."""
        near, notes = self.layout.state / f"{name}.sock", self.layout.state / f"{name}-engine.txt"
        notes.touch()
        far = self.docker.url.removeprefix("unix://")
        child = children.start(
            f"The wire of {name}",
            [sys.executable, "-m", "bench.wire", str(near), far, str(notes)],
            self.layout.logs / f"{name}-wire.log",
            folder=CHECKOUT,
        )
        self.stack.callback(child.stop)
        child.wait_ready(near.exists, _WIRE_SECONDS)
        return f"unix://{near}", notes


@contextmanager
def opened(kept: Path, say: Say) -> Iterator[House]:
    """`kept` outlives the run: the registry's blobs, and the stock proxy's program under `node`."""
    with ExitStack() as stack:
        # Short: sockets lie in it.
        layout = Layout(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hx-bench-"))))
        layout.make()
        docker = stack.enter_context(daemon.in_use(say))
        with choices.machine_lock("choices"):
            chosen = choices.choose(layout.choices_file, docker.subnets)
        registry = registry_setup.prepare(layout, chosen.registry_address, data=kept / "registry")
        settings = _settings(layout, chosen, docker, registry)
        stack.callback(teardown.remove_objects, settings)
        say("Closing the notebooks' network")
        ensure_network(settings)
        engine_setup.ensure_trust(docker, registry.address, layout.authority)
        stack.callback(engine_setup.remove_trust, docker, registry.address)
        stack.callback(registry_setup.run(layout, registry).stop)
        build = {"engine_url": docker.url, "logs": kept / "logs", "say": say}
        built = images.build_all(CHECKOUT / "images", registry, **build)  # type: ignore[arg-type]
        plain = images.build_all(PLAIN, registry, **build)["plain"]  # type: ignore[arg-type]
        stubs = stub_image.push(registry, docker.url, docker_config=layout.docker_config)
        stubs[FAST] = stub_image.change(
            registry,
            docker.url,
            stubs["answer"],
            f"stub/{FAST}:1",
            docker_config=layout.docker_config,
            files=dict.fromkeys(("opt/hub-ext/start", "opt/hub-ext/bin/jupyter-lab"), _program(FAST_SERVER)),
        )
        stack.callback(stub_image.remove, registry, docker.url, stubs)
        scratch = _scratch_registry(layout, docker, chosen.gateway, stack)
        house = House(
            layout,
            docker,
            chosen,
            registry,
            scratch,
            built,
            f"{registry.address}/{plain.reference.path}@{plain.reference.digest}",
            stubs,
            kept / "node",
            stack,
        )
        wanted = (house.reference("python"), house.plain, *map(house.stub, STUBS))
        asyncio.run(_pull(settings, wanted))
        yield house


def _program(source: Path) -> str:
    """As a program of a stub image, which has this machine's Python."""
    return f"#!{Path(sys.executable).resolve()}\n{source.read_text(encoding='utf-8')}"


def _scratch_registry(house_layout: Layout, docker: EngineFacts, host: str, stack: ExitStack) -> Scratch:
    """A second registry, whose blobs go with the run, and a slow way to it."""
    layout = Layout(house_layout.state / "scratch")
    layout.make()
    port, near = choices.free_ports(secrets.randbelow(2**30), 2)
    direct = registry_setup.prepare(layout, f"{host}:{port}")
    slow = replace(direct, alias=SLOW_ALIAS, address=f"{host}:{near}")
    stack.callback(registry_setup.run(layout, direct).stop)
    words = ("-m", "bench.forwarder", host, str(near), host, str(port), str(_SLOW_BYTES_A_SECOND))
    child = children.start(
        "The slow way to the registry",
        [sys.executable, *words],
        layout.logs / "forwarder.log",
        folder=CHECKOUT,
    )
    stack.callback(child.stop)
    for known in (direct, slow):
        engine_setup.ensure_trust(docker, known.address, layout.authority)
        stack.callback(engine_setup.remove_trust, docker, known.address)
    stubs = stub_image.push(direct, docker.url, docker_config=layout.docker_config)
    images = tuple(
        stub_image.change(
            direct,
            docker.url,
            stubs["answer"],
            f"{_slow_path(number)}:1",
            docker_config=layout.docker_config,
            files={"opt/layer": secrets.token_hex(_SLOW_LETTERS // 2)},
        )
        for number in range(SLOW_IMAGES + STOCK_SLOW_IMAGES)
    )
    stack.callback(stub_image.remove, direct, docker.url, stubs)
    _share_password(layout.docker_config / "config.json", direct.address, slow.address)
    scratch = Scratch(direct, slow, stubs, images, layout.docker_config)
    stack.callback(_forget_slow, scratch, docker.url)
    return scratch


def _slow_path(number: int) -> str:
    return f"slow/image-{number}"


def _share_password(file: Path, known: str, other: str) -> None:
    """The Docker client has the password of one address for the other too."""
    content = json.loads(file.read_text())
    content["auths"][other] = content["auths"][known]
    file.write_text(json.dumps(content))


def _forget_slow(scratch: Scratch, engine_url: str) -> None:
    """Takes from the engine what was pulled the slow way, by digest or by tag."""
    names = [scratch.slow_tag(number) for number in range(len(scratch.images))]
    names += [
        f"{scratch.slow.address}/{_slow_path(number)}@{digest}"
        for number, digest in enumerate(scratch.images)
    ]
    subprocess.run(["docker", "--host", engine_url, "rmi", "--force", *names], capture_output=True)


def _settings(layout: Layout, chosen: Choices, docker: EngineFacts, registry: RegistrySettings) -> Settings:
    traits = settings_file.values(
        layout,
        chosen,
        engine_url=docker.url,
        registries=[registry],
        bind_url=f"http://127.0.0.1:{free_port()}",
    )
    return load_settings(str(settings_file.write(layout, traits)))


async def _pull(settings: Settings, wanted: tuple[str, ...]) -> None:
    engine = Engine(settings)
    try:
        for reference in wanted:
            repository, _, digest = reference.partition("@")
            await engine.pull(repository, digest)
    finally:
        engine.close()
