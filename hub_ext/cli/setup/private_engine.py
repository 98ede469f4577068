"""A Docker engine of hub-ext's own, run from unpacked packages beside whatever engine the host has.

It has its own socket, data folder, containerd and bridge, and writes no firewall rule and no kernel setting:
the closed network's rules are ours (`adapters.engine.firewall`), and so is the way out of builds
(`build_network`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from hub_ext.cli.setup.choices import free_subnet, run_dir
from hub_ext.cli.setup.layout import CHECKOUT, programs_dir, shared_dir, write_file
from hub_ext.cli.setup.steps import Say
from hub_ext.errors import EngineUnreachable

# Apart from the subnets of instances: those of stopped ones have no route that would show them.
BRIDGE_SUBNETS = IPv4Network("10.216.0.0/16")
# Of the program that carries builds out. Its usual 10.0.2.0/24 is also the network of many virtual machines.
BUILD_SUBNET = IPv4Network("10.216.255.0/24")
_LOG_MAX_BYTES = 20 * 1024**2
_CONTAINERD_SECONDS = 20
_UNMOUNT_SECONDS = 5
# containerd makes these for plugins that nobody has.
_CONTAINERD_FOLDERS = (Path("/opt/containerd/bin"), Path("/opt/containerd/lib"), Path("/opt/containerd"))


@dataclass(frozen=True, slots=True)
class PrivateEngine:
    """The engine whose data lie in `folder`, of the programs unpacked in `programs`."""

    folder: Path
    programs: Path

    @property
    def id(self) -> str:
        """Six hexadecimal digits that tell it from other checkouts' engines, also where it is moved."""
        try:
            return (self.folder / "id").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return hashlib.sha256(str(self.folder).encode()).hexdigest()[:6]

    @property
    def run_dir(self) -> Path:
        """Socket, process and users. Short: paths of sockets may have 108 bytes."""
        return run_dir() / f"engine-{self.id}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"unix://{self.run_dir / 'docker.sock'}"

    @property
    def log(self) -> str:
        """Where people read why it does not come up."""
        return str(self.folder / "engine.log")

    @property
    def bridge(self) -> str:
        """The network interface of its default network, which no notebook server uses."""
        return f"hxe{self.id}"

    @property
    def bridge_mac(self) -> str:
        """The bridge's own address; without one it takes another with every container."""
        return ":".join(("02:48:58", *(self.id[at : at + 2] for at in (0, 2, 4))))

    @property
    def bridge_address(self) -> IPv4Interface:
        """The gateway of its default network. The bridge must be there."""
        shown = subprocess.run(
            ["ip", "-j", "-4", "address", "show", "dev", self.bridge], capture_output=True, check=True
        )
        address = json.loads(shown.stdout)[0]["addr_info"][0]
        return IPv4Interface((address["local"], address["prefixlen"]))

    def start(self, say: Say) -> subprocess.Popen[bytes]:
        """Start it; it need not answer yet. Raises EngineUnreachable where its programs are not there."""
        dockerd = self.programs / "usr/sbin/dockerd"
        if not dockerd.exists():
            raise EngineUnreachable(
                f"The engine of {self.folder} has no programs.", advice="Run `make run`, which unpacks them."
            )
        say("Starting hub-ext's own Docker engine")
        self._prepare()
        command = [
            *(str(dockerd), "--config-file", str(self.folder / "daemon.json")),
            *("--data-root", str(self._data), "--exec-root", str(self.run_dir / "exec")),
            *("--pidfile", str(self.run_dir / "docker.pid"), "--host", self.url),
        ]
        with Path(self.log).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "PATH": self._path},
            )

    @property
    def has_data(self) -> bool:
        """Whether it was ever started."""
        return self._data.is_dir()

    def pid(self) -> int | None:
        """The number of its process, whoever of hub-ext started it; None while it does not run."""
        try:
            number = int((self.run_dir / "docker.pid").read_text())
            return number if _runs(Path(f"/proc/{number}"), "dockerd") else None
        except (OSError, ValueError):
            return None

    def holds_folder(self) -> bool:
        """Whether its folder cannot be removed: it runs, or what it mounted is still there."""
        return self.pid() is not None or _is_bound_on_itself(self._data)

    def clear(self) -> None:
        """Take away what a stopped engine leaves outside of its folder, unless containers still run."""
        _end_containerd(self.run_dir / "exec/containerd/containerd.toml")
        # With live-restore an engine leaves its folder mounted on itself. A disk mounted there is somebody's.
        if not _unbound(self._data):
            return
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True)
        # An engine that was killed leaves a network namespace mounted in its folder for sockets.
        for path in reversed([path for path, _, _ in _mounts() if path.is_relative_to(self.run_dir)]):
            subprocess.run(["umount", str(path)], capture_output=True)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        if not Path("/usr/bin/containerd").exists():
            for folder in _CONTAINERD_FOLDERS:
                with suppress(OSError):
                    folder.rmdir()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _path(self) -> str:
        own = (self.programs / "usr/sbin", self.programs / "usr/bin")
        return ":".join([*map(str, own), os.environ.get("PATH", "/usr/bin:/bin"), "/usr/sbin", "/sbin"])

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        log = Path(self.log)
        if log.exists() and log.stat().st_size > _LOG_MAX_BYTES:
            log.replace(log.with_suffix(".log.1"))
        write_file(self.folder / "id", f"{self.id}\n")
        write_file(self.folder / "daemon.json", json.dumps(self._configuration(), indent=2) + "\n")
        _write_client(self.folder / "docker", self.url, self.programs / "usr/bin/docker")
        self._ensure_bridge()

    def _configuration(self) -> dict[str, Any]:
        """What every engine of ours has, and what lets it live beside another one."""
        common: dict[str, Any] = json.loads((CHECKOUT / "deploy/daemon.json").read_text(encoding="utf-8"))
        return {
            **common,
            "storage-driver": "overlay2",  # never the copies of its last resort
            "bridge": self.bridge,
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
            "ip-masq": False,
            # slirp4netns asks the host's resolvers, which a container may not reach by itself.
            "dns": [str(BUILD_SUBNET[3])],
        }

    def _ensure_bridge(self) -> None:
        """Without a bridge of its own an engine takes docker0, also from another engine."""
        if Path("/sys/class/net", self.bridge).exists():
            return
        subnet = free_subnet(int(self.id, 16), [str(BUILD_SUBNET)], pool=BRIDGE_SUBNETS, prefix=28)
        for words in (
            ["link", "add", self.bridge, "address", self.bridge_mac, "type", "bridge"],
            ["address", "add", f"{subnet[1]}/{subnet.prefixlen}", "dev", self.bridge],
            ["link", "set", self.bridge, "up"],
        ):
            done = subprocess.run(["ip", *words], capture_output=True, text=True)
            if done.returncode:
                raise EngineUnreachable(
                    f"The engine's bridge {self.bridge} cannot be made: {done.stderr.strip()}.",
                    advice="`ip link` shows the host's interfaces.",
                )


