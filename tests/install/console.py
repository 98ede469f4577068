"""A command in a host as a person at its terminal sees it: output line by line, and Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.processes import children_of
from tests.support.namespaced_host import NamespacedHost

_POLL_SECONDS = 0.2


class Console:
    """A command that runs in the host. Its output is kept in the file `log` and shown on our stderr."""

    def __init__(
        self,
        host: NamespacedHost,
        log: Path,
        *command: str,
        folder: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        self._shown = 0
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                host.words(*command, folder=folder, variables=variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        """All that it has printed."""
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """The first place where its output matches. Raises AssertionError where it ends or takes longer."""
        end = time.monotonic() + seconds
        while True:
            ended = self._process.poll() is not None
            self._show()
            if found := re.search(pattern, self.text, re.MULTILINE):
                return found
            assert not ended, f"ended with status {self._process.returncode}:\n{self.text[-3000:]}"
            assert time.monotonic() < end, f"no {pattern!r} within {seconds} s:\n{self.text[-3000:]}"
            time.sleep(_POLL_SECONDS)

    def interrupt(self) -> None:
        """What Ctrl-C sends: an interrupt to every process of the terminal's foreground group."""
        # nsenter stays outside and only waits for the command, which leads a session of its own.
        for leader, _ in children_of(self._process.pid):
            os.killpg(leader, signal.SIGINT)

    def wait(self, seconds: float) -> int:
        """Its exit status. Raises TimeoutExpired."""
        status = self._process.wait(seconds)
        self._show()
        return status

    def _show(self) -> None:
        text = self.text
        sys.stderr.write(text[self._shown :])
        sys.stderr.flush()
        self._shown = len(text)
