"""The same against the real engine: it takes the body as it is, and every weakening of it is seen."""

from __future__ import annotations

import copy
import io
import secrets
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub_ext.adapters.engine import Engine
from hub_ext.expression.docker import create_arguments, differences
from hub_ext.settings import Settings

from .plans import CONTAINER, PLAN

FOREIGN = (
    "USER 1000:100",
    'ENTRYPOINT ["tini", "-g", "--", "start.sh"]',
    'CMD ["start-notebook.py"]',
    "STOPSIGNAL SIGINT",
    "EXPOSE 8888 7860/udp",
    "VOLUME /var/lib/state /home/jovyan",
    "LABEL maintainer=somebody",
    'ONBUILD RUN ["touch", "/x"]',
    "ENV LD_LIBRARY_PATH=/opt/conda/lib PATH=/opt/conda/bin:/usr/bin",
    "HEALTHCHECK --interval=3s --timeout=1s --start-period=9s --start-interval=1s --retries=3 CMD /healthy",
)
HOSTILE = (
    "USER 0",
    "VOLUME /evil",
    'ENTRYPOINT ["/evil"]',
    "ENV LD_PRELOAD=/evil.so NVIDIA_VISIBLE_DEVICES=all HOME=/evil",
    "WORKDIR /evil",
    "EXPOSE 99",
)

Body = dict[str, Any]


def _import(settings: Settings, name: str, changes: tuple[str, ...]) -> None:
    """An image without a single file: enough to create containers, which are never started."""
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    options = [word for change in changes for word in ("--change", change)]
    command = ["docker", "--host", settings.engine_url, "import", *options, "-", name]
    subprocess.run(command, input=empty.getvalue(), check=True, capture_output=True)


@pytest.fixture(scope="module")
def images(settings: Settings) -> Iterator[dict[str, str]]:
    """A harmless image, one made without a thought of us, and a hostile one."""
    names = {kind: f"{settings.instance}-{kind}:1" for kind in ("plain", "foreign", "hostile")}
    try:
        _import(settings, names["plain"], ())
        _import(settings, names["foreign"], FOREIGN)
        _import(settings, names["hostile"], HOSTILE)
        yield names
    finally:
        command = ["docker", "--host", settings.engine_url, "rmi", "-f", *names.values()]
        subprocess.run(command, capture_output=True)


@pytest.fixture
def body(settings: Settings, images: dict[str, str], tmp_path: Path) -> Body:
    """The plan's body with sources that are there."""
    data = tuple(replace(mount, folder=str(tmp_path)) for mount in PLAN.data)
    volume = f"{settings.instance}-expression"
    container = replace(
        CONTAINER,
        instance=settings.instance,
        network=settings.network_name,
        home_volume=f"{volume}-home",
        project_volume=f"{volume}-project",
        session_folder=str(tmp_path),
    )
    return {**create_arguments(replace(PLAN, data=data), container), "Image": images["plain"]}


@pytest_asyncio.fixture
async def made(engine: Engine, settings: Settings, body: Body) -> AsyncIterator[Callable[[Body], Any]]:
    """Creates a container and says what the engine says of it."""
    names: list[str] = []

    async def make(asked: Body) -> dict[str, Any]:
        names.append(f"{settings.instance}-{secrets.token_hex(6)}")
        await engine.create(names[-1], asked)
        said = await engine.inspect(names[-1])
        assert said is not None
        return said

    yield make
    for name in names:
        await engine.remove(name)
    for mount in body["HostConfig"]["Mounts"][:2]:
        await engine.remove_volume(mount["Source"])


async def test_the_engine_makes_what_is_asked(made, body):
    assert differences(body, await made(body)) == ()


async def test_what_a_foreign_image_says_makes_no_difference(made, engine, settings, images, tmp_path):
    container = replace(
        CONTAINER,
        instance=settings.instance,
        network=settings.network_name,
        home_volume=f"{settings.instance}-expression-home",
        project_volume=f"{settings.instance}-expression-project",
        session_folder=str(tmp_path),
        address="",
        env={},
    )
    data = tuple(replace(mount, folder=str(tmp_path)) for mount in PLAN.data)
    volumes = ("/home/jovyan", "/var/lib/state")
    plan = replace(PLAN, data=data, allowed_env=("LD_LIBRARY_PATH",), image_volumes=volumes)
    body = {**create_arguments(plan, container), "Image": images["foreign"]}
    said = await made(body)
    assert differences(body, said) == ()
    config = said["Config"]
    assert config["Healthcheck"]["Interval"] == 3 * 10**9, "the control: the engine fills in the image's"
    assert config["Healthcheck"]["Test"] == ["NONE"]
    assert "LD_LIBRARY_PATH=/opt/conda/lib" in config["Env"]
    assert not [mount for mount in said["Mounts"] if mount["Destination"] == "/var/lib/state"]
    # Without the plan's word of it, the engine's own volume is there and is seen.
    unplanned = {**create_arguments(replace(plan, image_volumes=()), container), "Image": images["foreign"]}
    (line,) = differences(unplanned, await made(unplanned))
    assert "/var/lib/state writable, which was not asked for" in line


