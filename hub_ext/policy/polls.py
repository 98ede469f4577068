"""Which requests are asked by an open page alone, and so are no use of a server."""

from __future__ import annotations

import re
from functools import lru_cache

from hub_ext.model.interfaces import Poll
from hub_ext.policy.poll_patterns import SHORT_CHARACTERS, is_for_short_paths

# What `poll_patterns` lets through is matched in a short time up to here.
MOST_CHARACTERS = 1024


def is_poll(polls: tuple[Poll, ...], method: str, path: str) -> bool:
    """Whether the request is a poll. `path` is below the server's prefix, without query.

    A path that is very long is none; some patterns are for paths of SHORT_CHARACTERS at most.
    """
    if len(path) > MOST_CHARACTERS:
        return False
    pattern = _pattern(polls, method, len(path) <= SHORT_CHARACTERS)
    return pattern is not None and pattern.fullmatch(path) is not None


@lru_cache(maxsize=64)  # methods are the client's words
def _pattern(polls: tuple[Poll, ...], method: str, is_short: bool) -> re.Pattern[str] | None:
    paths = [poll.path for poll in polls if method in poll.methods]
    paths = [path for path in paths if is_short or not is_for_short_paths(path)]
    return re.compile("|".join(f"(?:{path})" for path in paths)) if paths else None
