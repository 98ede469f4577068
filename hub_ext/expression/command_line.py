"""A command as one line and as its parts. No shell reads it: only quotes and backslashes mean more."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from hub_ext.errors import InputError

_QUOTED = frozenset(" \t\r\n'\"\\")


def parts(text: str) -> tuple[str, ...]:
    """The parts between spaces; quotes keep a part with spaces together. Raises InputError."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(
            "A quote of the command is not closed, or nothing follows its last backslash.",
            advice="Write it as for a shell: 'a part with spaces'.",
        ) from error


def joined(command: Iterable[str]) -> str:
    """The line of which `parts` makes the same command."""
    return " ".join(shlex.quote(part) if not part or _QUOTED & set(part) else part for part in command)
