"""Texts of ours, kept apart from what is filled in, so that every reader can have them in their language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Union

# "{name}", or "{name!r}" for what is quoted; any other brace is a brace.
PLACE = re.compile(r"\{([a-z][a-z_]*)(!r)?\}")

MISSING = "…"

Value = Union[str, float, date, tuple["Value", ...], "Phrase", None]


@dataclass(frozen=True, slots=True, init=False)
class Phrase:
    """`Phrase("{slug} has no revision {number}.", slug=slug, number=number)`; `str()` gives the English.

    The template is a literal of the code, by which the catalogues of other languages find it. Values are
    never looked into for places; a noun that must be translated too is a phrase itself.
    """

    template: str
    values: Mapping[str, Value]

    def __init__(self, template: str, /, **values: Value) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", values)

    @classmethod
    def restored(cls, held: Mapping[str, Any]) -> Phrase:
        """What `kept` gave. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(str(held["template"]), **{name: _restored(one) for name, one in held["values"].items()})

    def kept(self) -> dict[str, Any]:
        """As it can be written down in JSON: a day is {"day": ISO}, a tuple a list."""
        return {"template": self.template, "values": {name: _kept(one) for name, one in self.values.items()}}

    def __hash__(self) -> int:
        return hash(self.template)

    def __bool__(self) -> bool:
        return bool(self.template)

    def __str__(self) -> str:
        return self.filled(self.template, _english)

    def filled(self, template: str, shown: Callable[[Value, bool], str]) -> str:
        """Another language's template with these values as `shown(value, quoted)` words them.

        Without values the template is a sentence already, whatever braces it holds. A place that nothing
        fills must not cost the reader the sentence: its value is None.
        """
        if not self.values:
            return template

        def fill(place: re.Match[str]) -> str:
            return shown(self.values.get(place[1]), bool(place[2]))

        return PLACE.sub(fill, template)


def _english(value: Value, quoted: bool) -> str:
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        case date():
            return value.isoformat()
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(_english(one, quoted) for one in value)
        case str():
            return repr(str(value)) if quoted else str(value)
    return MISSING if value is None else str(value)


def _kept(value: Value) -> Any:
    match value:
        case Phrase():
            return value.kept()
        case date():
            return {"day": value.isoformat()}
        case tuple():
            return [_kept(one) for one in value]
    return value


def _restored(held: Any) -> Any:
    match held:
        case {"template": _, "values": _}:
            return Phrase.restored(held)
        case {"day": day}:
            return (datetime if "T" in day else date).fromisoformat(day)
        case list():
            return tuple(_restored(one) for one in held)
    return held
