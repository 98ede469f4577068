"""Processes of ours end with us, however we end, and take along what they started."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub_ext.cli.setup import children
from hub_ext.cli.setup.children import ChildFailed
from tests.support.running import runs
from tests.support.until import eventually


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    child = children.start("It", ["sh", "-c", "echo out; echo err >&2"], tmp_path / "logs/it.log")
    child.process.wait()
    assert (tmp_path / "logs/it.log").read_text() == "out\nerr\n"


def test_what_it_writes_is_nobody_elses_to_read(tmp_path: Path) -> None:
    made, log = tmp_path / "made", tmp_path / "logs/it.log"
    log.parent.mkdir()
    log.touch(0o666)
    log.chmod(0o666)
    children.start("It", ["touch", str(made)], log).process.wait()
    assert made.stat().st_mode & 0o777 == 0o600
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_has_grown_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_LOG_MAX_BYTES", 5)
    log = tmp_path / "it.log"
    for said in ("long enough", "short", "."):
        children.start("It", ["echo", said], log).process.wait()
    assert log.read_text() == ".\n"
    assert (tmp_path / "it.log.1").read_text() == "short\n"


def test_a_log_that_grows_while_it_is_written_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_LOG_MAX_BYTES", 5)
    monkeypatch.setattr(children, "_LOGS_KEPT", 2)
    log, turns = tmp_path / "it.log", [tmp_path / f"turn-{number}" for number in range(4)]
    # One for each turn: in one alone a line may reach the shell of the turn before, which reads no more.
    for turn in turns:
        os.mkfifo(turn)
    # The inner shell is as a service of the Hub's: it writes in the same file, and is not ours to tell.
    script = "for turn; do sh -c 'read x; echo $x' <$turn; done; exec sleep 60"
    child = children.start("It", ["sh", "-c", script, "sh", *map(str, turns)], log)
    try:
        assert not child.rotate()
        for number, turn in enumerate(turns):
            turn.write_text(f"turn {number}\n")
            eventually(lambda: log.read_text() == f"turn {number}\n")  # noqa: B023
            assert child.rotate()
            assert not child.rotate()
        assert log.read_text() == ""
        assert log.with_name("it.log.1").read_text() == "turn 3\n"
        assert log.with_name("it.log.2").read_text() == "turn 2\n"
        logs = {file for file in tmp_path.iterdir() if file not in turns}
        assert {file.name for file in logs} == {"it.log", "it.log.1", "it.log.2"}
        assert log.with_name("it.log.1").stat().st_mode & 0o777 == 0o600
    finally:
        child.stop()


def test_a_log_without_room_for_its_copy_grows_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_LOG_MAX_BYTES", 5)
    log = tmp_path / "it.log"
    child = children.start("It", ["echo", "long enough"], log)
    child.process.wait()
    log.with_name("it.log.1").write_text("earlier")

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", full)
        assert not child.rotate()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "it.log": "long enough\n",
        "it.log.1": "earlier",
    }
    assert child.rotate()
    assert log.with_name("it.log.2").read_text() == "earlier"


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    child = children.start("It", ["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path / "it.log")
    child.wait_ready(lambda: bool((tmp_path / "it.log").read_text()), 5)
    grandchild = int((tmp_path / "it.log").read_text())
    child.stop()
    assert not child.running
    assert _gone(grandchild)


def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    child = children.start("It", ["sh", "-c", "trap '' TERM; echo on; sleep 60"], tmp_path / "it.log")
    child.wait_ready(lambda: bool((tmp_path / "it.log").read_text()), 5)
    began = time.monotonic()
    child.stop(0.5)
    assert not child.running
    assert time.monotonic() - began < 5


def test_an_early_end_is_said_with_the_last_lines(tmp_path: Path) -> None:
    child = children.start("It", ["sh", "-c", "echo the reason; exit 3"], tmp_path / "it.log")
    with pytest.raises(ChildFailed, match=r"It ended with status 3:\nthe reason"):
        child.wait_ready(lambda: False, 5)


def test_never_ready(tmp_path: Path) -> None:
    child = children.start("It", ["sleep", "60"], tmp_path / "it.log")
    try:
        with pytest.raises(ChildFailed, match=r"was not ready after 0\.3 s"):
            child.wait_ready(lambda: False, 0.3)
    finally:
        child.stop()


def test_it_ends_when_we_are_killed(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from hub_ext.cli.setup import children\n"
        "child = children.start('It', ['sleep', '60'], pathlib.Path(sys.argv[1]))\n"
        "print(child.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "it.log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.3)  # setpriv has asked the kernel by then
    parent.kill()
    parent.wait()
    assert _gone(pid)


def _gone(pid: int) -> bool:
    """Whether it ends within 5 s; one that does not is killed."""
    try:
        eventually(lambda: not runs(pid), 5)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        return False
    return True
