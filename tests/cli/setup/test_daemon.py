"""The engine is started where none answers, shared by instances, and stopped by the last that leaves.

The machine's real engine is left alone: a program that answers like one stands in for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub_ext.cli.setup import choices, daemon, engine
from hub_ext.cli.setup.engine_sources import HostEngine
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.errors import EngineUnreachable, SettingsError

FAKE = str(CHECKOUT / "tests/support/fake_engine.py")


class Machine:
    """A machine with folders of its own; `command` starts its engine."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        self.run_dir = folder / "run"

    def command(self, version: str = "26.1.5", *words: str) -> tuple[str, ...]:
        return (sys.executable, FAKE, str(self.socket), version, *words)

    def engine(self, version: str = "26.1.5") -> HostEngine:
        return HostEngine(self.url, self.command(version))

    @property
    def without_program(self) -> HostEngine:
        return HostEngine(self.url, ("no-second-one",))

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def answers(self) -> bool:
        try:
            engine.facts(self.url)
        except EngineUnreachable:
            return False
        return True


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv(choices.RUN_DIR_VARIABLE, str(made.run_dir))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return made


def test_started_and_stopped(machine: Machine) -> None:
    with daemon.in_use(source=machine.engine()) as found:
        assert found.version == "26.1.5"
        assert found.subnets == ("172.17.0.0/16",)
    assert not machine.answers
    assert not (machine.run_dir / "engine/pid").exists()


def test_the_last_that_leaves_stops_it(machine: Machine) -> None:
    with daemon.in_use(source=machine.engine()):
        with daemon.in_use(source=machine.without_program):
            pass
        assert machine.answers
    assert not machine.answers


def test_another_process_keeps_it(machine: Machine) -> None:
    with daemon.in_use(source=machine.engine()):
        other = _other_user(machine)
    assert machine.answers
    other.stdin.close()  # type: ignore[union-attr]
    assert other.wait(20) == 0
    assert not machine.answers


def test_one_that_was_killed_does_not_count(machine: Machine) -> None:
    other = _other_user(machine, *machine.command())
    other.kill()
    other.wait()
    assert machine.answers
    with daemon.in_use(source=machine.without_program):
        pass
    # Started by hub-ext, and nobody of hub-ext is left.
    assert not machine.answers


def test_an_engine_that_was_there_is_never_stopped(machine: Machine) -> None:
    theirs = subprocess.Popen(machine.command())
    try:
        _wait_until(lambda: machine.answers)
        with daemon.in_use(source=machine.without_program):
            pass
        assert machine.answers
    finally:
        theirs.terminate()
        theirs.wait()


def test_what_is_not_good_enough_is_stopped_again(machine: Machine) -> None:
    with (
        pytest.raises(SettingsError, match="26 or newer"),
        daemon.in_use(source=machine.engine("20.10.24")),
    ):
        pass
    assert not machine.answers


def test_an_end_at_once_is_said(machine: Machine) -> None:
    with (
        pytest.raises(EngineUnreachable, match="ended at once") as failure,
        daemon.in_use(source=HostEngine(machine.url, ("false",))),
    ):
        pass
    assert str(machine.run_dir / "engine/engine.log") in failure.value.advice


def test_none_installed(machine: Machine) -> None:
    missing = pytest.raises(EngineUnreachable, match="none is installed")
    with missing, daemon.in_use(source=HostEngine(machine.url, ("/nowhere/dockerd",))):
        pass


def test_unpacked_programs_are_not_the_host_s(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "unpacked-dockerd"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    missing = pytest.raises(EngineUnreachable, match="none is installed")
    with missing, daemon.in_use(source=HostEngine(machine.url, (program.name,))):
        pass


def test_a_named_socket_is_never_given_an_engine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", machine.url)
    unreachable = pytest.raises(EngineUnreachable, match="which DOCKER_HOST names")
    with unreachable, daemon.in_use(source=machine.engine()):
        pass
    assert not machine.answers


def test_a_number_used_again_is_another_process(tmp_path: Path) -> None:
    me = daemon.Process.of(os.getpid())
    assert me is not None
    me.note(tmp_path / "mine")
    assert daemon.Process.read(tmp_path / "mine") == me
    daemon.Process(me.pid, "1").note(tmp_path / "earlier")
    assert daemon.Process.read(tmp_path / "earlier") is None


def _other_user(machine: Machine, *command: str) -> subprocess.Popen[str]:
    """Another process that uses the engine until its standard input closes."""
    script = (
        "import sys\n"
        "from hub_ext.cli.setup import daemon\n"
        "from hub_ext.cli.setup.engine_sources import HostEngine\n"
        f"source = HostEngine({machine.url!r}, tuple(sys.argv[1:]) or ('no-second-one',))\n"
        "with daemon.in_use(source=source):\n"
        "    print('in use', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "in use\n"
    return other


def _wait_until(true: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _nothing_stays(machine: Machine) -> object:
    yield
    if process := daemon.Process.read(machine.run_dir / "engine/pid"):
        os.kill(process.pid, signal.SIGKILL)
