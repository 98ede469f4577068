"""What the host says of itself: packages, certificates, file modes, the Hub's own database."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import ssl
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from hub_ext.errors import HubExtError


class HostError(HubExtError):
    """Something about the host could not be read: unknown, neither good nor bad."""


@dataclass(frozen=True, slots=True)
class PackageState:
    """A Debian package: what is installed, and the newest version that the package sources offer.

    `candidate` is empty where the package lists were never fetched.
    """

    installed: str
    candidate: str

    @property
    def current(self) -> bool:
        """Whether nothing newer, a security fix included, is offered."""
        return bool(self.candidate) and self.installed == self.candidate


def debian_package(name: str) -> PackageState | None:
    """The state of a package; None when it is not installed. Raises HostError where there is no apt."""
    if not shutil.which("apt-cache"):
        raise HostError("This host has no apt: versions cannot be verified.")
    installed = _output("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name)
    if not installed.startswith("installed "):
        return None
    version = installed.split(" ", 1)[1]
    return PackageState(version, _newest_of_release(name, version))


def _newest_of_release(name: str, installed: str) -> str:
    """The newest version offered by the release that the installed one came from; "" where none is known.

    The plain candidate would not do: a package taken from a newer release at a low priority has a candidate
    that never moves.
    """
    table = _output("apt-cache", "madison", name)
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if line.count("|") == 2]
    suites = {_suite(source) for _, version, source in rows if version == installed}
    newest = ""
    for _, version, source in rows:
        if _suite(source) in suites and (not newest or _newer(version, newest)):
            newest = version
    return newest


def _output(*command: str) -> str:
    environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env=environment
    ).stdout


def _suite(source: str) -> str:
    # "<address> trixie-security/main amd64 Packages" -> "trixie"
    words = source.split()
    return words[1].split("/")[0].split("-")[0] if len(words) > 1 else ""


def _newer(one: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0


def certificate_end(address: str, ca_file: Path | None, *, seconds: float = 5) -> datetime:
    """When the certificate that a TLS server shows ends. Raises HostError when it is not trusted."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    try:
        with (
            socket.create_connection((host, int(port)), timeout=seconds) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        raise HostError("No trusted TLS at {address}: {why}.", address=address, why=str(error)) from error
    if shown is None:
        raise HostError("{address} showed no certificate.", address=address)
    return x509.load_der_x509_certificate(shown).not_valid_after_utc.astimezone(UTC)


def kernel_has_apparmor(switch: Path = Path("/sys/module/apparmor/parameters/enabled")) -> bool:
    """Whether the running kernel confines programs by AppArmor, as Debian's does."""
    try:
        return switch.read_text(encoding="ascii").strip() == "Y"
    except OSError:
        return False


def open_to_others(path: Path) -> bool | None:
    """Whether anybody but the owner may read or write the file; None when there is no such file."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except FileNotFoundError:
        return None


def hub_admins(database: Path) -> tuple[str, ...]:
    """Names of persons with the Hub's admin role. Raises HostError when its database cannot be read."""
    if not database.is_file():
        raise HostError("The Hub has no database yet.")
    asked = (
        "SELECT name FROM users WHERE admin UNION SELECT users.name FROM users"
        " JOIN user_role_map ON user_role_map.user_id = users.id"
        " JOIN roles ON roles.id = user_role_map.role_id WHERE roles.name = 'admin'"
    )
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
        try:
            return tuple(sorted(name for (name,) in connection.execute(asked)))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise HostError("The Hub's database cannot be read: {why}.", why=str(error)) from error
