"""One Hub for the whole run, with stub servers, and a way to cut it off from the engine; a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hub_ext.adapters import demo_accounts
from hub_ext.cli.setup import settings_file
from hub_ext.cli.setup.choices import Choices
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.instance import Prepared
from hub_ext.cli.setup.layout import Layout
from hub_ext.cli.setup.serving import Serving
from hub_ext.cli.setup.steps import silent
from hub_ext.config import load_settings
from hub_ext.flows.site import Site, open_site
from hub_ext.settings import RegistrySettings
from tests.support import chromium as chromium_support
from tests.support import console
from tests.support import scenario as scenarios
from tests.support.hub import PASSWORDS, RunningHub
from tests.support.patience import patient
from tests.support.ports import free_port
from tests.support.wire import Wire

PAGE_MS = 20_000
# How long a kernel or a terminal may be at work.
BUSY_SECONDS = 30


@pytest.fixture(scope="session")
def hub(
    layout: Layout,
    chosen: Choices,
    docker: EngineFacts,
    registry: RegistrySettings,
    stubs: dict[str, str],
    kept_state: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningHub]:
    """The Hub, its proxy and a scenario; all of it stopped and removed at the end.

    In one run with tests/flows its reconciler would take their containers, which its store does not know, for
    strays: these tests have a run of their own, as deploy/check has it.
    """
    for name in ("node", "htmx"):
        if not (layout.state / name).exists():
            (layout.state / name).symlink_to(kept_state / name)
    wire = Wire(layout.state / "engine.sock", Path(docker.url.removeprefix("unix://")))
    seed = f"{registry.address}/stub/answer@{stubs['answer']}"
    traits = settings_file.values(
        layout,
        chosen,
        engine_url=f"unix://{wire.near}",
        registries=[registry],
        bind_url=f"http://127.0.0.1:{free_port()}",
        seed_image=seed,
    )
    data = tmp_path_factory.mktemp("datasets")
    traits |= {"dataset_roots": [str(data)]}
    traits |= {"disk_reserve_bytes": 0, "stop_seconds": 2, "start_seconds": round(patient(20))}
    traits |= {"engine_seconds": round(patient(5))}
    traits |= {
        "cull_seconds": 2,
        "reconcile_seconds": 2,
        "busy_ceiling_seconds": round(patient(BUSY_SECONDS)),
    }
    # A test of the pull itself needs an image that nobody fetched before it.
    traits |= {"prepull": False}
    traits |= {"revoke_seconds": 1.0, "revoke_hub_seconds": 5.0}
    # Only what a test of the line puts there is a GPU of this node.
    traits |= {"gpu_source": "cdi", "cdi_dirs": [str(layout.state / "cdi")], "queue_seconds": 1.0}
    settings = load_settings(str(settings_file.write(layout, traits)))
    demo_accounts.write(settings.demo_accounts_file, PASSWORDS)

    direct = replace(settings, engine_url=docker.url)
    site = open_site(direct)
    made = asyncio.run(_prepare(site, seed, data, stubs))
    serving = Serving(Prepared(layout, settings, docker), silent, ready_seconds=patient(60))
    try:
        serving.start()
        yield RunningHub(serving, wire, made)
    finally:
        wire.cut()
        wire.mend()
        serving.stop()
        wire.cut()
        site.close()
        _keep(layout, kept_state)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's browser, with an empty profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_support.PROGRAM, args=list(chromium_support.FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, kept_state: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a fresh visitor; its last picture is kept."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    made = context.new_page()
    made.set_default_timeout(PAGE_MS)
    try:
        yield made
    finally:
        folder = kept_state / "artefacts"
        folder.mkdir(exist_ok=True)
        made.screenshot(path=folder / f"{request.node.name}-last.png")
        context.close()


async def _prepare(site: Site, seed: str, data: Path, stubs: dict[str, str]) -> scenarios.Scenario:
    repository, _, digest = seed.partition("@")
    await site.engine.pull(repository, digest)
    made = await scenarios.build(site, data, stubs)
    await asyncio.to_thread(console.add_people, site)
    return made


def _keep(layout: Layout, kept_state: Path) -> None:
    """The logs outlive the run, for whoever looks for what went wrong."""
    artefacts = kept_state / "artefacts"
    artefacts.mkdir(exist_ok=True)
    for log in ("hub.log", "gate.log", "front.log", "front/access.log"):
        if (layout.logs / log).exists():
            (artefacts / f"e2e-{log.replace('/', '-')}").write_bytes((layout.logs / log).read_bytes())
