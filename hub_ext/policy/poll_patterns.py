"""Which patterns may name polls: the part of regular expressions that is always matched in a short time.

The gate matches the polls of an interface against the path of every request. Python's `re` tries one way of
matching after another, and a pattern such as "(a+)+" has more ways than can ever be tried. Here only one
character repeats, never a group; how many ways there are is counted from the pattern alone, and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from hub_ext.phrase import Phrase, Value

MOST_CHARACTERS = 200
MOST_WAYS = 32
MOST_WAYS_TOGETHER = 128  # of all patterns of one interface
MOST_REPEATS = 2  # one behind the other: the time grows with the path's length to that power
# On a path of so many characters two repeats cost eight times what one costs on the longest path.
SHORT_CHARACTERS = 128
_TIMES_OF_TWO_REPEATS = 8

_CLASSES = "dswDSW"


@dataclass(frozen=True, slots=True)
class _Cost:
    """In how many ways a part may match beside its repeats, and how many repeats follow one another."""

    ways: int
    repeats: int

    @property
    def counted(self) -> int:
        """The ways, as they count against the bounds."""
        return self.ways * (_TIMES_OF_TWO_REPEATS if self.repeats > 1 else 1)


class _Unusable(Exception):
    def __init__(self, why: Phrase) -> None:
        super().__init__(str(why))
        self.why = why


def problem(pattern: str) -> Phrase | None:
    """Why the pattern cannot be used; None where it can."""
    if len(pattern) > MOST_CHARACTERS:
        return Phrase("it has more than {most} characters", most=MOST_CHARACTERS)
    if not (pattern.isascii() and pattern.isprintable()):
        return Phrase("it holds other characters than those of an address")
    try:
        cost = _Reader(pattern).whole()
    except _Unusable as error:
        return error.why
    if cost.counted > MOST_WAYS or cost.repeats > MOST_REPEATS:
        return Phrase("there are too many ways of matching it")
    try:
        re.compile(pattern)
    except re.error:  # a range that runs backwards, such as [z-a]
        return Phrase("it is no regular expression")
    return None


class _Reader:
    """Reads one pattern from its beginning, and counts."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0

    def whole(self) -> _Cost:
        cost = self._alternatives()
        if self._place < len(self._pattern):
            self._unknown(")")
        return cost

    def _alternatives(self) -> _Cost:
        costs = [self._sequence()]
        while self._takes("|"):
            costs.append(self._sequence())
        return _Cost(sum(cost.ways for cost in costs), max(cost.repeats for cost in costs))

    def _sequence(self) -> _Cost:
        ways, repeats = 1, 0
        while self._place < len(self._pattern) and self._pattern[self._place] not in "|)":
            cost = self._part()
            # Beyond the bound the exact number says nothing more.
            ways = min(ways * cost.ways, MOST_WAYS + 1)
            repeats += cost.repeats
        return _Cost(ways, repeats)

    def _part(self) -> _Cost:
        """A character, a class or a group, with what repeats it."""
        group = self._takes("(")
        cost = self._group() if group else self._character()
        if self._takes("?"):
            cost = _Cost(cost.ways + 1, cost.repeats)
        elif self._takes("*") or self._takes("+"):
            if group:
                raise _Unusable(Phrase("a group is repeated"))
            cost = _Cost(cost.ways, cost.repeats + 1)
        if self._next() and self._next() in "?*+{":
            self._unknown(self._next())
        return cost

    def _group(self) -> _Cost:
        if self._takes("?") and not self._takes(":"):
            self._unknown(f"(?{self._next()}")
        cost = self._alternatives()
        if not self._takes(")"):
            raise _Unusable(Phrase("a bracket is not closed"))
        return cost

    def _character(self) -> _Cost:
        letter = self._read()
        if letter == "\\":
            self._escaped()
        elif letter == "[":
            self._set()
        elif letter in "?*+{}^$]":
            self._unknown(letter)
        return _Cost(1, 0)

    def _set(self) -> None:
        self._takes("^")
        if self._next() == "]":
            self._unknown("[]")
        while not self._takes("]"):
            letter = self._read()
            if letter == "\\":
                self._escaped()
            elif letter == "[" or (letter in "-&|~" and letter == self._next()):
                # Python keeps these for a later meaning.
                self._unknown(letter)

    def _escaped(self) -> None:
        letter = self._read()
        if letter.isalnum() and letter not in _CLASSES:
            self._unknown(f"\\{letter}")

    def _next(self) -> str:
        return self._pattern[self._place : self._place + 1]

    def _read(self) -> str:
        letter = self._next()
        if not letter:
            raise _Unusable(Phrase("it ends too early"))
        self._place += 1
        return letter

    def _takes(self, letter: str) -> bool:
        if self._next() != letter:
            return False
        self._place += 1
        return True

    def _unknown(self, text: Value) -> NoReturn:
        raise _Unusable(Phrase("{text!r} cannot stand where it does", text=text))


def ways(patterns: Iterable[str]) -> int:
    """In how many ways patterns without a problem may match, all of them together; some count for more."""
    return sum(_Reader(pattern).whole().counted for pattern in patterns)


def is_for_short_paths(pattern: str) -> bool:
    """Whether the pattern, which has no problem, takes long on a path of more than SHORT_CHARACTERS."""
    return _Reader(pattern).whole().repeats > 1
