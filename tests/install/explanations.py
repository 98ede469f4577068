"""Why a file of a host is new or changed: because of a listed package, or because somebody said so."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable

from tests.install.installation import CLONE
from tests.support.host_state import HostState

# What the scripts of packages write, beside the files that their packages bring.
_WRITTEN_BY_PACKAGES = re.compile(
    "|".join(
        (
            # Accounts that packages add, with the files' former versions and their lock.
            r"etc/(passwd|group|shadow|gshadow|subuid|subgid)-?",
            r"etc/\.pwd\.lock",
            r"etc/ld\.so\.cache",
            # Written once by readline-common, netbase and python3-minimal, then the administrator's.
            r"etc/(inputrc|networks|python3/debian_config)",
            r"usr/local/lib/python3\.\d+(/dist-packages)?",
            # What apt and dpkg note, and what their tools keep.
            r"var/lib/(apt|dpkg|systemd|ucf|python)(/.*)?",
            r"var/cache/(apt|debconf|ldconfig)(/.*)?",
            r"var/log/(alternatives\.log|apt|dpkg\.log)(/.*)?",
            # Python's packages are compiled where they are installed.
            r"usr/(lib|share)/.*/__pycache__(/.*)?",
        )
    )
)
# Of our own: Python compiles what it reads, in the administrator's clone as elsewhere.
_OF_THE_CLONE = re.compile(rf"{CLONE}(/.*)?/__pycache__(/.*)?")


def unexplained(
    brought: Collection[str], state: HostState, paths: Iterable[str], named_in: str = ""
) -> set[str]:
    """Those of `paths` that no package explains, and that the text `named_in` does not name.

    `brought` are the files of the packages. Of a folder that is not explained only the folder is returned.
    """
    explained = {path for path in paths if _is_explained(brought, state, path)}
    # Folders that hold what packages made, such as those for links of init systems.
    explained |= {parent for path in explained for parent in _parents(path)}
    named = {word.strip("/") for word in re.findall(r"(?<![\w/])/[\w./-]*[\w/]", named_in)}
    explained |= {parent for path in named for parent in _parents(path)}
    left = {path for path in set(paths) - explained if named.isdisjoint((path, *_parents(path)))}
    return {path for path in left if left.isdisjoint(_parents(path))}


def _is_explained(brought: Collection[str], state: HostState, path: str) -> bool:
    if path in brought or _WRITTEN_BY_PACKAGES.fullmatch(path) or _OF_THE_CLONE.fullmatch(path):
        return True
    # Links of alternatives and of init systems, which end at a package's file.
    target = _target(state, path)
    return target not in ("", path) and _is_explained(brought, state, target)


def _target(state: HostState, path: str) -> str:
    """Where the link of that path leads, "" where it is none."""
    _, arrow, link = state.files.get(path, "").partition(" -> ")
    if not arrow:
        return ""
    target = os.path.normpath(os.path.join("/", os.path.dirname(path), link)).lstrip("/")
    first, slash, rest = target.partition("/")
    # /bin, /lib and /sbin are links themselves.
    return f"{_target(state, first)}/{rest}" if slash and " -> " in state.files.get(first, "") else target


def _parents(path: str) -> list[str]:
    """The folders above it, the nearest first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
