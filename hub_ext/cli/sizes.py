"""Sizes as people type and read them: powers of 1024."""

from __future__ import annotations

import re

from hub_ext.errors import InputError

UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse(text: str) -> int:
    """Bytes of a size such as "512M" or "1.5G". Raises InputError."""
    typed = _TYPED.fullmatch(text.strip())
    if not typed:
        raise InputError(f"{text!r} is not a size.", advice='Type "512M" or "1.5G".')
    return int(float(typed[1]) * UNITS[typed[2].upper()])


def shown(size: int | None) -> str:
    """A size for people, such as "1.5 GiB"; "-" where it is unknown."""
    if size is None:
        return "-"
    for unit in ("T", "G", "M", "K"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:.1f} {unit}iB"
    return f"{size} B"
