"""A notebook server of an image as launches run it: hardened, by a user nobody knows; without a network."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_ext.cli.setup.engine_sources import engine_source
from hub_ext.expression.jupyter import jupyter_arguments

HERE = Path(__file__).parent
PYTHON = "/opt/hub-ext/venv/bin/python"
USER = "23456:34567"
OWNER = "uid=23456,gid=34567"
HOME = f"rw,nosuid,nodev,exec,{OWNER},mode=700,size=64m"
_START_SECONDS = 60
BASE_URL = "/user/ana/"
SECRET = "not-for-a-page"
COMMAND = ("/opt/hub-ext/start", "jupyter-lab")
ARGUMENTS = jupyter_arguments(BASE_URL, "/lab", port=8888, user="ana")


def docker(*arguments: str, check: bool = True) -> str:
    """What the client of this run's engine printed; with its complaint in the failure."""
    command = ["docker", "--host", engine_source().url, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=180)
    if check and ended.returncode:
        raise AssertionError(
            f"docker {' '.join(arguments[:3])}…: {ended.stderr[-3000:] or ended.stdout[-3000:]}"
        )
    return ended.stdout


def hardened(
    *,
    home: str = HOME,
    mounts: Mapping[Path, str] | None = None,
    groups: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    network: str = "none",
) -> list[str]:
    """Arguments of `docker run`. `mounts` are read-only: folder to place."""
    return [
        *(f"--group-add={group}" for group in groups),
        *(f"--network={network}", "--read-only", f"--user={USER}", "--cap-drop=ALL", "--init", "--memory=2g"),
        *("--security-opt=no-new-privileges", "--pids-limit=1024"),
        *(
            f"--tmpfs=/tmp:rw,nosuid,nodev,exec,mode=1777,{OWNER},size=512m",
            f"--tmpfs=/run:rw,{OWNER},size=16m",
        ),
        f"--tmpfs=/home/jovyan:{home}",
        *(f"--volume={folder}:{place}:ro" for folder, place in (mounts or {}).items()),
        *(f"--env={name}={value}" for name, value in (environment or {}).items()),
    ]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `seconds` is the time from `docker run` to its first answer."""

    container: str
    seconds: float

    def run(self, *command: str) -> str:
        """What a command in the container printed."""
        return docker("exec", self.container, *command)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and text of the server's answer."""
        answer = self._run_inside("call", method, path, json.dumps(body or {}))
        return answer["status"], answer["body"]

    def kernel(self) -> str:
        """The id of a new kernel."""
        status, body = self.call("POST", "/api/kernels")
        assert status == 201, body
        return str(json.loads(body)["id"])

    def cell(self, kernel: str, code: str) -> str:
        """What a cell printed, its error included."""
        return str(self._run_inside("cell", kernel, code))

    def send(self, kernel: str, code: str) -> None:
        """Begin a cell."""
        self._run_inside("send", kernel, code)

    def kernels(self) -> dict[str, dict[str, Any]]:
        """What the server says of its kernels when it is asked from outside, by id."""
        return {kernel["id"]: kernel for kernel in self._unnoticed("/api/kernels")}

    def terminals(self) -> dict[str, dict[str, Any]]:
        """The same of its terminals, by name."""
        return {terminal["name"]: terminal for terminal in self._unnoticed("/api/terminals")}

    def last_activity(self) -> str:
        """The time of the server's own last activity."""
        return str(self._unnoticed("/api/status")["last_activity"])

    def type(self, terminal: str, text: str) -> None:
        """Write into a terminal."""
        self._run_inside("type", terminal, text)

    def websocket(self, path: str, *headers: str) -> int:
        """The status with which the server answers a WebSocket that has these headers; 101 where it opens."""
        return int(self._run_inside("websocket", path, *headers))

    def logs(self) -> str:
        """What the server wrote since it began."""
        command = ["docker", "--host", engine_source().url, "logs", self.container]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        return ended.stdout + ended.stderr

    def _unnoticed(self, path: str) -> Any:
        status, body = self.call("GET", f"{path}?no_track_activity=1")
        assert status == 200, body
        return json.loads(body)

    def _run_inside(self, *arguments: str) -> Any:
        return json.loads(self.run(PYTHON, "/inside/inside_calls.py", *arguments))


@contextmanager
def server(
    image: str,
    *,
    arguments: Sequence[str] = ARGUMENTS,
    home: str = HOME,
    mounts: Mapping[Path, str] | None = None,
    groups: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    network: str = "none",
) -> Iterator[Server]:
    """A server of that image, started as a launch starts it; removed at the end."""
    run = hardened(
        home=home,
        mounts={HERE: "/inside", **(mounts or {})},
        groups=groups,
        environment={"JUPYTER_TOKEN": SECRET, **(environment or {})},
        network=network,
    )
    began = time.monotonic()
    container = docker("run", "--detach", *run, image, *COMMAND, *arguments).strip()
    try:
        docker(
            *("exec", container, PYTHON, "-c"),
            "import time, urllib.request\n"
            f"for _ in range({_START_SECONDS * 40}):\n"
            f" try: urllib.request.urlopen('http://127.0.0.1:8888{BASE_URL}api', timeout=5); break\n"
            " except OSError: time.sleep(0.025)\n"
            "else: raise SystemExit('no answer')",
        )
        yield Server(container, time.monotonic() - began)
    except AssertionError as error:
        error.add_note(Server(container, 0).logs()[-3000:])
        raise
    finally:
        docker("rm", "--force", "--volumes", container)
