"""What the kernel says of a process: memory and CPU time; and of the machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1024**2


def rss_bytes(pid: int) -> int:
    """Memory that the process has in use, what it shares included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def pss_bytes(pid: int) -> int:
    """The same with what it shares divided among those who share it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def pss_bytes_of(pids: Collection[int]) -> list[int]:
    """The same of each of these that has not ended meanwhile."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            found.append(pss_bytes(pid))
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time that its threads have used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def busy_seconds() -> float:
    """CPU time that all of the machine has used since it was started."""
    user, nice, system, _idle, _wait, *interrupts = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    # Interrupts and what the host stole; guests are in user already.
    return (user + nice + system + sum(interrupts[:3])) / _TICKS


def named(name: str) -> Iterator[int]:
    """The processes of that name (of 15 letters at most, as the kernel keeps them)."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == name[:15]:
                yield int(process.name)
        except OSError:
            continue


def children_of(pid: int) -> Iterator[tuple[int, list[str]]]:
    """The processes that it started and that still run, with the words of their commands."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except (OSError, IndexError):
            continue
        if parent == pid:
            yield int(process.name), words


def available_bytes() -> int:
    """Memory of the machine that programs could still have."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
