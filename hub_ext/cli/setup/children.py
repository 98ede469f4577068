"""Processes of this instance: started with a log file, waited for, and stopped with their whole group."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_ext.errors import HubExtError

_POLL_SECONDS = 0.1
_LOG_MAX_BYTES = 20 * 1024**2
_LOGS_KEPT = 3  # beside the one that is written


class ChildFailed(HubExtError):
    """A process of ours ended, or did not become ready."""


@dataclass(slots=True)
class Child:
    """A running process. `name` is for people, `log` is where its output goes."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Returns once `ready` says so. Raises ChildFailed, with the log's end, after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise self.failed(f"{self.name} ended with status {self.process.returncode}")
            if time.monotonic() > deadline:
                raise self.failed(f"{self.name} was not ready after {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def failed(self, what: str) -> ChildFailed:
        """The failure to raise, quoting the log's last lines."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        return ChildFailed("\n".join([f"{what}:", *lines]), advice=f"The whole log is {self.log}.")

    def rotate(self) -> bool:
        """Put the log aside where it has grown, and let it begin anew; whether that was done.

        The process, and what it has started, go on writing in the same file: it is copied, then emptied, and
        a line that is written in the moment between the two is lost. Where there is no room for the copy the
        log grows on. Cheap enough to be called twice a second.
        """
        aside = self.log.with_name(f".{self.log.name}")
        try:
            if self.log.stat().st_size <= _LOG_MAX_BYTES:
                return False
            with self.log.open("rb") as log, open(aside, "wb", opener=_private) as copy:
                shutil.copyfileobj(log, copy)
            aside.replace(first_place(self.log, _LOGS_KEPT))
            os.truncate(self.log, 0)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            return False
        return True

    def stop(self, seconds: float = 10) -> None:
        """End the process and whatever it started; kill what is left after `seconds`."""
        if self.running:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def start(
    name: str,
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Child:
    """Start a process in a group of its own, so that a terminal's Ctrl-C reaches only us.

    It ends with us, however we end (the kernel sends it SIGTERM). Raises ChildFailed where it is missing.
    """
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_MAX_BYTES:
        log.replace(first_place(log, _LOGS_KEPT))
    with log.open("ab") as output:
        log.chmod(0o600)
        try:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=True,
                umask=0o077,  # databases and blobs are nobody else's to read
            )
        except OSError as error:
            raise ChildFailed(f"{name} cannot be started: {error}.") from error
    return Child(name, log, process)


def first_place(log: Path, kept: int) -> Path:
    """Where the log is put aside, with the earlier ones numbered one up; `kept` is the last number."""
    for number in range(kept - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    return log.with_name(f"{log.name}.1")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
