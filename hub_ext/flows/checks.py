"""What people type, checked before it is written down; and what changed, as facts of the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar

from hub_ext.errors import InputError, Stale
from hub_ext.model import SLUG, Actor, Localised
from hub_ext.model.text import visible
from hub_ext.phrase import Phrase

MOST_CHARACTERS = 2000

T = TypeVar("T")


def slug(text: str, what: Phrase) -> str:
    """The text where it is a slug. `what` is the noun in the complaint."""
    if not SLUG.fullmatch(text):
        raise InputError(
            "{text!r} cannot be the slug of a {what}.",
            advice="Use 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends.",
            text=text,
            what=what,
        )
    return text


def line(text: str, what: Phrase, *, required: bool = False, most: int = MOST_CHARACTERS) -> str:
    """The text without surrounding space, where it is one printable line."""
    text = text.strip()
    if required and not text:
        raise InputError("The {what} is empty.", advice="Give one.", what=what)
    if len(text) > most:
        raise InputError(
            "The {what} has {count} characters.",
            advice="Use {most} at most.",
            what=what,
            count=len(text),
            most=most,
        )
    if not visible(text):
        raise InputError(
            "The {what} holds a line break or a control character.", advice="Leave it out.", what=what
        )
    return text


def paragraphs(text: str, what: Phrase, *, most: int) -> str:
    """The text of at least one line, with line feeds only, and nothing that cannot be seen."""
    lines = [one.rstrip() for one in text.replace("\t", "    ").splitlines()]
    text = "\n".join(lines).strip("\n")
    if not text.strip():
        raise InputError("The {what} is empty.", advice="Give one.", what=what)
    if len(text) > most:
        raise InputError(
            "The {what} has {count} characters.",
            advice="Use {most} at most.",
            what=what,
            count=len(text),
            most=most,
        )
    if not all(visible(one) for one in lines):
        raise InputError("The {what} holds a control character.", advice="Leave it out.", what=what)
    return text


def localised(text: Localised, what: Phrase, *, required: bool = False) -> Localised:
    """Both languages, each one printable line."""
    return Localised(
        line(text.en, Phrase("English {what}", what=what), required=required),
        line(text.fr, Phrase("French {what}", what=what), required=required),
    )


def period(start: datetime, end: datetime | None, what: Phrase) -> None:
    """Nothing where the end, if any, comes after the start."""
    if end is not None and end <= start:
        raise InputError(
            "The {what} would end ({end}) before it begins ({start}).",
            advice="Give a later end or an earlier beginning.",
            what=what,
            end=end,
            start=start,
        )


def approver(actor: Actor) -> str:
    """Who stands for what the actor does: the person named, else the actor."""
    return actor.on_behalf or actor.id


def unchanged(now: T, expected: T | None) -> T:
    """What is stored now, where the editor saw just that; None: it does not matter what they saw.

    Raises Stale.
    """
    if expected is not None and now != expected:
        raise Stale(
            "Somebody else changed it meanwhile.", advice="Look at it again, then repeat what you did."
        )
    return now


def changed(before: Any, after: Any, *, hidden: Collection[str] = ()) -> dict[str, Any]:
    """For each field that differs its old and new value; None for a hidden one, which may name a person.

    Raises InputError where nothing differs.
    """
    found = {
        field.name: None
        if field.name in hidden
        else [getattr(before, field.name), getattr(after, field.name)]
        for field in dataclasses.fields(before)
        if getattr(before, field.name) != getattr(after, field.name)
    }
    if not found:
        raise InputError("That changes nothing.", advice="Say what is to be another value.")
    return found
