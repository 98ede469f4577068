"""The facts of an audit event: any value a flow has at hand, made safe to store and bounded in size.

Hostile input ends here too (a refused option of 1 MiB, with NULs): it is cut, never refused, so that
nothing can keep itself out of the record by being too large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from pathlib import PurePath
from typing import Any

from hub_ext.model import Launch, Person

MAX_BYTES = 64 * 1024  # of one event's facts
MAX_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class _Limits:
    text: int
    items: int
    depth: int


# Tried in turn until the whole fits into MAX_BYTES.
_LIMITS = (_Limits(2000, 256, 8), _Limits(400, 64, 6), _Limits(100, 16, 3))


def canonical(value: Any) -> str:
    """The one way to write a JSON value: sorted keys, no spaces, no escapes but JSON's own.

    Hashed: never changed, only succeeded under a new "v".
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def timestamp(when: datetime) -> str:
    """UTC with microseconds and Z: of one width, so that text sorts as time does. Hashed."""
    if when.tzinfo is None:
        raise ValueError(f"{when!r} has no time zone")
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as JSON values of at most MAX_BYTES; what was cut ends in "…".

    Raises TypeError for a value that has no place in a record, such as an open file.
    """
    size = 0
    for limits in _LIMITS:
        safe: dict[str, Any] = _mapping(facts, limits, limits.depth)
        size = len(canonical(safe).encode())
        if size <= MAX_BYTES:
            return safe
    return {"cut": f"{size} bytes of facts left out"}


def bounded_text(text: str, length: int) -> str:
    """Text that every database can store (no NUL, no half characters), cut to a length."""
    clean = text[: length + 1].encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def _safe(value: Any, limits: _Limits, depth: int) -> Any:
    match value:
        case None | bool():
            return value
        case Person() | Launch():  # they hold names
            return value.id
        case Enum():
            return _safe(value.value, limits, depth)
        case str():
            return bounded_text(value, limits.text)
        case int():
            return value if value.bit_length() <= 63 else f"integer of {value.bit_length()} bits"
        case float():
            return value if isfinite(value) else str(value)
        case datetime():
            return timestamp(value)
        case PurePath():
            return bounded_text(str(value), limits.text)
        case bytes():
            return f"{len(value)} bytes"
    if depth == 0:
        return "…"
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    match value:
        case Mapping():
            return _mapping(value, limits, depth)
        case Set():
            return _sequence(sorted(value, key=str), limits, depth)
        case Sequence():
            return _sequence(value, limits, depth)
    raise TypeError(f"{type(value).__name__} has no place in the audit trail")


def _mapping(value: Mapping[Any, Any], limits: _Limits, depth: int) -> dict[str, Any]:
    safe: dict[str, Any] = {}
    for number, (name, item) in enumerate(value.items()):
        if number == limits.items:
            safe["…"] = f"{len(value) - number} more"
            break
        safe[bounded_text(str(_safe(name, limits, 0)), limits.text)] = _safe(item, limits, depth - 1)
    return safe


def _sequence(value: Sequence[Any], limits: _Limits, depth: int) -> list[Any]:
    safe = [_safe(item, limits, depth - 1) for item in value[: limits.items]]
    if len(value) > limits.items:
        safe.append(f"… {len(value) - limits.items} more")
    return safe
