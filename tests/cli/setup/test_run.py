"""`hub-ext run` as somebody types it: up to the URL, used, stopped, and up again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from docker import APIClient

from hub_ext.adapters.engine import LABEL_INSTANCE
from hub_ext.cli.setup import choices, lock
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.layout import SHARED_VARIABLE, STATE_VARIABLE, Layout

FIRST_SECONDS = 120
# Twice what is promised: the machine may be busy with other things.
LATER_SECONDS = 30


class Instance:
    """An instance of its own, with the images of the run's registry."""

    def __init__(self, state: Path, kept_state: Path) -> None:
        self.processes: list[subprocess.Popen[str]] = []
        self.layout = Layout(state)
        self.layout.make()
        # What is pushed already is not pushed again.
        (self.layout.registry / "data").symlink_to(kept_state / "registry")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_EXT_")}
        return {
            **kept,
            STATE_VARIABLE: str(self.layout.state),
            SHARED_VARIABLE: os.environ[SHARED_VARIABLE],
            "HUB_EXT_CONFIG": str(self.layout.settings_file),
            "HUB_EXT_PORT": str(self.port),
        }

    def command(self, *words: str) -> Sequence[str]:
        return [sys.executable, "-m", "hub_ext.cli.app", *words]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environment, capture_output=True, text=True, timeout=120
        )

    def start(self, seconds: float) -> tuple[subprocess.Popen[str], str]:
        """The running command and the line that it printed once the URL answered."""
        log = (self.layout.state / "run.log").open("a")
        process = subprocess.Popen(
            self.command("run"), env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        self.processes.append(process)
        log.close()
        assert process.stdout is not None
        began = time.monotonic()
        line = process.stdout.readline()
        said = (self.layout.state / "run.log").read_text()
        assert line, said
        assert time.monotonic() - began < seconds, said
        return process, line

    def listens(self, port: int, address: str = "127.0.0.1") -> bool:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def instance(tmp_path: Path, kept_state: Path, built_images: dict[str, BuiltImage]) -> Iterator[Instance]:
    made = Instance(tmp_path / "state", kept_state)
    yield made
    for process in made.processes:
        process.terminate()
        process.wait()
    gone = made.call("setup", "--remove-with-homes")
    assert gone.returncode == 0, gone.stderr
    assert not made.layout.state.exists()


def stop(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    assert process.wait(60) == 0


def test_up_and_down_and_up_again(instance: Instance, docker: EngineFacts) -> None:
    process, line = instance.start(FIRST_SECONDS)
    url, accounts = line.split("  ", 1)
    assert url == f"http://localhost:{instance.port}"
    assert "alice / " in accounts
    with urllib.request.urlopen(f"{url}/hub/login", timeout=10) as page:  # noqa: S310
        assert b'name="password"' in page.read()

    second = instance.call("run")
    assert second.returncode == 1
    assert f"(process {process.pid})" in second.stderr or "is taken" in second.stderr

    beside = instance.call("setup", "--only-images")
    assert beside.returncode == 0, beside.stderr
    assert "Using the registry of the instance that runs" in beside.stderr
    assert "No recipe has changed" in beside.stdout
    with lock.building(instance.layout):
        refused = instance.call("setup", "--only-images")
    assert refused.returncode == 1
    assert f"are being built already (process {os.getpid()})" in refused.stderr

    findings = json.loads(instance.call("doctor", "--json").stdout)
    # Whether an earlier version changed this machine is no matter of this instance.
    failed = [found["check"] for found in findings if found["health"] == "fail" and found["check"] != "host"]
    assert failed == ["sign-in"]
    assert instance.call("audit", "verify").returncode == 0
    stop(process, signal.SIGINT)

    chosen = choices.read(instance.layout.choices_file)
    assert chosen is not None
    assert not instance.listens(instance.port)
    assert not instance.listens(chosen.registry_port, chosen.gateway)
    assert not instance.listens(chosen.hub_port, chosen.gateway)
    client = APIClient(base_url=docker.url, version="auto")
    mine = {"label": f"{LABEL_INSTANCE}={chosen.instance}"}
    assert client.containers(all=True, filters=mine) == []
    client.close()

    process, again = instance.start(LATER_SECONDS)
    # Killed, not stopped: what it started ends with it, and nothing stands in the way of the next.
    process.kill()
    process.wait()
    assert again == line
    process, _ = instance.start(LATER_SECONDS)
    stop(process, signal.SIGTERM)
