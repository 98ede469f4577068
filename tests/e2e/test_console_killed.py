"""A console that is killed in the middle of something."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE
from hub_ext.flows.image_check.trial import KIND
from tests.support.console import enter, program
from tests.support.hub import STARTED_SECONDS, RunningHub, wait_for


def consoles(hub: RunningHub) -> list[int]:
    """The processes of the Hub's console."""
    assert hub.serving.hub is not None
    parent = hub.serving.hub.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"hub_ext.services.console" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def test_a_check_of_a_killed_console_is_ended_by_the_next_one(hub: RunningHub) -> None:
    """kill -9 of the Hub and of its console, which would otherwise write the end down itself."""
    api = program(enter(hub, "cora"))
    begun = api.call("POST", "images/hang/checks", {})
    where = begun.headers["Location"].partition("/api/v1/")[2]
    name = f"{hub.site.settings.instance}-{begun.json()['id']}"
    wait_for(lambda: "# Server" in api.call("GET", where).json()["log"], 30)
    labels = {LABEL_INSTANCE: hub.site.settings.instance, LABEL_PROBE: KIND}
    assert hub.containers(labels) == [name]
    (console,) = consoles(hub)
    os.kill(console, signal.SIGKILL)
    hub.kill()
    assert hub.containers(labels) == [name], "positive control: nobody has taken it away"
    hub.start_again()

    wait_for(lambda: api.call("GET", where).status_code == 200, STARTED_SECONDS)
    assert api.call("GET", where).json()["outcome"] == "interrupted", "at once, not after a minute"
    wait_for(lambda: hub.containers(labels) == [], 30)
