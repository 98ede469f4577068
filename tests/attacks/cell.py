"""A real container with the body of a real launch, in which probes run; and the same body, weakened."""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.engine.connection import Lane
from hub_ext.expression.docker import ContainerSettings, create_arguments
from hub_ext.model import DataMount, Gpu, ImageReference, LaunchPlan, Localised
from hub_ext.settings import MIB, Settings
from tests.support.patience import patient

INSIDE = Path(__file__).with_name("inside.py").read_text()
PYTHON = "/usr/bin/python3"
UID, GID, READ_GID = 20011, 60011, 60099
DIGEST = "sha256:" + "a" * 64
MEM_BYTES = 256 * MIB
SHM_BYTES = 8 * MIB
TMP_BYTES = 16 * MIB
PIDS = 64

Body = dict[str, Any]
Weaken = Callable[[Body], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What every launch of these tests stands on. `session` None: without the facts of a session."""

    settings: Settings
    image: str
    home: str
    project: str
    data: Path
    session: Path | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """How a container ended, and what its probes returned."""

    told: Mapping[str, Any]
    record: Mapping[str, Any]
    log: str
    name: str

    def __getitem__(self, key: str) -> Any:
        return self.told[key]


def hardened(ground: Ground, *, gpus: tuple[Gpu, ...] = ()) -> Body:
    """The body that a launch is created from, by the code that creates launches; only the image is given."""
    plan = LaunchPlan(
        launch_id=f"lau-{secrets.token_hex(6)}",
        node="local",
        person_id="per-x",
        server_name="",
        project="onco",
        image="python",
        revision=1,
        reference=ImageReference("local", "python", DIGEST),
        uid=UID,
        gid=GID,
        groups=(READ_GID,),
        size="s",
        cpus=1.0,
        mem_bytes=MEM_BYTES,
        idle_seconds=60,
        start_url="/lab",
        data=(DataMount("mri", "ver-x", 1, str(ground.data), Localised("MRI", "IRM")),),
        gpus=gpus,
        shares=(0,) * len(gpus),
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
    )
    body = create_arguments(
        plan,
        ContainerSettings(
            instance=ground.settings.instance,
            image=f"x@{DIGEST}",
            command=("set", "by", "run"),
            network=ground.settings.network_name,
            home_volume=ground.home,
            project_volume=ground.project,
            session_folder=str(ground.session or ""),
            pids=PIDS,
            shm_bytes=SHM_BYTES,
            tmp_bytes=TMP_BYTES,
            log_max_bytes=MIB,
        ),
    )
    body["Image"] = ground.image
    return body


def weakened(body: Body, weaken: Weaken) -> Body:
    """The body with one thing changed."""
    weak = copy.deepcopy(body)
    weaken(weak)
    return weak


def on_network(body: Body, network: str) -> Body:
    """The body on another network."""
    weak = copy.deepcopy(body)
    weak["HostConfig"]["NetworkMode"] = network
    weak["NetworkingConfig"] = {"EndpointsConfig": {network: {}}}
    return weak


def name_of(body: Body) -> str:
    """The container's name as hub-ext gives it."""
    labels = body["Labels"]
    return f"{labels['io.hub-ext.instance']}-{labels['io.hub-ext.launch']}"


async def begin(engine: Engine, body: Body, probes: Mapping[str, list[Any]]) -> str:
    """Starts a container with these probes; its name. Whoever begins it removes it."""
    name = name_of(body)
    await engine.create(name, {**body, "Cmd": [PYTHON, "-c", INSIDE, json.dumps(probes)]})
    await engine.start(name)
    return name


async def run(engine: Engine, body: Body, probes: Mapping[str, list[Any]]) -> Seen:
    """Runs probes in a container of its own, and removes it."""
    name = name_of(body)
    try:
        await begin(engine, body, probes)
        return await end(engine, name)
    finally:
        await engine.remove(name)


async def end(engine: Engine, name: str) -> Seen:
    """Waits for the probes of a container and reads what they told."""
    await engine._call("wait", "POST", f"/containers/{name}/wait", lane=Lane.STOP, seconds=patient(60))
    log = await engine.logs_tail(name, 2000)
    record = await engine.inspect(name)
    last = log.strip().rpartition("\n")[2]
    told = json.loads(last) if last.startswith("{") else {}
    return Seen(told, (record or {}).get("State", {}), log, name)


async def printed(engine: Engine, name: str, text: str, seconds: float = 10) -> str:
    """The container's log, once it holds this text."""
    for _ in range(round(patient(seconds) / 0.05)):
        if text in (log := await engine.logs_tail(name)):
            return log
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} never printed {text!r}: {log[-2000:]}")
