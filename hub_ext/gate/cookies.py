"""The cookies of a request: those of the gate apart, and those that may pass to a container."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Of the gate, of the console and of the Hub; and names that browsers hold to rules of their own.
KEPT_BACK = ("jupyterhub-", "hub-ext-", "__host-", "__secure-")
SESSION = "hub-ext-gate-"  # followed by the launch's id
STATE = "hub-ext-state-"  # followed by a random name

# As we make them. Pages may set others of their own, which could not be removed by their names.
_OURS = re.compile(rf"(?:{SESSION}|{STATE})[A-Za-z0-9_-]+")

_KEPT_LETTERS = 4096  # longer headers are split anew each time: strangers choose them


@dataclass(frozen=True, slots=True)
class RequestCookies:
    """`gate` are the gate's own, in the order in which they came; `passing` is a Cookie header."""

    gate: tuple[tuple[str, str], ...]
    passing: str

    def values(self, name: str) -> tuple[str, ...]:
        """The values of the gate's cookie of that name."""
        return tuple(value for key, value in self.gate if key == name)

    def names(self, prefix: str) -> tuple[str, ...]:
        """The names of the gate's cookies that begin so."""
        return tuple(name for name, _ in self.gate if name.startswith(prefix))


def split(header: str) -> RequestCookies:
    """The cookies of a Cookie header. What is no NAME=VALUE is dropped."""
    return _kept_split(header) if len(header) <= _KEPT_LETTERS else _split(header)


def _split(header: str) -> RequestCookies:
    gate, passing = [], []
    for piece in header.split(";"):
        name, found, value = piece.strip().partition("=")
        name = name.rstrip()
        if not found or not name:
            continue
        if not name.lower().startswith(KEPT_BACK):
            passing.append(f"{name}={value.lstrip()}")
        elif _OURS.fullmatch(name):
            gate.append((name, value.strip()))
    return RequestCookies(tuple(gate), "; ".join(passing))


_kept_split = lru_cache(maxsize=2048)(_split)
