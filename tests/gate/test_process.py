"""The gate as a process: its socket, its key, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub_ext.adapters.gate import alive
from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.config import CONFIG_VARIABLE
from hub_ext.gate.seal import GateKeyError, Seal, kept_key
from hub_ext.settings import Settings
from tests.gate.conftest import House
from tests.support.patience import patient
from tests.support.ports import free_port
from tests.support.running import runs
from tests.support.until import eventually


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A place of the test's own, with a settings file."""
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "config.py").write_text(
        f"c.HubExt.state_dir = {str(state)!r}\nc.HubExt.run_root = {str(tmp_path / 'run')!r}\n"
        f"c.HubExt.hub_port = {free_port()}\n"
    )
    return Settings(state_dir=state, run_root=tmp_path / "run")


@contextmanager
def process(tmp_path: Path, settings: Settings, *before: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m hub_ext.gate`, run by the words `before` it, once it answers."""
    environment = {**os.environ, CONFIG_VARIABLE: str(tmp_path / "config.py")}
    with (tmp_path / "gate.log").open("ab") as log:
        started = subprocess.Popen(
            [*before, sys.executable, "-m", "hub_ext.gate"],
            env=environment,
            cwd=CHECKOUT,
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + patient(30)
        while not alive(settings):
            assert started.poll() is None, (tmp_path / "gate.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield started
    finally:
        started.kill()
        started.wait()


def test_its_socket_is_the_fronts_alone(tmp_path: Path, settings: Settings) -> None:
    settings.run_dir.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(settings.gate_socket))
    assert not alive(settings)
    with process(tmp_path, settings):
        found = settings.gate_socket.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert (found.st_uid, found.st_gid) == (0, settings.front_uid)
        assert stat.S_IMODE(settings.run_dir.stat().st_mode) == 0o755
        assert [path.name for path in settings.run_dir.iterdir()] == ["gate.sock"]
        key = settings.secrets_dir / "gate-key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(settings.secrets_dir.stat().st_mode) == 0o700
        made = key.read_bytes()
    with process(tmp_path, settings):
        assert key.read_bytes() == made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds(tmp_path: Path, settings: Settings, number: int) -> None:
    with process(tmp_path, settings) as gate:
        idle = socket.socket(socket.AF_UNIX)
        idle.connect(str(settings.gate_socket))
        begun = time.monotonic()
        gate.send_signal(number)
        assert gate.wait(patient(5)) == 0
        assert time.monotonic() - begun < patient(2)
        idle.close()
    assert not alive(settings)
    assert "Traceback" not in (tmp_path / "gate.log").read_text()


def test_a_shell_s_limit_of_open_files_bounds_no_connections(tmp_path: Path, settings: Settings) -> None:
    with process(tmp_path, settings, "prlimit", "--nofile=64:512"), contextlib.ExitStack() as idle:
        for _ in range(200):
            idle.enter_context(socket.socket(socket.AF_UNIX)).connect(str(settings.gate_socket))
        assert alive(settings)


def test_it_ends_with_its_parent(tmp_path: Path, settings: Settings) -> None:
    environment = {**os.environ, CONFIG_VARIABLE: str(tmp_path / "config.py")}
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; print(subprocess.Popen([sys.executable, '-m', 'hub_ext.gate']).pid, "
            "flush=True); import time; time.sleep(60)",
        ],
        env=environment,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    gate = int(parent.stdout.readline())
    eventually(lambda: alive(settings), 30)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not runs(gate), 5)


def test_without_a_settings_file_it_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, CONFIG_VARIABLE: str(tmp_path / "none.py")}
    found = subprocess.run(
        [sys.executable, "-m", "hub_ext.gate"], env=environment, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert found.returncode == 1
    assert "There is no settings file" in found.stderr
    assert "Traceback" not in found.stderr


def test_requests_and_tokens_stand_in_no_log(house: House, tmp_path: Path, settings: Settings) -> None:
    with process(tmp_path, settings):
        front = type(house.front)(settings.gate_socket)
        headers = {"Authorization": "token my-very-own", "Sec-WebSocket-Key": "x"}
        assert front.request("/user/alice/ws?token=my-very-own", headers=headers).status == 503
        assert front.ask("/answer", "BREW", front.headers("GET", "/user/alice/?q=secretly", {})).status == 400
        assert front.ask("/elsewhere", "GET", {}).status == 404
    log = (tmp_path / "gate.log").read_text()
    assert "listens" in log
    assert not [word for word in ("my-very-own", "secretly", "alice") if word in log]


def test_a_spoilt_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gate-key"
    path.write_bytes(b"short")
    with pytest.raises(GateKeyError, match="not the gate's key"):
        kept_key(path)


def test_what_is_sealed_opens_for_its_purpose_only() -> None:
    seal, other = Seal(b"k" * 32), Seal(b"o" * 32)
    sealed = seal.seal("token", "session lau-1 /user/alice/")
    assert seal.unseal(sealed, "session lau-1 /user/alice/") == "token"
    assert "token" not in sealed
    assert seal.seal("token", "session lau-1 /user/alice/") != sealed
    for wrong in ("session lau-2 /user/alice/", "state x lau-1 /user/alice/", ""):
        assert seal.unseal(sealed, wrong) is None
    for spoilt in ("", "x", "é", sealed[:-4], sealed + "A", "A" * 100_000, sealed.swapcase()):
        assert seal.unseal(spoilt, "session lau-1 /user/alice/") is None
    assert other.unseal(sealed, "session lau-1 /user/alice/") is None
