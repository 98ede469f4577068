"""A root file system entered as a host: processes, mounts and network of its own, this machine's kernel.

slirp4netns carries its connections out as an ordinary program of this machine does: neither a route nor a
firewall rule of this machine is changed, and an engine in there has bridges and rules that nobody else sees.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.processes import children_of
from tests.support.debian_root import proxy_variables

_ENTER = Path(__file__).parents[1] / "install/enter"
# A loop in bash takes the end of whatever loses its parent, as an init does.
_INIT = "echo entered; while :; do sleep 3600 & wait $!; done"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_UP_SECONDS = 30
_END_SECONDS = 30


class NamespacedHost:
    """A running host over the folder `root`. Everything that runs in it ends with `stop`, or with us."""

    def __init__(self, root: Path) -> None:
        self.root = root
        unshare = ("unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child")
        self._unshare = subprocess.Popen(
            [*_ends_with_us(), *unshare, str(_ENTER), str(root), "bash", "-c", _INIT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._network: subprocess.Popen[bytes] | None = None
        try:
            assert self._unshare.stdout is not None
            assert self._unshare.stdout.readline() == b"entered\n", "the root cannot be entered"
            self._network = self._connect()
        except BaseException:
            self.stop()
            raise

    @property
    def init(self) -> int:
        """The first process in there, by its number out here. Raises ProcessLookupError once it has ended."""
        for pid, _ in children_of(self._unshare.pid):
            return pid
        raise ProcessLookupError("the host has ended")

    def _connect(self) -> subprocess.Popen[bytes]:
        ready, write = os.pipe()
        options = ("--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={write}")
        process = subprocess.Popen(
            [*_ends_with_us(), "slirp4netns", *options, str(self.init), "tap0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(write,),
            start_new_session=True,
        )
        os.close(write)
        with os.fdopen(ready, "rb") as answer:
            assert answer.read(1) == b"1", "slirp4netns did not come up"
        return process

    def words(
        self, *command: str, folder: str = "/", variables: Mapping[str, str] | None = None
    ) -> list[str]:
        """The words that run a command in there, in a session of its own, with the environment of a login."""
        environment = {
            "PATH": _PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            **proxy_variables(),
            **(variables or {}),
        }
        assignments = (f"{name}={value}" for name, value in environment.items())
        enter = ("nsenter", f"--target={self.init}", "--mount", "--pid", "--net", "--ipc", "--root")
        return [*enter, "env", "-i", f"--chdir={folder}", *assignments, "setsid", "--wait", *command]

    def network_words(self, *command: str) -> list[str]:
        """The words that run a program of this machine in the host's network, as a browser there would be."""
        return ["nsenter", f"--target={self.init}", "--net", *command]

    def processes(self) -> Iterator[list[str]]:
        """The words of each process in there, those in its containers included, but not of the init's own."""
        for process in Path(f"/proc/{self.init}/root/proc").glob("[0-9]*"):
            words = _words(process)
            if process.name != "1" and words[:2] != ["sleep", "3600"]:
                yield words

    def mounts(self) -> frozenset[str]:
        """Where something is mounted in there."""
        lines = Path(f"/proc/{self.init}/mountinfo").read_text().splitlines()
        return frozenset(line.split()[4] for line in lines)

    def stop(self) -> None:
        """Kills all that runs in there; its mounts, bridges and firewall rules go with the namespaces."""
        with contextlib.suppress(ProcessLookupError):
            init = os.pidfd_open(self.init)
            # unshare takes the first process with it, and that one every other of the PID namespace.
            self._unshare.kill()
            select.select([init], [], [], _END_SECONDS)
            os.close(init)
        self._unshare.wait(_END_SECONDS)
        if self._network is not None:
            self._network.terminate()
            self._network.wait(_END_SECONDS)
        _remove_cgroups()


def _remove_cgroups() -> None:
    """Removes the empty cgroups that engines leave; none beside an engine, which may be about to use it."""
    if any(_words(process)[0].endswith("dockerd") for process in Path("/proc").glob("[0-9]*")):
        return
    for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        for folder, _, _ in os.walk(hierarchy / "docker", topdown=False):
            with contextlib.suppress(OSError):  # something runs in it
                os.rmdir(folder)


def _words(process: Path) -> list[str]:
    """The words of a process by its folder in /proc; [""] where it has ended, or is a kernel's thread."""
    try:
        return (process / "cmdline").read_text(errors="replace").removesuffix("\0").split("\0")
    except OSError:
        return [""]


def _ends_with_us() -> tuple[str, ...]:
    return ("setpriv", "--pdeathsig", "KILL")
