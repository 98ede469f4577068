"""A poll as one line of text: its methods and its pattern, or a pattern alone."""

from __future__ import annotations

import re

from hub_ext.model.interfaces import READ_METHODS, Poll

_METHODS = re.compile(r"([A-Za-z]+(?:,[A-Za-z]+)*)\s+(\S.*)")


def poll_read(line: str) -> Poll:
    """ "POST,PUT events/.*", or a pattern alone, which is of GET and HEAD. Nothing is checked."""
    if found := _METHODS.fullmatch(line.strip()):
        return Poll(tuple(found[1].upper().split(",")), found[2])
    return Poll(READ_METHODS, line.strip())


def poll_written(poll: Poll) -> str:
    """The line of which `poll_read` makes the same poll."""
    return f"{','.join(poll.methods)} {poll.path}"
