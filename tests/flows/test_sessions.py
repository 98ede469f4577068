"""What is shown of sessions under way: who uses them by the gate's word, what computes by the culler's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.adapters.store import busy_since, launches, server_uses
from hub_ext.flows.sessions import Session, UseWatch, sessions
from hub_ext.flows.site import Site
from hub_ext.model import Launch, LaunchState
from tests.adapters.store import samples
from tests.flows.conftest import Clock


@pytest.fixture
def launch(site: Site, clock: Clock) -> Launch:
    """A launch that has run for two hours."""
    started = clock() - timedelta(hours=2)
    made = replace(samples.launch(30), state=LaunchState.RUNNING, started=started)
    with site.store.transaction() as tx:
        for module, value, _ in samples.EVERY:
            if value is not samples.NODE:
                module.add(tx, value)
        launches.add(tx, made)
    return made


def shown(site: Site, launch: Launch) -> Session:
    watch = UseWatch(ContainerCpu(Path("/none")))
    (session,) = (found for found in sessions(site, watch, {}) if found.launch.id == launch.id)
    return session


def test_a_session_is_idle_since_its_start_or_its_last_use(site: Site, launch: Launch, clock: Clock) -> None:
    assert shown(site, launch).idle == timedelta(hours=2)
    with site.store.transaction() as tx:
        server_uses.put(tx, {launch.id: clock() - timedelta(minutes=5)})
    assert shown(site, launch).idle == timedelta(minutes=5)
    with site.store.transaction() as tx:
        server_uses.put(tx, {launch.id: clock() + timedelta(minutes=5)})
    assert shown(site, launch).idle == timedelta()


def test_a_session_computes_while_the_culler_finds_a_busy_kernel(
    site: Site, launch: Launch, clock: Clock
) -> None:
    assert shown(site, launch).busy is False
    with site.store.transaction() as tx:
        busy_since.replace_all(tx, {launch.id: clock()})
    assert shown(site, launch).busy is True
