"""What a host consists of at a moment, so that two moments can be compared."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.namespaced_host import NamespacedHost

# Made by the kernel, or emptied at every start.
_PASSING = ("dev", "proc", "run", "sys", "tmp")
_FIREWALLS = ("iptables-nft-save", "ip6tables-nft-save")
_COUNTERS = re.compile(r" \[[0-9:]+\]$")


@dataclass(frozen=True, slots=True)
class HostState:
    """`packages` are versions by name, as dpkg lists them; `files` are descriptions by path from the root.

    Of a file under /etc the description holds the content's hash, of any other its size and time; of a folder
    only owner and mode. What lies in one of the folders that `of` was told to leave closed is not in `files`.
    """

    packages: dict[str, str]
    files: dict[str, str]
    processes: tuple[str, ...]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    firewall: tuple[str, ...]

    @classmethod
    def of(cls, host: NamespacedHost, closed: tuple[str, ...] = ()) -> HostState:
        """The host's state now."""
        return cls(
            packages=packages(host.root),
            files=dict(_files(host.root, frozenset((*_PASSING, *closed)))),
            processes=tuple(" ".join(words) for words in host.processes()),
            mounts=host.mounts(),
            interfaces=frozenset(_interfaces(host)),
            firewall=tuple(_firewall(host)),
        )

    def new_files(self, before: HostState) -> set[str]:
        """Paths that were not there before."""
        return self.files.keys() - before.files.keys()

    def changed_files(self, before: HostState) -> set[str]:
        """Paths that were there before, and have changed or are gone."""
        return {path for path, description in before.files.items() if self.files.get(path) != description}


def packages(root: Path) -> dict[str, str]:
    """The version of every package that dpkg has installed in that root."""
    shown = ("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f")
    form = "${db:Status-Status} ${binary:Package} ${Version}\\n"
    listing = subprocess.run([*shown, form], capture_output=True, text=True, check=True).stdout
    lines = (line.split() for line in listing.splitlines())
    return {words[1]: words[2] for words in lines if words[0] == "installed"}


def files_of_packages(root: Path, names: set[str]) -> set[str]:
    """Every path that one of these packages brings, folders included, from the root without a slash."""
    found = set()
    for listing in (root / "var/lib/dpkg/info").glob("*.list"):
        if listing.stem in names or listing.stem.partition(":")[0] in names:
            found |= {_real(root, line) for line in listing.read_text().splitlines()}
    return found


def _real(root: Path, line: str) -> str:
    """The path in a root whose /bin, /lib and /sbin are links into /usr."""
    first, slash, rest = line.lstrip("/").partition("/")
    link = root / first
    if slash and link.is_symlink():
        return f"{os.readlink(link).lstrip('/')}/{rest}"
    return line.strip("/.")  # "/." is the root itself


def _files(root: Path, closed: frozenset[str]) -> Iterator[tuple[str, str]]:
    pending = [""]
    while pending:
        folder = pending.pop()
        for entry in os.scandir(root / folder):
            path = f"{folder}/{entry.name}".lstrip("/")
            yield path, _description(path, entry)
            if entry.is_dir(follow_symlinks=False) and path not in closed:
                pending.append(path)


def _description(path: str, entry: os.DirEntry[str]) -> str:
    status = entry.stat(follow_symlinks=False)
    words = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if entry.is_dir(follow_symlinks=False):
        return words
    if entry.is_symlink():
        return f"{words} -> {os.readlink(entry.path)}"
    if path.startswith("etc/") and entry.is_file(follow_symlinks=False):
        return f"{words} {hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()}"
    return f"{words} {status.st_size} {status.st_mtime_ns}"


def _interfaces(host: NamespacedHost) -> Iterator[str]:
    for line in _output(host.network_words("ip", "-oneline", "link")).splitlines():
        yield line.split(": ")[1].partition("@")[0]


def _firewall(host: NamespacedHost) -> Iterator[str]:
    """Chains and rules of both families, without counters and without chains that accept everything."""
    for program in _FIREWALLS:
        for line in _output(host.network_words(program)).splitlines():
            if line[:1] in (":", "-") and " ACCEPT [" not in line:
                yield f"{program.partition('-')[0]} {_COUNTERS.sub('', line)}"


def _output(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
