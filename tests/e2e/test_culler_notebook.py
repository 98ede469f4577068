"""The culler and real notebook servers, in real time with short limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Page
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from hub_ext.adapters.store import audit, launches
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.model import Ceilings, Launch, LaunchState, Verb
from tests.e2e.test_browser import sign_in
from tests.support.hub import RunningHub, Visitor, wait_for
from tests.support.kernels import execute_request
from tests.support.patience import patient

# More than the ten seconds between two rounds of an open JupyterLab.
IDLE_SECONDS = 12
SILENT = "import time\nwhile True: time.sleep(1)"
# The ceiling of what is busy is the site's (conftest.py).
STOPPED_SECONDS = 120


@dataclass
class Notebook:
    """A server of the real image, used over its own API as JupyterLab does."""

    hub: RunningHub
    visitor: Visitor
    name: str
    token: str

    @property
    def launch(self) -> Launch:
        with self.hub.site.store.reading() as tx:
            known = launches.last_of(tx, self.hub.scenario.carol.id, self.name)
        assert known is not None
        return known

    @property
    def path(self) -> str:
        return f"/user/{self.visitor.name}/{self.name}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"token {self.token}"}
            url = f"{self.hub.url}{self.path}/api/{path}"
            answer = session.request(method, url, json=body, headers=headers, timeout=patient(60))
        assert answer.ok, answer.text
        return answer.json()

    def run(self, code: str) -> None:
        """Begins a cell in a new kernel, and goes away once it runs."""
        kernel = self.call("POST", "kernels", {"name": "python3"})["id"]
        self._say(
            f"api/kernels/{kernel}/channels?session_id=s", execute_request(code), until='"execute_input"'
        )

    def type(self, command: str) -> None:
        """Types a command into a new terminal, and closes it."""
        terminal = self.call("POST", "terminals")["name"]
        self._say(f"terminals/websocket/{terminal}", ["stdin", f"{command}\r"], until=command[:8])

    def _say(self, path: str, message: Any, *, until: str) -> None:
        async def talk() -> None:
            url = f"{self.hub.url.replace('http', 'ws', 1)}{self.path}/{path}"
            request = HTTPRequest(url, headers={"Authorization": f"token {self.token}"})
            socket = await websocket_connect(request)
            await socket.write_message(json.dumps(message))
            while until not in str(await asyncio.wait_for(socket.read_message(), patient(60))):
                pass
            socket.close()

        _apart(talk())

    def wait_stopped(self) -> tuple[str, datetime]:
        """Why and when the culler stopped it, from the record."""
        wait_for(lambda: self.launch.state is LaunchState.ENDED, STOPPED_SECONDS)
        with self.hub.site.store.reading() as tx:
            (asked,) = audit.listing(tx, subject=self.launch.id, verb=Verb.LAUNCH_STOPPING)
            (stopped,) = audit.listing(tx, subject=self.launch.id, verb=Verb.LAUNCH_STOPPED)
        assert asked.actor.id == "culler"
        assert asked.facts["reason"] == stopped.facts["reason"] == self.launch.stop_reason
        return self.launch.stop_reason, asked.time


def _apart(work: Coroutine[Any, Any, None]) -> None:
    """In a thread: the browser's own loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture
def carol(hub: RunningHub, built_images: dict[str, BuiltImage]) -> Iterator[Visitor]:
    """Carol, who may use the real Python image as "hasty", where one may be idle for some seconds only."""
    hub.publish("hasty", built_images["python"], Ceilings(idle_seconds=IDLE_SECONDS))
    visitor = hub.visitor("carol")
    yield visitor
    visitor.forget()


def start(hub: RunningHub, carol: Visitor, name: str) -> Notebook:
    options = {"project": "neuro", "environment": "hasty", "datasets": [], "size": "s", "gpus": 0}
    answer = carol.api("POST", f"servers/{name}", {"user_options": options})
    assert answer.status_code in (201, 202), answer.text
    carol.wait_ready(name)
    token = carol.api("POST", "tokens", {"note": "a test", "expires_in": 3600}).json()["token"]
    return Notebook(hub, carol, name, token)


def test_what_works_goes_on_until_the_ceiling_and_what_rests_ends(hub: RunningHub, carol: Visitor) -> None:
    """Silent work is work, in a kernel and in a terminal whose page is closed."""
    busy = start(hub, carol, "busy")
    busy.run(SILENT)
    terminal = start(hub, carol, "terminal")
    terminal.type("while :; do :; done")
    idle = start(hub, carol, "idle")
    idle.run("1 + 1")
    assert idle.wait_stopped()[0] == "idle"
    for works in (busy, terminal):
        reason, ended = works.wait_stopped()
        assert reason == "busy-ceiling"
        assert ended - works.launch.started > timedelta(seconds=2 * IDLE_SECONDS)


def test_a_tab_that_nobody_looks_at_keeps_no_server(hub: RunningHub, carol: Visitor, page: Page) -> None:
    """JupyterLab asks for kernels, sessions and files for as long as it is open."""
    sign_in(page, hub, "carol")
    tab = start(hub, carol, "tab")
    tab.call("PUT", "contents/a.ipynb", {"type": "notebook", "format": "json", "content": _NOTEBOOK})
    kernel = {"name": "python3"}
    tab.call("POST", "sessions", {"path": "a.ipynb", "name": "", "type": "notebook", "kernel": kernel})
    page.goto(f"{hub.url}{tab.path}/lab/tree/a.ipynb", wait_until="commit")
    while tab.launch.state is LaunchState.RUNNING:
        page.wait_for_timeout(500)
    reason, ended = tab.wait_stopped()
    assert reason == "idle"
    # The control: the open page went on asking.
    assert max(_polls(hub, tab)) > ended - timedelta(seconds=IDLE_SECONDS)


_NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [],
}


def _polls(hub: RunningHub, tab: Notebook) -> list[datetime]:
    """When the tab's page asked for its kernels, by the front's log."""
    log = hub.serving.ready.layout.logs / "front" / "access.log"
    lines = [line.split() for line in log.read_text().splitlines()]
    return [datetime.fromisoformat(line[0]) for line in lines if line[3] == f"{tab.path}/api/kernels"]
