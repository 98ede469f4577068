"""Where the engine of this checkout comes from: the host's own, or a private one beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hub_ext.cli.setup import choices, engine
from hub_ext.cli.setup.private_engine import private_engine
from hub_ext.cli.setup.steps import Say
from hub_ext.errors import EngineUnreachable

HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class EngineSource(Protocol):
    """An engine that can be started where it does not answer."""

    @property
    def url(self) -> str:
        """Its socket."""

    @property
    def run_dir(self) -> Path:
        """Folder that notes its process and who uses it."""

    @property
    def log(self) -> str:
        """Where people read why it does not come up."""

    def start(self, say: Say) -> subprocess.Popen[bytes] | None:
        """Start it; None where somebody else keeps its process. Raises EngineUnreachable."""

    def pid(self) -> int | None:
        """The process to stop where none was noted; None where it does not run or is not ours to stop."""

    def clear(self) -> None:
        """Take away what it leaves on the host after its end."""


@dataclass(frozen=True, slots=True)
class HostEngine:
    """The host's own: the one that DOCKER_HOST names, or the one that is installed."""

    url: str
    command: tuple[str, ...] = ("dockerd",)

    @property
    def run_dir(self) -> Path:
        """Shared by every instance of this machine that uses it."""
        return choices.run_dir() / "engine"

    @property
    def log(self) -> str:
        """Its unit's journal, or the file of a process that we started."""
        return "`journalctl -u docker`" if self._is_unit else str(self.run_dir / "engine.log")

    @property
    def _is_unit(self) -> bool:
        return Path("/run/systemd/system").is_dir() and self.command[0] == "dockerd"

    def start(self, say: Say) -> subprocess.Popen[bytes] | None:
        """By its unit under systemd, else as a process of ours. One that DOCKER_HOST names is not started."""
        if os.environ.get("DOCKER_HOST"):
            raise EngineUnreachable(
                f"No Docker engine answers at {self.url}, which DOCKER_HOST names.",
                advice="Start it, or unset DOCKER_HOST to let hub-ext start one.",
            )
        # Not one that was unpacked: it would take the host's folders, bridge and firewall.
        program = shutil.which(self.command[0], path=HOST_PATH)
        if program is None:
            raise EngineUnreachable(
                "No Docker engine answers and none is installed.", advice="Run `make run`, which brings one."
            )
        say("Starting the Docker engine")
        if self._is_unit:
            subprocess.run(["systemctl", "start", "docker"], check=False)
            return None
        with Path(self.log).open("ab") as log:
            return subprocess.Popen(
                [program, *self.command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )

    def pid(self) -> int | None:
        """None: one that nobody noted was there before us."""
        return None

    def clear(self) -> None:
        """Nothing: it is the host's."""


def engine_source() -> EngineSource:
    """The engine to use: DOCKER_HOST's, this checkout's own, or the host's. Raises SettingsError."""
    own = None if os.environ.get("DOCKER_HOST") else private_engine()
    return own or HostEngine(engine.url())
