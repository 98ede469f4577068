"""Fields of a YAML tree, read as what they must be. Each raises InputError with the line of what is not."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from typing import TypeVar

from hub_ext.expression.yaml_tree import Node, at
from hub_ext.phrase import Phrase

E = TypeVar("E", bound=StrEnum)

_WHOLE = re.compile(r"[0-9]{1,9}")


def mapping_of(node: Node, allowed: Collection[str] | None, where: str | Phrase) -> dict[str, Node]:
    """The fields of a mapping; None for `allowed` takes any name. What is null is left out."""
    if not isinstance(node.value, dict):
        # "images:" with nothing below it says that there are none.
        if allowed is None and (_null(node) or node.value == ""):
            return {}
        raise at(node.line, "{where} must be names with values", "", where=where)
    for name, value in node.value.items():
        if allowed is not None and name not in allowed:
            raise at(
                value.line,
                "{where} knows no {name!r}",
                "Known: {known}.",
                where=where,
                name=name[:80],
                known=tuple(allowed),
            )
    return {name: value for name, value in node.value.items() if allowed is None or not _null(value)}


def _null(node: Node) -> bool:
    return node.plain and node.value in ("null", "~")


def needed(fields: dict[str, Node], name: str, above: Node, where: str | Phrase) -> Node:
    """The field, which must be there."""
    if name not in fields:
        raise at(above.line, "{where} lacks {name}", "Add it.", where=where, name=name)
    return fields[name]


def text_of(node: Node) -> str:
    """The text."""
    if not isinstance(node.value, str):
        raise at(node.line, "Here must be a text", "")
    return node.value


def optional_text(fields: dict[str, Node], name: str) -> str:
    """The text; "" where it is left out."""
    return text_of(fields[name]) if name in fields else ""


def whole_of(node: Node) -> int:
    """The whole number from 0."""
    text = text_of(node)
    if not _WHOLE.fullmatch(text):
        raise at(node.line, "{text!r} is not a whole number", "", text=text[:40])
    return int(text)


def flag_of(node: Node) -> bool:
    """Whether it is "true"; only "true" and "false" are taken."""
    text = text_of(node)
    if text not in ("true", "false"):
        raise at(node.line, "{text!r} is neither true nor false", "", text=text[:40])
    return text == "true"


def texts_of(node: Node, what: str) -> tuple[str, ...]:
    """The texts of a list, as they stand; `what` names the list."""
    return tuple(text_of(one) for one in listed(node, what))


def listed(node: Node, what: str) -> list[Node]:
    """The members of a list."""
    if not isinstance(node.value, list):
        raise at(
            node.line, "{what} must be a list", "Write each on a line of its own, behind a dash.", what=what
        )
    return node.value


def member(node: Node, kind: type[E]) -> E:
    """The member of an enumeration."""
    text = text_of(node)
    if text not in set(kind):
        raise at(
            node.line,
            "{text!r} cannot be used here",
            "Use {members}.",
            text=text[:40],
            members=tuple(one.value for one in kind),
        )
    return kind(text)
