"""One Hub on an engine of its own for all kill points."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.adapters import demo_accounts
from hub_ext.cli.setup import choices, settings_file, teardown
from hub_ext.cli.setup.choices import machine_lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.layout import Layout
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import silent
from hub_ext.config import load_settings
from hub_ext.flows import people, projects
from hub_ext.flows.site import Site, open_site
from hub_ext.settings import RegistrySettings, Settings
from tests.faults.house import PASSWORD, House, username
from tests.faults.kill_points import Step
from tests.support import scenario as scenarios
from tests.support.engine_gate import EngineGate
from tests.support.hub import RunningHub
from tests.support.own_engine import OwnEngine
from tests.support.ports import free_port
from tests.support.scenario import STEWARD, Scenario
from tests.support.wire import Wire


@pytest.fixture(scope="session")
def own_engine(docker: EngineFacts) -> Iterator[OwnEngine]:
    """An engine that may be killed."""
    with machine_lock("choices"):
        engine = OwnEngine(_bridge_subnet())
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()


@pytest.fixture(scope="session")
def house(
    own_engine: OwnEngine,
    docker: EngineFacts,
    registry: RegistrySettings,
    stubs: dict[str, str],
    kept_state: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """The Hub and everybody, signed in; all of it stopped and removed at the end."""
    layout = Layout(tmp_path_factory.mktemp("killed"))
    layout.make()
    engine_gate = EngineGate(own_engine.folder / "gate.sock", own_engine.socket)
    settings = _settings(layout, engine_gate, own_engine, docker, registry, stubs["answer"])
    demo_accounts.write(settings.demo_accounts_file, {username(step): PASSWORD for step in Step})
    site = open_site(replace(settings, engine_url=own_engine.url))
    serving = Serving(
        Prepared(layout, settings, EngineFacts(engine_gate.near, "26", False, True, False)), silent
    )
    try:
        made = asyncio.run(_scenario(site, layout.data, stubs))
        serving.start()
        # No wire: the engine gate is in its place.
        hub = RunningHub(serving, Wire.__new__(Wire), made)
        visitors = {step: hub.visitor(username(step), password=PASSWORD) for step in Step}
        yield House(hub, engine_gate, own_engine, visitors, stubs["stubborn"])
    finally:
        engine_gate.close()
        serving.stop()
        log = layout.logs / "hub.log"
        if log.exists():
            (kept_state / "artefacts").mkdir(exist_ok=True)
            (kept_state / "artefacts" / "kill-points-hub.log").write_bytes(log.read_bytes())
        teardown.remove_objects(site.settings)
        site.close()


def _settings(
    layout: Layout,
    engine_gate: EngineGate,
    engine: OwnEngine,
    docker: EngineFacts,
    registry: RegistrySettings,
    digest: str,
) -> Settings:
    with machine_lock("choices"):
        chosen = choices.choose(layout.choices_file, docker.subnets)
    cards = [{"name": f"{number}", "containerEdits": {"env": [f"CARD={number}"]}} for number in range(20)]
    spec = {"cdiVersion": "0.6.0", "kind": "hub-ext.test/gpu", "devices": cards}
    (engine.cdi / "cards.json").write_text(json.dumps(spec))
    traits = settings_file.values(
        layout,
        chosen,
        engine_url=f"unix://{engine_gate.near}",
        registries=[registry],
        bind_url=f"http://127.0.0.1:{free_port()}",
        seed_image=f"{registry.address}/stub/answer@{digest}",
    )
    traits |= {"disk_reserve_bytes": 0, "stop_seconds": 2, "start_seconds": 20, "engine_seconds": 5}
    # Nothing but the steps of a start is to be killed.
    traits |= {"prepull": False}
    traits |= {"concurrent_starts": len(Step) + 1, "gpu_source": "cdi", "cdi_dirs": [str(engine.cdi)]}
    return load_settings(str(settings_file.write(layout, traits)))


async def _scenario(site: Site, data: Path, stubs: dict[str, str]) -> Scenario:
    repository, _, digest = site.settings.seed_image.partition("@")
    await site.engine.pull(repository, digest)
    made = await scenarios.build(site, data, stubs)
    later = site.now() + timedelta(days=300)
    for step in Step:
        person = people.add_person(
            site, STEWARD, issuer="demo", subject=username(step), username=username(step)
        )
        projects.add_member(site, STEWARD, "onco", person.id, valid_until=later)
    return made


def _bridge_subnet() -> str:
    """An address with its length, of a network that nobody here has."""
    return f"10.253.{free_port() % 256}.1/24"
