"""A real Hub whose servers are one upstream of the test's, and a gate before them."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.flows.site import Site, open_site
from hub_ext.gate.app import Gate, running
from tests.gate.browser import Browser, Front, server_api
from tests.gate.small_hub import (
    HUB_PORT_VARIABLE,
    PLACE_VARIABLE,
    UPSTREAM_VARIABLE,
    prepare,
    settings_in,
)
from tests.gate.upstream import LoopThread, Upstream
from tests.support.patience import patient
from tests.support.ports import free_port
from tests.support.until import eventually


@dataclass
class Clock:
    """The gate's monotonic clock, which a test may move."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@dataclass
class House:
    """The Hub, its servers, its store."""

    place: Path
    site: Site
    hub_port: int
    upstream: Upstream
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    process: subprocess.Popen[bytes] | None = None

    @property
    def front(self) -> Front:
        """The way to the gate."""
        return Front(self.site.settings.gate_socket)

    def browser(self, username: str = "") -> Browser:
        """A new browser, signed in at the Hub under that name."""
        browser = Browser(self.front, self.hub_port)
        return browser.sign_in(username) if username else browser

    def api(self, method: str, path: str, body: object = None) -> requests.Response:
        """A call of the Hub's API by the tests' service."""
        return server_api(self.hub_port, self.token, method, path, body)

    def start_hub(self) -> None:
        """Run the Hub until `stop_hub`."""
        environment = os.environ | {
            PLACE_VARIABLE: str(self.place),
            HUB_PORT_VARIABLE: str(self.hub_port),
            UPSTREAM_VARIABLE: str(self.upstream.port),
            "TEST_SERVICE_TOKEN": self.token,
            "PYTHONPATH": str(CHECKOUT),
        }
        with (self.place / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(CHECKOUT / "tests/gate/hub_config.py")],
                env=environment,
                cwd=self.place,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + patient(60)
        while not self._answers():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self.api("GET", "/").status_code == 200
        except requests.ConnectionError:
            return False

    def stop_hub(self) -> None:
        """End it at once; its servers stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def start(self, username: str, server_name: str = "") -> None:
        """Start a server, and wait until it is ready."""
        self.api("POST", f"/users/{username}")
        if self._is_ready(username, server_name):
            return
        answer = self.api("POST", _server_path(username, server_name))
        assert answer.status_code in (201, 202), answer.text
        eventually(lambda: self._is_ready(username, server_name), 30, why=self.log)

    def _is_ready(self, username: str, server_name: str) -> bool:
        return bool(self._servers(username).get(server_name, {}).get("ready"))

    def _servers(self, username: str) -> dict[str, Any]:
        return dict(self.api("GET", f"/users/{username}").json()["servers"])

    def stop(self, username: str, server_name: str = "") -> None:
        """Stop a server, and wait until the Hub knows it no more."""
        assert self.api("DELETE", _server_path(username, server_name)).status_code in (202, 204)
        eventually(lambda: server_name not in self._servers(username), 30, why=self.log)

    def new_token(self, username: str, *scopes: str) -> str:
        """An API token of that person with those scopes."""
        self.api("POST", f"/users/{username}")
        answer = self.api("POST", f"/users/{username}/tokens", {"scopes": list(scopes)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def log(self) -> str:
        """What the Hub has said."""
        return (self.place / "hub.log").read_text(errors="replace")


def _server_path(username: str, server_name: str) -> str:
    """Of the Hub's API."""
    return f"/users/{username}/servers/{server_name}" if server_name else f"/users/{username}/server"


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """A Hub that runs, with an empty store. One for all tests: each uses people of its own."""
    # A socket's path has at most 107 letters.
    place = Path(tempfile.mkdtemp(prefix="gate-"))
    site = open_site(settings_in(place, free_port()))
    prepare(site.store)
    upstream = Upstream()
    made = House(place, site, site.settings.hub_port, upstream)
    try:
        made.start_hub()
        yield made
    finally:
        made.stop_hub()
        upstream.close()
        site.close()
        shutil.rmtree(place)


@dataclass
class RunningGate:
    """A gate in a thread of its own."""

    gate: Gate
    clock: Clock
    thread: LoopThread
    context: AbstractAsyncContextManager[Gate]

    @classmethod
    def start(cls, site: Site) -> RunningGate:
        """Runs until `close`."""
        thread, clock = LoopThread(), Clock()
        context = running(site, clock=clock)
        return cls(thread.call(context.__aenter__()), clock, thread, context)

    def close(self) -> None:
        """End it."""
        self.thread.call(self.context.__aexit__(None, None, None))
        self.thread.close()


@pytest.fixture
def gate(house: House) -> Iterator[RunningGate]:
    """A gate before the house."""
    started = RunningGate.start(house.site)
    yield started
    started.close()