async def test_a_hostile_image_changes_nothing_but_its_volume_which_is_seen(made, body, images):
    body = {**body, "Image": images["hostile"]}
    said = await made(body)
    (line,) = differences(body, said)
    assert "/evil writable, which was not asked for" in line
    assert said["Config"]["Entrypoint"] == []
    assert "LD_PRELOAD=" in said["Config"]["Env"]
    assert not [value for value in said["Config"]["Env"] if "evil" in value or value.endswith("=all")]


# Each key that hardens, taken away or made worse; the engine takes every one of these bodies.
WEAKER: list[tuple[str, Any]] = [
    ("Runtime", "io.containerd.runc.v2"),
    ("Init", False),
    ("AutoRemove", True),
    ("RestartPolicy", {"Name": "always"}),
    ("Privileged", True),
    ("CapAdd", ["SYS_ADMIN"]),
    ("CapDrop", []),
    ("CapDrop", ["NET_RAW"]),
    ("SecurityOpt", []),
    ("SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]),
    ("GroupAdd", ["0"]),
    ("ReadonlyRootfs", False),
    ("Tmpfs", {}),
    ("Tmpfs", {"/tmp": "rw,exec"}),
    ("Binds", ["/etc:/host"]),
    ("Devices", [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]),
    ("DeviceRequests", []),
    ("DeviceRequests", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]),
    ("DeviceCgroupRules", ["c 1:3 rwm"]),
    ("NanoCpus", 0),
    ("Memory", 0),
    ("MemorySwap", -1),
    ("PidsLimit", None),
    ("ShmSize", 0),
    ("Ulimits", []),
    ("IpcMode", "host"),
    ("CgroupnsMode", "host"),
    ("PidMode", "host"),
    ("UTSMode", "host"),
    ("UsernsMode", "host"),
    ("NetworkMode", "none"),
    ("PortBindings", {"99/tcp": [{"HostPort": "0"}]}),
    ("PublishAllPorts", True),
    ("ExtraHosts", ["hub:10.0.0.1"]),
    ("Dns", []),
    ("DnsSearch", []),
    ("LogConfig", {"Type": "none", "Config": {}}),
    ("LogConfig", {"Type": "json-file", "Config": {}}),
    ("Sysctls", {"net.ipv4.ip_unprivileged_port_start": "1"}),
    ("OomScoreAdj", -500),
    ("CgroupParent", "elsewhere.slice"),
    ("MaskedPaths", []),
    ("ReadonlyPaths", []),
]


async def test_every_weaker_host_configuration_is_seen(made, body):
    unseen = []
    for key, value in WEAKER:
        weaker = copy.deepcopy(body)
        weaker["HostConfig"][key] = value
        if key == "Memory":
            weaker["HostConfig"]["MemorySwap"] = 0
        if key == "UTSMode":
            weaker["Hostname"] = ""
        if key == "NetworkMode":
            weaker["NetworkingConfig"] = {}
        if not any(f"HostConfig.{key} " in line for line in differences(body, await made(weaker))):
            unseen.append((key, value))
    assert unseen == []


async def test_every_weaker_mount_is_seen(made, body):
    unseen = []
    weakenings: list[tuple[int, Callable[[dict[str, Any]], object]]] = [
        (2, lambda mount: mount.update(ReadOnly=False, BindOptions={"Propagation": "rprivate"})),
        (2, lambda mount: mount["BindOptions"].pop("ReadOnlyForceRecursive")),
        (
            2,
            lambda mount: mount["BindOptions"].update(
                ReadOnlyNonRecursive=True, ReadOnlyForceRecursive=False
            ),
        ),
        (2, lambda mount: mount.update(Target="/data/elsewhere")),
        (2, lambda mount: mount.update(Source="/etc")),
        (4, lambda mount: mount.update(ReadOnly=False, BindOptions={"Propagation": "rprivate"})),
        (4, lambda mount: mount.update(Target="/run/elsewhere")),
        (0, lambda mount: mount.pop("VolumeOptions")),
        (0, lambda mount: mount.update(Source="")),
    ]
    for place, weaken in weakenings:
        weaker = copy.deepcopy(body)
        weaken(weaker["HostConfig"]["Mounts"][place])
        if not differences(body, await made(weaker)):
            unseen.append(weaker["HostConfig"]["Mounts"][place])
    fewer = copy.deepcopy(body)
    del fewer["HostConfig"]["Mounts"][3]
    assert differences(body, await made(fewer))
    assert unseen == []


async def test_every_other_configuration_is_seen(made, body, images):
    unseen = []
    for key, value in [
        ("User", "0:0"),
        ("User", "20001"),
        ("Entrypoint", None),  # alone, the image's own
        ("Cmd", ["other"]),
        ("Env", []),
        ("Labels", {}),
        ("WorkingDir", "/"),
        ("Hostname", "ada"),
        ("StopTimeout", 600),
        ("StopSignal", "SIGUSR1"),
        ("Healthcheck", {"Test": ["CMD-SHELL", "true"]}),
        ("Tty", True),
        ("OpenStdin", True),
        ("Image", images["hostile"]),
    ]:
        weaker = {**body, "Image": images["hostile"], key: value}
        wanted = {**body, "Image": images["hostile"]} if key != "Image" else body
        if not any(f"Config.{key}" in line for line in differences(wanted, await made(weaker))):
            unseen.append((key, value))
    assert unseen == []
