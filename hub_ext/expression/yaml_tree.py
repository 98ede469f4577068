"""YAML as a tree of texts with their lines: no types, no anchors, no tags, so nothing can be made of it.

A text stays the text that was written ("no" is no boolean); whoever reads a field knows what it must be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hub_ext.errors import InputError
from hub_ext.phrase import Phrase, Value

MOST_DEPTH = 8
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Node:
    """A text (`plain`: without quotes), a list of nodes, or a mapping, and its line from 1."""

    value: str | list[Node] | dict[str, Node]
    line: int
    plain: bool = False


def tree(text: str) -> Node:
    """The file's one document. Raises InputError with the line of what cannot be read."""
    try:
        events = yaml.parse(text, Loader=_LOADER)
        for event in events:
            if not isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
                if isinstance(event, yaml.StreamEndEvent):
                    raise at(1, "The file is empty", "Begin with an export.")
                made = _node(event, events, 0)
                break
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise at(_line(event), "A second document begins", "Keep everything in one.")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or Phrase("it is not YAML")
        raise at(mark.line + 1 if mark else 1, "This cannot be read: {why}", "", why=why) from error
    return made


def at(line: int, template: str, advice: str, /, **values: Value) -> InputError:
    """The complaint about a line: both texts are templates, as `errors` has them."""
    what = Phrase(template, **values)
    return InputError("Line {line}: {what}.", advice=Phrase(advice, **values), line=line, what=what)


def _node(event: Any, events: Iterator[Any], depth: int) -> Node:
    line = _line(event)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise at(line, "Anchors and aliases (& and *) are not taken", "Write it out.")
    if getattr(event, "tag", None):
        raise at(line, "Tags (!) are not taken", "Leave it out.")
    if depth > MOST_DEPTH:
        raise at(line, "This is nested too deeply", "A catalogue has a few levels.")
    if isinstance(event, yaml.ScalarEvent):
        return Node(event.value, line, bool(event.implicit[0]))
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_node(event, events, depth + 1))
        return Node(items, line)
    held: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, depth + 1)
        if not isinstance(key.value, str):
            raise at(key.line, "A name must be a text", "")
        if key.value in held:
            raise at(key.line, "{name!r} stands twice", "Keep one.", name=key.value[:80])
        held[key.value] = _node(next(events), events, depth + 1)
    return Node(held, line)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
