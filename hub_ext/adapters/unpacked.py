"""Debian's packages that are used without being installed; deploy/lib/unpacked.sh writes their table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from hub_ext.adapters.host import HostError


@dataclass(frozen=True, slots=True)
class UnpackedPackage:
    """A package's version, the release that it is from, and the day when that version was published.

    `published` is None where its changelog says none.
    """

    name: str
    version: str
    release: str
    published: date | None


def unpacked_packages(folder: Path | None) -> dict[str, UnpackedPackage]:
    """The packages unpacked in `folder` by name; none without a folder. Raises HostError for a bad table."""
    table = folder / "packages.tsv" if folder else None
    if table is None or not table.exists():
        return {}
    try:
        rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
        return {
            name: UnpackedPackage(name, version, release, date.fromisoformat(day) if day else None)
            for name, version, release, day in rows
        }
    except (OSError, ValueError) as error:
        raise HostError("{path!r} cannot be read: {why}.", path=str(table), why=str(error)) from error


def looked_for_newer(folder: Path) -> datetime | None:
    """When Debian was last asked for newer versions of what is unpacked in `folder`; None for never."""
    try:
        return datetime.fromtimestamp((folder.parent / "looked").stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def runs_earlier_programs(folder: Path, engine_url: str) -> bool:
    """Whether the engine at that socket was started from programs that `folder` no longer has.

    False for an engine that was not started by hub-ext, which leaves no process number beside its socket.
    """
    pid_file = Path(engine_url.removeprefix("unix://")).with_name("docker.pid")
    try:
        program = Path(f"/proc/{int(pid_file.read_text())}/exe").readlink()
    except (OSError, ValueError):
        return False
    unpacked = folder.parent.resolve()
    return program.is_relative_to(unpacked) and not program.is_relative_to(folder.resolve())
