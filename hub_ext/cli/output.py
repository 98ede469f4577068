"""What commands print: tables for people, one JSON document for programs, sentences on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeVar

from hub_ext.phrase import Phrase

T = TypeVar("T")


def plain(value: Any) -> Any:
    """The value as JSON types: dataclasses as objects, times as ISO text in UTC, enums as their values."""
    if isinstance(value, Phrase):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    return value


def print_json(value: Any) -> None:
    """One JSON document on stdout. What a terminal would obey, or cannot show, is escaped as JSON has it."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    print("".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text))


def cell(value: Any) -> str:
    """One line of text for people: no control character of a stored text reaches the terminal."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(cell(item) for item in value) or "-"
    return "".join(letter if letter.isprintable() else _SPACES.get(letter, "?") for letter in str(value))


# French has them before colons; programs put tabs into their last words.
_SPACES = dict.fromkeys("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\t", " ")


def prose(sentence: str) -> str:
    """A sentence or more, in which no file's name or program's last words give the terminal an order."""
    return "\n".join(cell(line) if line else "" for line in sentence.split("\n"))


def table(rows: Iterable[T], columns: Mapping[str, Callable[[T], Any]]) -> str:
    """The rows under their columns' names, two spaces apart."""
    lines = [tuple(columns), *(tuple(cell(read(row)) for read in columns.values()) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def record(pairs: Sequence[tuple[str, Any]]) -> str:
    """One thing: a name and a value on each line."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name.ljust(width)}  {cell(value)}" for name, value in pairs)


def complain(*sentences: str) -> None:
    """Sentences for a person, on stderr."""
    for sentence in sentences:
        if sentence:
            print(prose(sentence), file=sys.stderr)
