"""A container's life on a real engine."""

from __future__ import annotations

import asyncio

import pytest

from hub_ext.adapters.engine import (
    LABEL_INSTANCE,
    ContainerEvent,
    Engine,
    EngineAnswered,
    address,
)
from hub_ext.errors import EngineError, EngineUnreachable, ImageUnavailable
from hub_ext.settings import Settings
from tests.support.python_image import PYTHON

SLEEP = "import signal, time; signal.signal(15, lambda *_: exit(0)); print('up', flush=True); time.sleep(60)"


def body(image: str, code: str = SLEEP, **host_config: object) -> dict[str, object]:
    return {
        "Image": image,
        "Entrypoint": [PYTHON, "-c", code],
        "Labels": {"io.hub-ext.test": "containers"},
        "HostConfig": {"NetworkMode": "none", **host_config},
    }


async def test_created_started_stopped_removed(engine: Engine, small_image: str, container: str) -> None:
    assert await engine.inspect(container) is None
    made = await engine.create(container, body(small_image))
    record = await engine.inspect(container)
    assert record is not None
    assert (record["Id"], record["State"]["Status"]) == (made, "created")
    await engine.start(container)
    await engine.start(container)  # running already: left alone
    await _printed(engine, container)
    await engine.stop(container, 5)
    await engine.stop(container, 5)
    record = await engine.inspect(container)
    assert record is not None
    assert record["State"]["ExitCode"] == 0, "killed instead of asked"
    await engine.kill(container)  # not running: fine
    await engine.remove(container)
    await engine.wait_gone(container)
    for absent in (engine.stop, engine.kill, engine.remove):
        await absent(container)


async def test_a_server_that_does_not_stop_is_killed(
    engine: Engine, small_image: str, container: str
) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    await engine.create(container, body(small_image, deaf))
    await engine.start(container)
    await _printed(engine, container)
    await engine.stop(container, 1)
    record = await engine.inspect(container)
    assert record is not None
    assert record["State"]["ExitCode"] == 137


async def test_wait_gone_does_not_take_a_stopped_container_for_gone(
    engine: Engine, small_image: str, container: str
) -> None:
    await engine.create(container, body(small_image))
    with pytest.raises(EngineError, match="still there"):
        await engine.wait_gone(container, 0.3)


async def test_removing_leaves_the_named_volume_alone(
    engine: Engine, small_image: str, container: str, volume: str
) -> None:
    await engine.ensure_volume(volume)
    mount = {"Type": "volume", "Source": volume, "Target": "/v", "VolumeOptions": {"NoCopy": True}}
    nameless = {"Volumes": {"/asked-for-by-an-image": {}}}
    await engine.create(container, {**body(small_image, Mounts=[mount]), **nameless})
    record = await engine.inspect(container)
    assert record is not None
    (other,) = {mount["Name"] for mount in record["Mounts"]} - {volume}
    await engine.remove(container)
    await engine.wait_gone(container)
    assert await engine.has_volume(volume)
    assert not await engine.has_volume(other)


async def test_an_image_that_is_not_there_is_not_pulled(engine: Engine, container: str) -> None:
    with pytest.raises(ImageUnavailable, match="not on the engine"):
        await engine.create(container, body("hub-ext.invalid:1/none@sha256:" + "0" * 64))
    assert await engine.inspect(container) is None


async def test_files_of_a_container_that_does_not_run(
    engine: Engine, small_image: str, container: str
) -> None:
    with pytest.raises(EngineAnswered):
        await engine.has_file(container, PYTHON)
    await engine.create(container, body(small_image))
    assert await engine.has_file(container, PYTHON)
    assert await engine.has_file(container, "/etc")
    assert not await engine.has_file(container, "/opt/hub-ext/smoke")


async def test_a_name_is_taken_once(engine: Engine, small_image: str, container: str) -> None:
    await engine.create(container, body(small_image))
    with pytest.raises(EngineError, match="already in use"):
        await engine.create(container, body(small_image))


async def test_listing_finds_stopped_ones_by_label(engine: Engine, small_image: str, container: str) -> None:
    made = await engine.create(container, body(small_image))
    (found,) = [row for row in await engine.listing({"io.hub-ext.test": "containers"}) if row.id == made]
    assert (found.name, found.state) == (container, "created")
    assert found.labels["io.hub-ext.test"] == "containers"
    assert made not in [row.id for row in await engine.listing({"io.hub-ext.test": "other"})]
    assert made in [row.id for row in await engine.listing({"io.hub-ext.test": ""})]


