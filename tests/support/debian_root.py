"""Root file systems of Debian as mmdebstrap makes them, set up for the network that this machine is in.

Nothing is in them but the essential packages, apt, and what the README names to begin with. All addresses are
taken from this machine's own settings of apt, pip and npm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hub_ext.cli.setup import package_sources

RELEASES = ("bookworm", "trixie")
# What "apt-get install git make" brings on a machine that installs recommended packages too.
BEGIN_WITH = ("ca-certificates", "git", "make")
# The resolver of slirp4netns, which passes questions on to this machine's.
RESOLVER = "10.0.2.3"
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_NPM_SETTINGS = ("registry", "proxy", "https-proxy", "noproxy", "strict-ssl")


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How machines of this network reach their package sources: the texts of their settings files.

    `authorities` are the certificates that the network's administrator added, by file name.
    """

    apt_sources: str
    apt_conf: str
    pip_conf: str
    npmrc: str
    authorities: dict[str, bytes]

    @classmethod
    def of_this_machine(cls, release: str) -> NetworkSettings:
        """This machine's settings, with the sources of that release of Debian."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            package_sources.write_secrets(folder)
            texts = {path.name: path.read_text() for path in folder.iterdir()}
        return cls(
            apt_sources=texts["apt.list"].replace(package_sources.RELEASE, release),
            apt_conf=texts["apt.conf"],
            pip_conf=(texts["pip.conf"] or "[global]\n") + f"cert = {package_sources.CA_BUNDLE}\n",
            npmrc=_npmrc(),
            authorities={path.name: path.read_bytes() for path in sorted(_AUTHORITIES.glob("*.crt"))},
        )


def unpack(release: str, kept: Path, root: Path) -> None:
    """A root of that release in the folder `root`; its archive is made where none is kept in `kept`.

    An archive serves for a day, so that no package in it waits for an upgrade.
    """
    settings = NetworkSettings.of_this_machine(release)
    root.mkdir(parents=True)
    subprocess.run(["tar", "-xf", _archive(release, kept, settings), "-C", root], check=True)
    _configure(root, settings)


def _archive(release: str, kept: Path, settings: NetworkSettings) -> Path:
    inputs = (str(datetime.now(UTC).date()), release, *BEGIN_WITH, settings.apt_sources, settings.apt_conf)
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    archive = kept / f"{release}-{key}.tar"
    if archive.exists():
        return archive
    kept.mkdir(parents=True, exist_ok=True)
    for outdated in kept.glob(f"{release}-*.tar"):
        outdated.unlink()
    partial = archive.with_suffix(".tar.new")
    options = ["--quiet", "--variant=minbase", "--format=tar", f"--include={','.join(BEGIN_WITH)}"]
    options += [f"--aptopt={line}" for line in settings.apt_conf.splitlines()]
    command = ["mmdebstrap", *options, release, str(partial), "-"]
    subprocess.run(command, input=settings.apt_sources, text=True, check=True)
    return partial.rename(archive)


def _configure(root: Path, settings: NetworkSettings) -> None:
    """What the installer and the network's administrator write on every machine."""
    files = {
        "etc/hostname": "host\n",
        "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 host\n",
        "etc/resolv.conf": f"nameserver {RESOLVER}\n",
        "etc/pip.conf": settings.pip_conf,
        "root/.npmrc": settings.npmrc,
    }
    for name, text in files.items():
        (root / name).write_text(text)
    folder = root / _AUTHORITIES.relative_to("/")
    folder.mkdir(parents=True, exist_ok=True)
    for name, certificate in settings.authorities.items():
        (folder / name).write_bytes(certificate)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(
        ["chroot", root, "update-ca-certificates"], check=True, capture_output=True, env=environment
    )


def proxy_variables() -> dict[str, str]:
    """The variables that name this network's proxies, as every shell of its machines has them."""
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


def _npmrc() -> str:
    """npm's settings in force here that are about the network; "" where this machine has no npm."""
    if shutil.which("npm") is None:
        return ""
    lines = []
    for name in _NPM_SETTINGS:
        shown = subprocess.run(["npm", "config", "get", name], capture_output=True, text=True, cwd="/")
        value = shown.stdout.strip()
        if shown.returncode == 0 and value not in ("", "null", "undefined"):
            lines.append(f"{name}={value}\n")
    return "".join(lines)
