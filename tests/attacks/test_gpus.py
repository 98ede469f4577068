"""Devices by lease only, through the engine's own CDI path; plain device nodes stand for the silicon."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.gpu_inventory import inventory
from hub_ext.errors import EngineError
from hub_ext.model import Gpu
from hub_ext.settings import Settings
from tests.attacks.cell import Body, Ground, hardened, run, weakened

ZERO = os.makedev(1, 5)


@pytest.fixture(scope="module")
def kind(settings: Settings) -> Iterator[str]:
    """Two cards of a kind of this run's own, described in /etc/cdi; taken away again."""
    name = f"{settings.instance}.hub-ext.test/gpu"
    nodes = Path(f"/dev/{settings.instance}-fakegpu")
    spec = Path(f"/etc/cdi/{settings.instance}.json")
    nodes.mkdir()
    spec.parent.mkdir(exist_ok=True)
    try:
        for card in ("0", "1"):
            os.mknod(nodes / card, stat.S_IFCHR | 0o666, ZERO)
            (nodes / card).chmod(0o666)
        devices = {card: [card] for card in ("0", "1")} | {"all": ["0", "1"]}
        spec.write_text(
            json.dumps(
                {
                    "cdiVersion": "0.6.0",
                    "kind": name,
                    "devices": [
                        {
                            "name": device,
                            "containerEdits": {
                                "deviceNodes": [
                                    {"path": f"/dev/fakegpu{card}", "hostPath": str(nodes / card)}
                                    for card in cards
                                ]
                            },
                        }
                        for device, cards in devices.items()
                    ],
                }
            )
        )
        yield name
    finally:
        spec.unlink(missing_ok=True)
        shutil.rmtree(nodes)


@pytest.fixture
def cards(settings: Settings, kind: str) -> tuple[Gpu, ...]:
    """The two cards as the inventory finds them."""
    found = inventory(replace(settings, gpu_source="cdi"))
    return tuple(one.gpu for one in found.seen if one.gpu.device.startswith(kind))


def greedy(body: Body) -> None:
    """What an image's environment could say to NVIDIA's runtime."""
    body["Env"] = [
        *(entry for entry in body["Env"] if not entry.startswith("NVIDIA")),
        "NVIDIA_VISIBLE_DEVICES=all",
        "NVIDIA_DRIVER_CAPABILITIES=all",
        "CUDA_VISIBLE_DEVICES=0,1",
    ]


@pytest.fixture(scope="module")
def wanting_image(ground: Ground, settings: Settings) -> Iterator[str]:
    """The same image, built to want every device: by its environment and by labels."""
    name = f"{settings.instance}-wants-all:1"
    docker = ["docker", "--host", settings.engine_url]
    wishes = (
        *(
            "ENV NVIDIA_VISIBLE_DEVICES=all",
            "ENV NVIDIA_DRIVER_CAPABILITIES=all",
            "ENV CUDA_VISIBLE_DEVICES=0,1",
        ),
        *("LABEL com.nvidia.volumes.needed=nvidia_driver", "LABEL com.nvidia.cuda.version=12"),
    )
    lines = "\n".join((f"FROM {ground.image}", *wishes))
    build = [*docker, "build", "--quiet", "--tag", name, "-"]
    subprocess.run(build, input=lines.encode(), check=True, capture_output=True)
    yield name
    subprocess.run([*docker, "rmi", "-f", name], check=True, capture_output=True)


async def fake_devices(engine: Engine, body: Body) -> set[str]:
    seen = await run(engine, body, {"devices": ["devices"], "use": ["read_device", "/dev/fakegpu1"]})
    found = {name for name in seen["devices"] if "fakegpu" in name}
    assert seen["use"] == ("done" if "fakegpu1" in found else "ENOENT")
    return found


async def test_the_inventory_finds_both_and_not_all_as_a_third(cards: tuple[Gpu, ...], kind: str) -> None:
    assert [gpu.device for gpu in cards] == [f"{kind}=0", f"{kind}=1"]


async def test_without_a_lease_no_device_whatever_the_environment_asks_for(
    engine: Engine, ground: Ground, cards: tuple[Gpu, ...], kind: str
) -> None:
    assert await fake_devices(engine, weakened(hardened(ground), greedy)) == set()


async def test_an_image_that_wants_all_gets_what_its_launch_leases_and_no_more(
    engine: Engine, ground: Ground, cards: tuple[Gpu, ...], wanting_image: str
) -> None:
    def image_s_own(body: Body) -> None:
        body["Image"] = wanting_image

    bare = weakened(hardened(ground), image_s_own)
    assert await fake_devices(engine, bare) == set()
    leased = weakened(hardened(ground, gpus=cards[:1]), image_s_own)
    assert await fake_devices(engine, leased) == {"fakegpu0"}
    asked = {"wish": ["environment", "NVIDIA_VISIBLE_DEVICES"]}
    assert (await run(engine, bare, asked))["wish"] == "void"

    def control(body: Body) -> None:
        body["Image"] = wanting_image
        body["Env"] = [entry for entry in body["Env"] if not entry.startswith("NVIDIA_VISIBLE")]

    # Were it not for our word, the image's wish would reach whatever listens to it.
    assert (await run(engine, weakened(hardened(ground), control), asked))["wish"] == "all"


async def test_a_lease_shows_its_own_device_and_no_other(
    engine: Engine, ground: Ground, cards: tuple[Gpu, ...]
) -> None:
    body = weakened(hardened(ground, gpus=cards[1:]), greedy)
    assert await fake_devices(engine, body) == {"fakegpu1"}


async def test_control_both_devices_are_there_to_be_seen(
    engine: Engine, ground: Ground, cards: tuple[Gpu, ...], kind: str
) -> None:
    body = hardened(ground, gpus=(replace(cards[0], device=f"{kind}=all"),))
    assert await fake_devices(engine, body) == {"fakegpu0", "fakegpu1"}


async def test_a_device_that_is_gone_is_an_error_and_no_container_without_it(
    engine: Engine, ground: Ground, cards: tuple[Gpu, ...], kind: str
) -> None:
    body = hardened(ground, gpus=(replace(cards[0], device=f"{kind}=7"),))
    with pytest.raises(EngineError, match="unresolvable CDI devices"):
        await run(engine, body, {})