async def test_logs_tail_is_the_end_of_both_streams(engine: Engine, small_image: str, container: str) -> None:
    # The engine reads the two streams apart: what is printed at one moment has no order.
    code = """
import sys, time
print(*range(9), sep="\\n", flush=True)
time.sleep(0.5)
print("end", file=sys.stderr)
"""
    await engine.create(container, body(small_image, code))
    await engine.start(container)
    for _ in range(100):
        if "end" in (tail := await engine.logs_tail(container, 3)):
            break
        await asyncio.sleep(0.05)
    assert tail.split() == ["7", "8", "end"]


async def test_the_address_is_that_on_the_closed_network(
    engine: Engine, closed_network: Settings, small_image: str, container: str
) -> None:
    name = closed_network.network_name
    await engine.create(container, body(small_image, NetworkMode=name))
    record = await engine.inspect(container)
    assert record is not None
    assert address(record, name) == ""
    await engine.start(container)
    record = await engine.inspect(container)
    assert record is not None
    assert address(record, name).rpartition(".")[0] == closed_network.network_subnet.rpartition(".")[0]
    assert address(record, "other") == ""


async def test_death_and_out_of_memory_are_told(engine: Engine, small_image: str, container: str) -> None:
    heard: list[ContainerEvent] = []

    async def listen() -> None:
        async for event in engine.events({"io.hub-ext.test": "containers"}):
            if event.name == container:
                heard.append(event)
                if event.action == "die":
                    return

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.2)
    hungry = "x = []\nwhile True: x.append(b'x' * 2**20)"
    limit = 64 * 2**20
    await engine.create(container, body(small_image, hungry, Memory=limit, MemorySwap=limit))
    await engine.start(container)
    await asyncio.wait_for(listening, 15)
    # The kernel may end more than one process of it for want of memory: each is told.
    assert list(dict.fromkeys(event.action for event in heard)) == ["start", "oom", "die"]
    assert heard[-1].exit_code == 137
    assert heard[-1].labels["io.hub-ext.test"] == "containers"
    record = await engine.inspect(container)
    assert record is not None
    assert record["State"]["OOMKilled"] is True


async def test_a_probe_says_what_it_saw_and_is_gone(
    engine: Engine, settings: Settings, small_image: str
) -> None:
    code = (
        "import os; print(os.getuid(), os.getgid(), os.getgroups(), os.environ['A']);"
        "print(*[l.split()[1] for l in open('/proc/self/status') if l[:6] in ('CapBnd', 'NoNewP')]);"
        "exit(3)"
    )
    seen = await engine.run_probe(
        small_image, [PYTHON, "-c", code], uid=20001, gid=60001, groups=[60007], environment={"A": "b"}
    )
    assert seen.rc == 3
    assert seen.output.split("\n")[:2] == ["20001 60001 [60001, 60007] b", "0000000000000000 1"]
    assert await _probes(engine, settings) == []


async def test_a_probe_that_does_not_end_or_start_is_removed_too(
    engine: Engine, settings: Settings, small_image: str
) -> None:
    with pytest.raises(EngineUnreachable, match="did not end"):
        await engine.run_probe(small_image, [PYTHON, "-c", SLEEP], uid=1, gid=1, seconds=1)
    nowhere = {"Type": "bind", "Source": "/hub-ext/none", "Target": "/v"}
    with pytest.raises(EngineError, match="does not exist"):
        await engine.run_probe(small_image, [PYTHON], uid=1, gid=1, mounts=[nowhere])
    assert (await engine.run_probe(small_image, ["/none"], uid=1, gid=1)).rc == 127
    cancelled = asyncio.create_task(
        engine.run_probe(small_image, [PYTHON, "-c", SLEEP], uid=1, gid=1, seconds=1)
    )
    await asyncio.sleep(0.4)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await _probes(engine, settings) == []


async def _probes(engine: Engine, settings: Settings) -> list[str]:
    labels = {LABEL_INSTANCE: settings.instance, "io.hub-ext.probe": ""}
    return [row.name for row in await engine.listing(labels)]


async def _printed(engine: Engine, container: str) -> str:
    for _ in range(100):
        if text := (await engine.logs_tail(container)).strip():
            return text
        await asyncio.sleep(0.05)
    raise AssertionError("the container printed nothing")