def private_engine() -> PrivateEngine | None:
    """This checkout's own engine, or None where it uses the host's. `make run` decides by the folder."""
    folder = shared_dir() / "engine"
    return PrivateEngine(folder, programs_dir().resolve()) if folder.is_dir() else None


def _runs(process: Path, program: str) -> bool:
    """Whether the process of that folder of /proc runs a program of that name, be it removed meanwhile."""
    return (process / "exe").readlink().name.removesuffix(" (deleted)") == program


def _is_bound_on_itself(folder: Path) -> bool:
    """Whether the topmost mount at the folder shows the folder itself, and not the root of a disk."""
    mounts = _mounts()
    here = [mount for mount in mounts if mount[0] == folder]
    if not here:
        return False
    _, device, root = here[-1]
    return any(
        root == root_below / folder.relative_to(path)
        for path, device_below, root_below in mounts
        if device_below == device and path != folder and folder.is_relative_to(path)
    )


def _mounts() -> list[tuple[Path, str, Path]]:
    """Each mount in the order in which it was made: its place, its device, what of the device it shows."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [(Path(_unescaped(line[4])), line[2], Path(_unescaped(line[3]))) for line in lines]


def _unbound(folder: Path) -> bool:
    """Whether the folder is no longer bound on itself; for a moment after its engine's end it may be busy."""
    deadline = time.monotonic() + _UNMOUNT_SECONDS
    while _is_bound_on_itself(folder):
        done = subprocess.run(["umount", str(folder)], capture_output=True)
        if done.returncode:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
    return True


def _unescaped(path: str) -> str:
    """A path of /proc/self/mountinfo, in which blanks and the like are octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _write_client(path: Path, url: str, client: Path) -> None:
    """A `docker` command that speaks to this engine."""
    words = f"exec env DOCKER_HOST={shlex.quote(url)} {shlex.quote(str(client))}"
    write_file(path, f'#!/bin/sh\n{words} "$@"\n', mode=0o755)


def _end_containerd(configuration: Path) -> None:
    """End the containerd of an engine that has ended; returns once it is gone, or after a while.

    It holds the data folder. An engine that was killed leaves it running, and one that stops waits for it
    for 10 seconds only.
    """
    deadline = time.monotonic() + _CONTAINERD_SECONDS
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if os.fsencode(configuration) not in words or not _runs(process, "containerd"):
                continue
            os.kill(int(process.name), signal.SIGTERM)
            while (process / "exe").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
