"""Starting the engine where none answers, and stopping it when the last instance that uses it leaves.

Instances of one machine share the engine. Each leaves a file with its process in <run dir>/engine.users.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hub_ext.cli.setup import engine
from hub_ext.cli.setup.choices import machine_lock, run_dir
from hub_ext.cli.setup.steps import Say, silent
from hub_ext.errors import EngineUnreachable

_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is not mistaken for a later one of the same number."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process of that number, or None where there is none (or only a zombie)."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else cls(pid, fields[19])

    @classmethod
    def read(cls, path: Path) -> Process | None:
        """The process noted in a file, where it still runs."""
        try:
            pid, started = path.read_text().split()
            found = cls.of(int(pid))
        except (OSError, ValueError):
            return None
        return found if found and found.started == started else None

    def note(self, path: Path) -> None:
        """Write it down for `read`."""
        path.write_text(f"{self.pid} {self.started}\n")


@contextmanager
def in_use(say: Say = silent, *, command: Sequence[str] = ("dockerd",)) -> Iterator[engine.EngineFacts]:
    """An engine that answers and is good enough, for as long as the block lasts.

    `command` starts one where none answers. Raises EngineUnreachable or SettingsError.
    """
    url = engine.url()
    mine = _note_user()
    try:
        with machine_lock("engine"):
            found = _ensure(url, say, command)
        engine.check(found)
        yield found
    finally:
        with machine_lock("engine"):
            mine.unlink(missing_ok=True)
            _stop_if_unused()


def _note_user() -> Path:
    users = run_dir() / "engine.users"
    users.mkdir(exist_ok=True)
    me = Process.of(os.getpid())
    assert me is not None
    mine = users / f"{me.pid}-{me.started}-{time.monotonic_ns()}"
    me.note(mine)
    return mine


def _ensure(url: str, say: Say, command: Sequence[str]) -> engine.EngineFacts:
    # An engine that is just starting, or busy, must not get a second one beside it.
    for _ in range(3):
        try:
            return engine.facts(url)
        except EngineUnreachable:
            if not Path(url.removeprefix("unix://")).exists():
                break
            time.sleep(1)
    if os.environ.get("DOCKER_HOST"):
        raise EngineUnreachable(
            f"No Docker engine answers at {url}, which DOCKER_HOST names.",
            advice="Start it, or unset DOCKER_HOST to let hub-ext start one.",
        )
    if not shutil.which(command[0]):
        raise EngineUnreachable(
            "No Docker engine answers and none is installed.",
            advice="Run `make run`, or `deploy/bootstrap engine`, which installs one.",
        )
    say("Starting the Docker engine")
    if Path("/run/systemd/system").is_dir() and command[0] == "dockerd":
        subprocess.run(["systemctl", "start", "docker"], check=False)
        return _wait(url, None)
    return _wait(url, _spawn(command))


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    with (run_dir() / "engine.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    noted = Process.of(process.pid)
    if noted:
        noted.note(run_dir() / "engine.pid")
    return process


def _wait(url: str, process: subprocess.Popen[bytes] | None) -> engine.EngineFacts:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return engine.facts(url)
        except EngineUnreachable as error:
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                where = run_dir() / "engine.log" if process else "`journalctl -u docker`"
                raise EngineUnreachable(
                    f"The Docker engine {'ended at once' if ended else 'did not come up'}.",
                    advice=f"Its log says why: {where}.",
                ) from error
        time.sleep(0.2)


def _stop_if_unused() -> None:
    users = run_dir() / "engine.users"
    for path in users.iterdir():
        if Process.read(path) is None:
            path.unlink(missing_ok=True)
    if any(users.iterdir()):
        return
    started_by_us = run_dir() / "engine.pid"
    if process := Process.read(started_by_us):
        os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _alive(process) and time.monotonic() < deadline:
            time.sleep(0.1)
    started_by_us.unlink(missing_ok=True)


def _alive(process: Process) -> bool:
    with suppress(ChildProcessError):
        # Where it is a child of ours, nobody else takes its end from the kernel.
        os.waitpid(process.pid, os.WNOHANG)
    return Process.of(process.pid) == process
