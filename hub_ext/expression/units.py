"""Sizes and times with units, as people write them: what is written is read as exactly the same number."""

from __future__ import annotations

import re
from decimal import Decimal

from hub_ext.errors import InputError
from hub_ext.phrase import Phrase

SIZES = {"TiB": 1024**4, "GiB": 1024**3, "MiB": 1024**2, "KiB": 1024, "B": 1}
TIMES = {"h": 3600, "min": 60, "s": 1}
_MOST_DECIMALS = 3
_TYPED = re.compile(r"(\d{1,20}(?:\.\d{1,9})?)\s*([A-Za-z]*)")
_SIZE_UNITS = {name.lower(): size for name, size in SIZES.items()} | {
    short: SIZES[f"{short.upper()}iB"] for short in "tgmk"
}


def size_written(mem_bytes: int) -> str:
    """Bytes as "8 GiB" or "1.5 GiB", in the largest unit in which they are exact."""
    for unit, factor in SIZES.items():
        amount = Decimal(mem_bytes) / factor
        if mem_bytes >= factor and amount == round(amount, _MOST_DECIMALS):
            return f"{_plain(amount)} {unit}"
    return f"{mem_bytes} B"


def size_read(text: str) -> int:
    """Bytes of "8 GiB", "512M" or "1.5 TiB" (powers of 1024). Raises InputError."""
    return _read(text, _SIZE_UNITS, Phrase("a size"), Phrase('"8 GiB" or "512 MiB"'))


def time_written(seconds: int) -> str:
    """Seconds as "30 min" or "8 h", in the largest unit in which they are whole."""
    unit = next(unit for unit, factor in TIMES.items() if seconds % factor == 0)
    return f"{seconds // TIMES[unit]} {unit}"


def time_read(text: str) -> int:
    """Seconds of "30 min", "8 h" or "90 s". Raises InputError."""
    return _read(text, TIMES, Phrase("a time"), Phrase('"30 min" or "8 h"'))


def _read(text: str, units: dict[str, int], what: Phrase, example: Phrase) -> int:
    typed = _TYPED.fullmatch(text.strip())
    factor = units.get(typed[2].lower()) if typed else None
    if typed is None or factor is None:
        raise InputError(
            "{text!r} is not {what} with its unit.",
            advice="Write {example}.",
            text=text[:40],
            what=what,
            example=example,
        )
    value = Decimal(typed[1]) * factor
    if value != int(value):
        raise InputError(
            "{text!r} is not a whole number of the smallest unit.", advice="Round it.", text=text[:40]
        )
    return int(value)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
