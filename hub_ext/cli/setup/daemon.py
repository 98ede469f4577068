"""Starting the engine where it does not answer, and stopping it when the last instance that uses it leaves.

Instances share an engine. Each leaves a file with its process among the engine's users.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hub_ext.cli.setup import engine
from hub_ext.cli.setup.choices import machine_lock
from hub_ext.cli.setup.engine_sources import EngineSource, engine_source
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
def in_use(say: Say = silent, *, source: EngineSource | None = None) -> Iterator[engine.EngineFacts]:
    """An engine that answers and is good enough, for as long as the block lasts.

    `source` is started where it does not answer; by default the one of this checkout. Raises
    EngineUnreachable or SettingsError.
    """
    source = source or engine_source()
    lock = source.run_dir.name
    with machine_lock(lock):
        mine = _note_user(source)
    try:
        with machine_lock(lock):
            found = _ensure(source, say)
        engine.check(found)
        yield found
    finally:
        with machine_lock(lock):
            mine.unlink(missing_ok=True)
            _stop_if_unused(source)


def users(source: EngineSource) -> tuple[Process, ...]:
    """The processes of hub-ext that use that engine now."""
    notes = (source.run_dir / "users").glob("*")
    return tuple(process for path in notes if (process := Process.read(path)) is not None)


def _note_user(source: EngineSource) -> Path:
    users = source.run_dir / "users"
    users.mkdir(parents=True, exist_ok=True)
    me = Process.of(os.getpid())
    assert me is not None
    mine = users / f"{me.pid}-{me.started}-{time.monotonic_ns()}"
    me.note(mine)
    return mine


def _ensure(source: EngineSource, say: Say) -> engine.EngineFacts:
    # An engine that is just starting, or busy, must not get a second one beside it.
    for _ in range(3):
        try:
            return engine.facts(source.url)
        except EngineUnreachable:
            if not Path(source.url.removeprefix("unix://")).exists():
                break
            time.sleep(1)
    process = source.start(say)
    if process is not None and (started := Process.of(process.pid)):
        started.note(_pid_file(source))
    return _wait(source, process)


def _wait(source: EngineSource, process: subprocess.Popen[bytes] | None) -> engine.EngineFacts:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return engine.facts(source.url)
        except EngineUnreachable as error:
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise EngineUnreachable(
                    f"The Docker engine {'ended at once' if ended else 'did not come up'}.",
                    advice=f"Its log says why: {source.log}.",
                ) from error
        time.sleep(0.2)


def _stop_if_unused(source: EngineSource) -> None:
    for path in (source.run_dir / "users").iterdir():
        if Process.read(path) is None:
            path.unlink(missing_ok=True)
    if users(source):
        return
    process = Process.read(_pid_file(source))
    if process is None and (pid := source.pid()):
        process = Process.of(pid)
    if process is None and _answers(source):
        return  # it was there before us
    if process is not None:
        os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _alive(process) and time.monotonic() < deadline:
            time.sleep(0.1)
        if _alive(process):
            return
    _pid_file(source).unlink(missing_ok=True)
    source.clear()


def _answers(source: EngineSource) -> bool:
    try:
        engine.facts(source.url)
    except EngineUnreachable:
        return False
    return True


def _pid_file(source: EngineSource) -> Path:
    return source.run_dir / "pid"


def _alive(process: Process) -> bool:
    with suppress(ChildProcessError):
        # Where it is a child of ours, nobody else takes its end from the kernel.
        os.waitpid(process.pid, os.WNOHANG)
    return Process.of(process.pid) == process
