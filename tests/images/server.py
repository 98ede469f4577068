"""A notebook server of an image, run as launches run it: hardened, and by a user nobody knows; no network."""

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

HERE = Path(__file__).parent
PYTHON = "/opt/hub-ext/venv/bin/python"
USER = "23456:34567"
OWNER = "uid=23456,gid=34567"
HOME = f"rw,nosuid,nodev,exec,{OWNER},mode=700,size=64m"
_START_SECONDS = 60
_LAUNCH = {
    "JUPYTERHUB_API_TOKEN": "secret",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
    "JUPYTERHUB_ACTIVITY_URL": "http://127.0.0.1:8081/hub/api/users/ana/activity",
    "JUPYTERHUB_ACTIVITY_INTERVAL": "1",
    "JUPYTERHUB_BASE_URL": "/",
    "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ana",
    "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=ana/", "access:servers!user=ana"]',
    "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/ana/oauth_callback",
    "JUPYTERHUB_SERVER_NAME": "",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/ana/",
    "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:8888/user/ana/",
    "JUPYTERHUB_USER": "ana",
}


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
) -> list[str]:
    """Arguments of `docker run`. `mounts` are read-only: folder to place."""
    return [
        *(f"--group-add={group}" for group in groups),
        *("--network=none", "--read-only", f"--user={USER}", "--cap-drop=ALL", "--init", "--memory=2g"),
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
    """A running server and the Hub beside it. `seconds` is the time from `docker run` to its first answer."""

    container: str
    seconds: float

    def run(self, *command: str) -> str:
        """What a command in the container printed."""
        return docker("exec", self.container, *command)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and text of the server's answer."""
        answer = self._ask("call", method, path, json.dumps(body or {}))
        return answer["status"], answer["body"]

    def kernel(self) -> str:
        """The id of a new kernel."""
        status, body = self.call("POST", "/api/kernels")
        assert status == 201, body
        return str(json.loads(body)["id"])

    def cell(self, kernel: str, code: str) -> str:
        """What a cell printed, its error included."""
        return str(self._ask("cell", kernel, code))

    def send(self, kernel: str, code: str) -> None:
        """Begin a cell."""
        self._ask("send", kernel, code)

    def reports(self) -> list[dict[str, Any]]:
        """Reports of kernels, oldest first."""
        return [heard for heard in self._ask("seen") if "/hub-ext/" in heard["path"]]

    def last_activity(self) -> str:
        """The newest that the Hub was told."""
        told = [heard["body"]["last_activity"] for heard in self._ask("seen") if "activity" in heard["path"]]
        return str(max(told, default=""))

    def logs(self) -> str:
        """What the server wrote since it began."""
        command = ["docker", "--host", engine_source().url, "logs", self.container]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        return ended.stdout + ended.stderr

    def _ask(self, *arguments: str) -> Any:
        return json.loads(self.run(PYTHON, "/inside/inside_calls.py", *arguments))


@contextmanager
def server(
    image: str,
    *options: str,
    home: str = HOME,
    mounts: Mapping[Path, str] | None = None,
    groups: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server of that image, removed at the end."""
    arguments = hardened(
        home=home,
        mounts={HERE: "/inside", **(mounts or {})},
        groups=groups,
        environment=_LAUNCH | dict(environment or {}),
    )
    began = time.monotonic()
    script = f'{PYTHON} /inside/inside_hub.py & exec jupyterhub-singleuser "$@"'
    container = docker(
        *("run", "--detach", *arguments, image, "/opt/hub-ext/start", "sh", "-c", script, "sh", *options)
    ).strip()
    try:
        docker(
            *("exec", container, PYTHON, "-c"),
            "import time, urllib.request\n"
            f"for _ in range({_START_SECONDS * 40}):\n"
            " try: urllib.request.urlopen('http://127.0.0.1:8888/user/ana/api', timeout=5); break\n"
            " except OSError: time.sleep(0.025)\n"
            "else: raise SystemExit('no answer')",
        )
        yield Server(container, time.monotonic() - began)
    except AssertionError as error:
        error.add_note(Server(container, 0).logs()[-3000:])
        raise
    finally:
        docker("rm", "--force", "--volumes", container)
