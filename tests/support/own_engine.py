"""A Docker engine of a test's own beside the machine's: for what must never be done to that one."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from hub_ext.cli.setup import engine
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.errors import EngineUnreachable
from tests.support.patience import patient

UP_SECONDS = 30
# Docker's own sockets lie below: their paths may have 108 letters.
FOLDER = Path("/var/tmp")


class OwnEngine:
    """`start` it, `kill` it, `start` it again: containers outlive it, as ours do (live-restore).

    It leaves the machine's firewall alone, and has a bridge of its own: without one it would take the other
    engine's.
    """

    def __init__(self, subnet: str) -> None:
        self.folder = FOLDER / f"hx-{secrets.token_hex(3)}"
        self.bridge = f"hx-{self.folder.name[3:]}"
        self.socket = self.folder / "docker.sock"
        self.cdi = self.folder / "cdi"
        self.cdi.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        settings = {
            "live-restore": True,
            "features": {"cdi": True},
            "cdi-spec-dirs": [str(self.cdi)],
            "iptables": False,
            "ip6tables": False,
            "bridge": self.bridge,
        }
        (self.folder / "daemon.json").write_text(json.dumps(settings))
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("address", "add", subnet, "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> EngineFacts:
        """Returns once it answers."""
        command = ["dockerd", "--config-file", str(self.folder / "daemon.json")]
        command += ["--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")]
        command += ["--pidfile", str(self.folder / "pid"), "--host", self.url]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + patient(UP_SECONDS)
        while True:
            try:
                return engine.facts(self.url)
            except EngineUnreachable:
                assert time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """Ends it and takes everything of it away. Its containers must be gone by then."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            self._process.kill()
        _ip("link", "delete", self.bridge)
        # With live-restore an engine leaves its folder mounted on itself.
        subprocess.run(["umount", str(self.folder / "data")], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
