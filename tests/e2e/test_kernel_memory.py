"""A kernel that takes more memory than its server has is killed by the host's kernel; the server goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hub_ext.adapters.engine import Engine
from hub_ext.adapters.store import audit
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.flows.launch.end import container_name
from hub_ext.model import LaunchState, Verb
from tests.e2e.test_culler_notebook import Notebook, start
from tests.support.hub import RunningHub, Visitor, wait_for

TAKE_ALL = "held = []\nwhile True: held.append(b'x' * 2**24)"


@pytest.fixture
def carol(hub: RunningHub, built_images: dict[str, BuiltImage]) -> Iterator[Visitor]:
    """Carol, who may use the real Python image."""
    hub.publish("hasty", built_images["python"])
    visitor = hub.visitor("carol")
    yield visitor
    visitor.forget()


def test_a_kernel_that_dies_by_memory_ends_neither_its_server_nor_the_launch(
    hub: RunningHub, carol: Visitor
) -> None:
    notebook = start(hub, carol, "memory")
    notebook.run(TAKE_ALL)
    wait_for(lambda: _state(hub, notebook)["OOMKilled"], 60)
    assert _state(hub, notebook)["Running"]
    assert notebook.launch.state is LaunchState.RUNNING
    # The same server starts the next kernel, and a cell runs in it.
    notebook.run("1 + 1")
    carol.stop("memory")
    assert notebook.launch.stop_reason == "stopped-by-person"
    with hub.site.store.reading() as tx:
        (stopped,) = audit.listing(tx, subject=notebook.launch.id, verb=Verb.LAUNCH_STOPPED)
    assert stopped.facts["out_of_memory"] is False


def _state(hub: RunningHub, notebook: Notebook) -> dict[str, Any]:
    """What the engine says of the container now."""

    async def ask() -> Any:
        engine = Engine(hub.site.settings)
        try:
            return await engine.inspect(container_name(hub.site, notebook.launch.id))
        finally:
            engine.close()

    return dict(asyncio.run(ask())["State"])
