"""A server that crashes: the Hub knows at once, from the engine's events, and not at its next poll."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator

import pytest

from hub_ext.adapters.store import audit, launches
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows.launch.end import container_name
from hub_ext.model import Launch, LaunchState, Verb
from tests.support.hub import RunningHub, Visitor, wait_for

GOOD = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}
# One second is what is promised; a machine that runs other tests beside this one may take some more. Without
# events it would be the Hub's next poll, after five minutes.
BOUND_SECONDS = 5
CRASHES = 3


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    """Ada, whose servers are stopped at the end."""
    visitor = hub.visitor("ada")
    yield visitor
    hub.wire.mend()
    visitor.forget()


def started(hub: RunningHub, ada: Visitor) -> Launch:
    ada.submit(GOOD)
    ada.wait_ready()
    return newest(hub)


def newest(hub: RunningHub) -> Launch:
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, hub.scenario.ada.id, "")
    assert launch is not None
    return launch


def crash(hub: RunningHub, launch: Launch) -> None:
    command = ("docker", "--host", hub.site.settings.engine_url, "kill", "--signal", "KILL")
    subprocess.run([*command, container_name(hub.site, launch.id)], check=True, capture_output=True)


def test_the_hub_hears_of_a_crash(hub: RunningHub, ada: Visitor) -> None:
    taken = []
    for _ in range(CRASHES):
        launch = started(hub, ada)
        crash(hub, launch)
        began = time.monotonic()
        while ada.servers():
            assert time.monotonic() - began < BOUND_SECONDS
            time.sleep(0.01)
        taken.append(time.monotonic() - began)
        wait_for(lambda: not newest(hub).state.active, BOUND_SECONDS)
        # How it ended is known, whoever of Hub and reconciler was first to take its container away.
        ended = newest(hub)
        assert (ended.state, ended.outcome) == (LaunchState.ENDED, "exit status 137")
        with hub.site.store.reading() as tx:
            assert len(audit.listing(tx, subject=launch.id, verb=Verb.LAUNCH_STOPPED)) == 1
    print("seconds until the Hub knew:", sorted(round(one, 3) for one in taken))


def test_a_crash_while_the_engine_cannot_be_heard_is_seen_once_it_can(hub: RunningHub, ada: Visitor) -> None:
    launch = started(hub, ada)
    hub.wire.cut()
    crash(hub, launch)
    time.sleep(2)
    assert ada.servers()[""]["ready"]
    assert newest(hub).state is LaunchState.RUNNING
    hub.wire.mend()
    wait_for(lambda: not ada.servers(), 30)
    wait_for(lambda: newest(hub).state is LaunchState.ENDED, 30)
    assert newest(hub).outcome == "exit status 137"


def test_a_server_that_the_hub_has_lost_is_stopped(hub: RunningHub, ada: Visitor) -> None:
    """As where the Hub is killed between the start of a server and its own note of it."""
    launch = started(hub, ada)
    hub.kill()
    with sqlite3.connect(hub.site.settings.hub_dir / "jupyterhub.sqlite") as of_hub:
        of_hub.execute("UPDATE spawners SET server_id = NULL, state = '{}'")
    hub.start_again()
    assert ada.servers() == {}
    assert newest(hub).state is LaunchState.RUNNING
    wait_for(lambda: newest(hub).state is LaunchState.ENDED, 60)
    assert (newest(hub).id, newest(hub).stop_reason) == (launch.id, "hub-lost")
    assert hub.containers({LABEL_LAUNCH: launch.id}) == []
    assert "the Hub had lost it" in ada.page("home").text


def test_who_enters_a_session_is_on_record(hub: RunningHub, ada: Visitor) -> None:
    launch = started(hub, ada)
    command = ("docker", "--host", hub.site.settings.engine_url, "exec")
    subprocess.run([*command, container_name(hub.site, launch.id), "/bin/id"], capture_output=True)

    def told() -> list[str]:
        with hub.site.store.reading() as tx:
            used = audit.listing(tx, subject=launch.id, verb=Verb.BACK_DOOR_USED)
        return [event.facts["action"] for event in used]

    wait_for(lambda: told() == ["exec_create", "exec_start"], 20)
