"""Which Debian release this host is, beside the one that its own package sources offer.

"Own" are all sources and preferences in /etc/apt but those named hub-ext-*. An earlier version wrote these
and installed Docker of Debian 13 from them, which raised base packages of Debian 12.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub_ext.adapters.host import HostError

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
# No Debian marks it essential, though every program of the host runs on it.
LIBC = "libc6"

_FOLDERS = ("preferences.d", "sources.list.d")
_RELEASE = re.compile(r"^ +release .*\bo=Debian,.*\bn=([a-z]+)", re.MULTILINE)
_OFFERED = re.compile(r"^(?: \*\*\*|    ) (\S+) -?\d+$")

# The output of a command in the C locale. Raises HostError where it fails.
Run = Callable[..., str]


@dataclass(frozen=True, slots=True)
class RaisedPackage:
    """A base package that is newer than every version of it that the host's own sources offer."""

    name: str
    installed: str
    offered: str


@dataclass(frozen=True, slots=True)
class HostRelease:
    """`codename` is what /etc/os-release says; `offered` the Debian releases of the host's own sources."""

    codename: str
    offered: tuple[str, ...]
    raised: tuple[RaisedPackage, ...]


def leftover_files(apt: Path = APT) -> tuple[Path, ...]:
    """The package sources and preferences of an earlier version that are still there."""
    return tuple(path for folder in _FOLDERS for path in sorted((apt / folder).glob("hub-ext-*")))


def command_output(*command: str) -> str:
    """What the command prints. Raises HostError where it fails or takes a minute."""
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True, env=environment
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError("{program} failed: {why}.", program=command[0], why=str(error)) from error


def host_release(apt: Path = APT, os_release: Path = OS_RELEASE, run: Run = command_output) -> HostRelease:
    """Compares the installed base packages with what the host's own sources offer.

    Raises HostError where that is unknown: not a Debian, no apt, no package lists of a Debian release.
    """
    codename = _codename(os_release)
    if not shutil.which("apt-cache"):
        raise HostError("This host has no apt: versions cannot be verified.")
    installed = dict(_base_packages(run))
    with _own_options(apt) as options:
        releases = tuple(sorted(set(_RELEASE.findall(run("apt-cache", *options, "policy")))))
        if not releases:
            raise HostError(
                "No package source of this host offers a Debian release, or the package lists are missing.",
                advice="Run `apt-get update`.",
            )
        # An empty database of packages: what is installed would count as offered.
        empty = ("-o", "Dir::State::status=/dev/null")
        newest = dict(_newest(run("apt-cache", *options, *empty, "policy", *installed)))
    raised = (
        RaisedPackage(name, version, newest[name])
        for name, version in installed.items()
        if name in newest and version != newest[name] and _newer(version, newest[name])
    )
    return HostRelease(codename, releases, tuple(raised))


def _codename(os_release: Path) -> str:
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise HostError("{path} cannot be read.", path=str(os_release)) from error
    fields = {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
    if fields.get("ID") != "debian" or not fields.get("VERSION_CODENAME"):
        raise HostError("{path} names no Debian release.", path=str(os_release))
    return fields["VERSION_CODENAME"]


def _base_packages(run: Run) -> Iterator[tuple[str, str]]:
    """Names and versions of the essential packages and of libc6, as far as they are installed."""
    shown = "--showformat=${db:Status-Status} ${Package} ${Version} ${Essential}\\n"
    for line in run("dpkg-query", "--show", shown).splitlines():
        status, name, version, *essential = line.split()
        if status == "installed" and (essential == ["yes"] or name == LIBC):
            yield name, version


@contextmanager
def _own_options(apt: Path) -> Iterator[tuple[str, ...]]:
    """Options by which apt-cache reads the host's own sources and preferences alone, and writes nothing."""
    with tempfile.TemporaryDirectory(prefix="hub-ext-apt-") as temporary:
        for name in _FOLDERS:
            folder = Path(temporary, name)
            folder.mkdir()
            for path in (apt / name).glob("*"):
                if not path.name.startswith("hub-ext-"):
                    (folder / path.name).symlink_to(path)
        settings = (
            f"Dir::Etc::SourceList={apt}/sources.list",
            f"Dir::Etc::SourceParts={temporary}/sources.list.d",
            f"Dir::Etc::Preferences={apt}/preferences",
            f"Dir::Etc::PreferencesParts={temporary}/preferences.d",
            "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=",
        )
        yield tuple(word for setting in settings for word in ("-o", setting))


def _newest(policy: str) -> Iterator[tuple[str, str]]:
    """The name and the highest version of each package in the output of `apt-cache policy NAME…`."""
    name = ""
    for line in policy.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            name = line[:-1]
        elif name and (offered := _OFFERED.match(line)):
            # They stand in falling order.
            yield name, offered[1]
            name = ""


def _newer(one: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0
