"""A session ends with its rights, under the Hub that runs it, whatever was down when they ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.store import audit, launches
from hub_ext.flows import grants
from hub_ext.model import LaunchState, Verb
from tests.support.hub import RunningHub, Visitor, wait_for, wait_within
from tests.support.revocations import KINDS, Lane, Took, lanes, measured
from tests.support.scenario import STEWARD

# The product's promise, from the moment that the store knows and everything is back.
BOUND_SECONDS = 60
OPTIONS = {"project": "onco", "environment": "answer", "datasets": ["table"], "size": "s", "gpus": 0}


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    """Ada, whose servers are stopped at the end; what was revoked is granted again."""
    visitor = hub.visitor("ada")
    yield visitor
    visitor = hub.visitor("ada")
    for name, server in visitor.servers().items():
        if server["ready"] or server["pending"]:
            visitor.stop(name)
    until = hub.site.now() + timedelta(days=300)
    again = grants.add_grant(hub.site, STEWARD, "table", "onco", valid_until=until)
    hub.scenario.grants["table>onco"] = again.grant.id


def start(hub: RunningHub, visitor: Visitor) -> str:
    """Starts the default server; the id of its launch."""
    answer = visitor.api("POST", "server", {"user_options": OPTIONS})
    assert answer.status_code in (201, 202), answer.text
    visitor.wait_ready()
    with hub.site.store.reading() as tx:
        known = launches.last_of(tx, hub.scenario.ada.id, "")
    assert known is not None
    return known.id


def nothing_down(hub: RunningHub) -> None:
    pass


def hub_down(hub: RunningHub) -> None:
    """The Hub, and with it our services, killed; started again once the grant is revoked."""
    hub.kill()


def hub_back(hub: RunningHub) -> None:
    hub.start_again()


def culler_down(hub: RunningHub) -> None:
    """The process that looks, killed; the Hub starts it again."""
    assert hub.serving.hub is not None
    pid = hub.serving.hub.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            if b"hub_ext.services.culler" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
                return
    raise AssertionError("no culler runs")


def engine_down(hub: RunningHub) -> None:
    hub.wire.cut()


def engine_back(hub: RunningHub) -> None:
    hub.wire.mend()


@pytest.mark.parametrize(
    ("down", "back"),
    [
        (nothing_down, nothing_down),
        (hub_down, hub_back),
        (culler_down, nothing_down),
        (engine_down, engine_back),
    ],
    ids=["nothing", "hub", "culler", "engine"],
)
def test_a_grant_that_is_revoked_ends_the_session(
    hub: RunningHub,
    ada: Visitor,
    down: Callable[[RunningHub], None],
    back: Callable[[RunningHub], None],
) -> None:
    launch_id = start(hub, ada)
    container = {"io.hub-ext.launch": launch_id}
    assert hub.containers(container)
    down(hub)
    given = hub.scenario.grants["table>onco"]
    grants.revoke_grant(hub.site, STEWARD, given, "a test of revocation")
    back(hub)
    wait_within(lambda: not hub.containers(container), BOUND_SECONDS)
    wait_for(lambda: _state(hub, launch_id) is LaunchState.ENDED, 10)
    with hub.site.store.reading() as tx:
        assert launches.get(tx, launch_id).stop_reason == "right-ended"
        (revoked,) = audit.listing(tx, subject=given, verb=Verb.GRANT_REVOKED)
        (stopping,) = audit.listing(tx, subject=launch_id, verb=Verb.LAUNCH_STOPPING)
        (stopped,) = audit.listing(tx, subject=launch_id, verb=Verb.LAUNCH_STOPPED)
    (cause,) = stopping.facts["cause"]
    assert (cause["event"], cause["of"]) == (revoked.sequence, given)
    assert revoked.sequence < stopping.sequence < stopped.sequence
    # And it cannot be started again.
    visitor = hub.visitor("ada")
    wait_for(lambda: not visitor.pending() and not visitor.servers().get("", {}).get("ready"), 60)
    again = visitor.api("POST", "server", {"user_options": OPTIONS})
    assert again.status_code == 409, again.text


def _state(hub: RunningHub, launch_id: str) -> LaunchState:
    with hub.site.store.reading() as tx:
        return launches.get(tx, launch_id).state


def test_every_kind_of_end_keeps_the_bound(hub: RunningHub) -> None:
    """A few only; bench/revocation.py measures two hundred."""
    took: list[Took] = []
    held = lanes(hub, 4)
    try:
        asyncio.run(_measured(hub, held, took))
    finally:
        for lane in held:
            lane.visitor.forget()
    assert {one.kind for one in took} == set(KINDS)
    assert max(one.seconds for one in took) < BOUND_SECONDS


async def _measured(hub: RunningHub, held: list[Lane], took: list[Took]) -> None:
    # An engine of this loop's own.
    site = replace(hub.site)
    for lane in held:
        lane.hub = replace(hub, scenario=replace(hub.scenario, site=site))
    try:
        await measured(held, 1, took.append)
    finally:
        site.engine.close()
