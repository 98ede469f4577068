"""What a server says of its kernels and terminals when it is asked from outside, which is no use of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.images.server import SECRET, Server, server

SILENT = {"python": "import time; time.sleep(30)", "r": "Sys.sleep(30)"}
# Long enough for the kernel to be busy on a slow machine.
DIES = {
    "python": "import os, time; time.sleep(8); os.kill(os.getpid(), 9)",
    "r": "Sys.sleep(8); tools::pskill(Sys.getpid(), 9)",
}
BOTH = pytest.mark.parametrize("slug", ["python", "r"])


def _until(ask: Callable[[], Any], *, seconds: float = 15) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)
    return answer


def _state(running: Server, kernel: str) -> str:
    return str(running.kernels()[kernel]["execution_state"])


@BOTH
def test_a_silent_cell_is_busy_until_it_ends(request: pytest.FixtureRequest, slug: str) -> None:
    running: Server = request.getfixturevalue(f"{slug}_server")
    kernel = running.kernel()
    running.cell(kernel, "1")  # what the server asks a new kernel makes it busy for a moment
    began = datetime.now(UTC)
    running.send(kernel, SILENT[slug])
    _until(lambda: _state(running, kernel) == "busy")
    time.sleep(2)  # a kernel says that it is busy, and then what it was given
    busy = running.kernels()[kernel]
    time.sleep(4)
    # It says nothing meanwhile, and its last activity stays where it was: at the beginning of the cell.
    assert running.kernels()[kernel] == busy
    assert busy["execution_state"] == "busy"
    assert -5 < (datetime.fromisoformat(busy["last_activity"]) - began).total_seconds() < 10

    running.call("POST", f"/api/kernels/{kernel}/interrupt")
    _until(lambda: _state(running, kernel) == "idle")
    assert running.kernels()[kernel]["last_activity"] > busy["last_activity"]


@BOTH
def test_a_kernel_that_died_in_a_cell_is_not_busy_for_good(request: pytest.FixtureRequest, slug: str) -> None:
    running: Server = request.getfixturevalue(f"{slug}_server")
    kernel = running.kernel()
    running.cell(kernel, "1")
    running.send(kernel, DIES[slug])
    _until(lambda: _state(running, kernel) == "busy")
    _until(lambda: _state(running, kernel) != "busy", seconds=40)
    # It is a kernel as any other: its next cell makes it busy, and then idle.
    running.cell(kernel, "1")
    _until(lambda: _state(running, kernel) == "idle")


@pytest.fixture(scope="module")
def quiet(names: Mapping[str, str]) -> Iterator[Server]:
    """A server in which no kernel does anything."""
    with server(names["base"]) as running:
        yield running


def test_asking_from_outside_is_no_activity(quiet: Server) -> None:
    before = quiet.last_activity()
    quiet.kernels()
    quiet.terminals()
    assert quiet.last_activity() == before
    status, _ = quiet.call("GET", "/api/kernels")
    assert status == 200
    assert quiet.last_activity() > before, "positive control: the same question, from a page, is activity"


def test_a_terminal_s_last_activity_is_what_is_typed_and_written_in_it(quiet: Server) -> None:
    status, body = quiet.call("POST", "/api/terminals")
    assert status == 200, body
    name = json.loads(body)["name"]
    quiet.type(name, "echo first\r")
    time.sleep(2)
    before = quiet.terminals()[name]["last_activity"]
    time.sleep(2)
    assert quiet.terminals()[name]["last_activity"] == before
    quiet.type(name, "echo again\r")
    assert quiet.terminals()[name]["last_activity"] > before


@pytest.mark.parametrize("path", ["/api/kernels", "/api/terminals", "/api/status", "/lab"])
def test_nobody_is_told_anything_without_the_secret(quiet: Server, path: str) -> None:
    def status(secret: str) -> str:
        return quiet.run(
            *("/opt/hub-ext/venv/bin/python", "-c"),
            "import http.client\n"
            "c = http.client.HTTPConnection('127.0.0.1', 8888)\n"
            f"c.request('GET', '/user/ana{path}', headers={{'Authorization': 'token {secret}'}})\n"
            "print(c.getresponse().status)",
        ).strip()

    assert status("another") in ("302", "403")
    assert status(SECRET) == "200"
