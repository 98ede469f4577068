"""What containers of this host use of CPU and memory: the kernel's own counters, no call of the engine.

The engine gives each container a control group that is named after it, below a parent that depends on the
engine's cgroup driver and settings: `docker/ID`, `system.slice/docker-ID.scope`, or others (rootless,
nested, `cgroup-parent`). The tree is walked for one that is found nowhere, and where it stood is remembered.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

# cgroup v1 keeps CPU accounting in a tree of its own; with v2 there is one tree.
_HIERARCHIES = ("cpuacct", "cpu,cpuacct", "cpuacct,cpu", "cpu", "")
_CONTAINER = re.compile(r"(?P<before>(?:[a-z-]+-)?)(?P<id>[0-9a-f]{64})(?P<after>(?:\.scope)?)")
# A container that is not in the tree is on another host, or we in a container: no walk at every sweep.
WALK_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CpuReading:
    """Seconds of CPU that a container has used in its life, and when that was read (a monotonic clock)."""

    used: float
    at: float


class ContainerCpu:
    """Counters by container id; one file is read for each. Not for several threads at once."""

    def __init__(self, root: Path = Path("/sys/fs/cgroup")) -> None:
        self._root = next((root / name for name in _HIERARCHIES if _is_hierarchy(root / name)), None)
        self._groups: dict[str, Path] = {}
        self._shapes = {("docker", "", ""), ("system.slice", "docker-", ".scope")}
        self._walked: float | None = None

    def read(self, container_ids: Collection[str]) -> dict[str, CpuReading]:
        """A reading for each of these containers whose counter is there; the others are left out."""
        self._groups = {known: path for known, path in self._groups.items() if known in container_ids}
        self._find({wanted for wanted in container_ids if wanted and wanted not in self._groups})
        readings = {}
        for container_id, group in self._groups.items():
            used = _used(group)
            if used is not None:
                readings[container_id] = CpuReading(used, time.monotonic())
        for container_id in self._groups.keys() - readings.keys():
            del self._groups[container_id]
        return readings

    def memory(self, container_ids: Collection[str]) -> dict[str, int]:
        """Bytes of memory that each of these holds, as its limit counts them, without what is only cached.

        The others are left out, and those that `read` did not find.
        """
        found = {}
        for container_id in container_ids:
            group = self._groups.get(container_id)
            if group is not None and self._root is not None:
                # cgroup v1 has a tree for memory, of the same shape.
                beside = self._root.parent / "memory" / group.relative_to(self._root)
                used = _memory(beside if (self._root / "cpuacct.usage").is_file() else group)
                if used is not None:
                    found[container_id] = used
        return found

    def _find(self, wanted: set[str]) -> None:
        if self._root is None:
            return
        missing = self._at_known_places(self._root, wanted)
        now = time.monotonic()
        if missing and (self._walked is None or now - self._walked >= WALK_SECONDS):
            self._walked = now
            self._walk(self._root)
            self._at_known_places(self._root, missing)

    def _at_known_places(self, root: Path, wanted: set[str]) -> set[str]:
        """The containers that are at none of them."""
        missing = set()
        for container_id in wanted:
            places = [
                root / parent / f"{before}{container_id}{after}" for parent, before, after in self._shapes
            ]
            found = next((place for place in places if place.is_dir()), None)
            if found is None:
                missing.add(container_id)
            else:
                self._groups[container_id] = found
        return missing

    def _walk(self, root: Path) -> None:
        for folder, names, _ in os.walk(root):
            parent = Path(folder).relative_to(root).as_posix()
            containers = [match for name in names if (match := _CONTAINER.fullmatch(name))]
            self._shapes.update((parent, match["before"], match["after"]) for match in containers)


def _is_hierarchy(folder: Path) -> bool:
    return (folder / "cpuacct.usage").is_file() or (folder / "cgroup.controllers").is_file()


def _used(group: Path) -> float | None:
    """Seconds of CPU, what runs below the group included; None where the group is gone or says nothing."""
    try:
        return int((group / "cpuacct.usage").read_text()) / 1e9
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        return None
    try:
        lines = (group / "cpu.stat").read_text().splitlines()
        return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("usage_usec "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _memory(group: Path) -> int | None:
    """Bytes held, without those of files that are only cached; None where the group says nothing."""
    shapes = (("memory.current", "inactive_file "), ("memory.usage_in_bytes", "total_inactive_file "))
    for usage, cached in shapes:
        try:
            held = int((group / usage).read_text())
            lines = (group / "memory.stat").read_text().splitlines()
            return max(0, held - next(int(line.split()[1]) for line in lines if line.startswith(cached)))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, IndexError, StopIteration):
            return None
    return None
