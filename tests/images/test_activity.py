"""A kernel that computes without a word is busy, and the Hub hears it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from hub_ext.services.activity import ServerReport
from tests.images.server import Server, server

SILENT = {"python": "import time; time.sleep(30)", "r": "Sys.sleep(30)"}
# Long enough to be seen busy on a slow machine.
DIES = {
    "python": "import os, time; time.sleep(8); os.kill(os.getpid(), 9)",
    "r": "Sys.sleep(8); tools::pskill(Sys.getpid(), 9)",
}


def _until(ask: Callable[[], Any], *, seconds: float = 15) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)
    return answer


def _reported(running: Server, kernel: str) -> dict[str, Any]:
    reports = running.reports()
    if not reports:
        return {}
    return next((told for told in reports[-1]["body"]["kernels"] if told["id"] == kernel), {})


@pytest.mark.parametrize("slug", ["python", "r"])
def test_a_silent_cell_is_activity_until_it_ends(request: pytest.FixtureRequest, slug: str) -> None:
    running: Server = request.getfixturevalue(f"{slug}_server")
    kernel = running.kernel()
    running.cell(kernel, "1")  # what the server asks a new kernel makes it busy for a moment
    running.send(kernel, SILENT[slug])
    _until(lambda: _reported(running, kernel).get("state") == "busy")
    time.sleep(2)  # a kernel says that it is busy, and then what it was given
    busy = _reported(running, kernel)
    since, before = datetime.fromisoformat(busy["busy_since"]), running.last_activity()
    time.sleep(4)
    later = _reported(running, kernel)
    assert later["state"] == "busy"
    assert datetime.fromisoformat(later["busy_since"]) == since
    # The kernel itself says nothing; what counts is that the server's activity goes on.
    assert later["last_activity"] == busy["last_activity"]
    assert running.last_activity() > before

    running.call("POST", f"/api/kernels/{kernel}/interrupt")
    idle = _until(lambda: (told := _reported(running, kernel)).get("state") == "idle" and told)
    assert idle["busy_since"] is None
    _until(lambda: _still(running))


def _still(running: Server) -> bool:
    """Whether the Hub heard of no activity for three seconds, in which it heard reports."""
    before, reports = running.last_activity(), len(running.reports())
    time.sleep(3)
    return running.last_activity() == before and len(running.reports()) > reports


@pytest.mark.parametrize("slug", ["python", "r"])
def test_a_kernel_that_died_in_a_cell_is_not_busy_for_good(request: pytest.FixtureRequest, slug: str) -> None:
    running: Server = request.getfixturevalue(f"{slug}_server")
    kernel = running.kernel()
    running.send(kernel, DIES[slug])
    _until(lambda: _reported(running, kernel).get("state") == "busy")
    _until(lambda: _reported(running, kernel).get("state") not in (None, "busy"), seconds=40)


def test_reports_are_what_the_hub_takes(python_server: Server) -> None:
    heard = _until(python_server.reports)[-1]
    ServerReport.model_validate(heard["body"])
    assert heard["path"] == "/hub/api/hub-ext/kernels/ana"
    assert heard["token"] == "token secret"
    assert python_server.call("GET", "/hub-ext/activity")[0] == 200


@pytest.fixture(scope="module")
def quiet(names: Mapping[str, str]) -> Iterator[Server]:
    """A server in which no kernel does anything."""
    with server(
        names["base"], "--ActivityReporter.watch_seconds=0.3", "--ActivityReporter.report_seconds=1"
    ) as held:
        yield held


def _last_use(running: Server) -> datetime:
    status, body = running.call("GET", "/hub-ext/activity")
    assert status == 200, body
    return datetime.fromisoformat(json.loads(body)["last_activity"])


FILE = {"type": "file", "format": "text", "content": "x"}
LAYOUT = {"data": {}, "metadata": {"id": "default"}}


@pytest.mark.parametrize(
    ("method", "path", "body", "use"),
    [
        # What an open page asks for by itself, again and again.
        ("GET", "/api/kernels", None, False),
        ("GET", "/api/terminals", None, False),
        ("GET", "/api/contents?content=1", None, False),
        ("PUT", "/lab/api/workspaces/default", LAYOUT, False),
        ("GET", "/lab", None, True),
        ("PUT", "/api/contents/a.txt", FILE, True),
        ("DELETE", "/api/contents/a.txt", None, True),
        # A new terminal, and the prompt that its shell writes.
        ("POST", "/api/terminals", None, True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_open_page_is_no_use(quiet: Server, method: str, path: str, body: Any, use: bool) -> None:
    before = _last_use(quiet)
    status, said = quiet.call(method, path, body)
    assert status < 300, said
    assert (_last_use(quiet) > before) is use


def test_use_after_a_long_quiet_is_told_at_once(names: Mapping[str, str]) -> None:
    """Not with the next report, which may come after the sweep that stops the server."""
    every = 8
    with server(
        names["base"], "--ActivityReporter.watch_seconds=0.3", f"--ActivityReporter.report_seconds={every}"
    ) as held:
        _until(lambda: len(held.reports()) == 4, seconds=60)
        assert held.call("PUT", "/api/contents/a.txt", FILE)[0] == 201
        _until(lambda: len(held.reports()) > 4)
        *_, last, out_of_turn = (told["at"] for told in held.reports()[:5])
        assert out_of_turn - last < 0.9 * every


def test_a_stranger_does_not_see_the_kernels(python_server: Server) -> None:
    said = python_server.run(
        *("/opt/hub-ext/venv/bin/python", "-c"),
        "import http.client\n"
        "c = http.client.HTTPConnection('127.0.0.1', 8888); c.request('GET', '/user/ana/hub-ext/activity')\n"
        "print(c.getresponse().status)",
    )
    assert said.strip() in ("302", "401", "403")


def test_a_hub_that_knows_no_reports_disturbs_nothing(names: Mapping[str, str]) -> None:
    """A server of ours under another Hub: one warning, and it goes on."""
    with server(
        names["base"],
        "--ActivityReporter.report_seconds=0.2",
        environment={"PLAIN_HUB": "1"},
    ) as running:
        _until(running.last_activity)
        assert running.call("GET", "/api")[0] == 200
        assert running.reports() == []
        assert running.logs().count("did not take our report") == 1
