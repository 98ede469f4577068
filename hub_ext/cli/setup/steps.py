"""Progress on stderr: what is going on, and how long it has been."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

# The bootstrap script sets it, so that both count from the same moment.
STARTED_VARIABLE = "HUB_EXT_STARTED"

Say = Callable[[str], None]


class Steps:
    """Prints a sentence for each step, with the seconds since the command was typed."""

    def __init__(self) -> None:
        started = os.environ.get(STARTED_VARIABLE, "")
        self.started = float(started) if started.isdigit() else time.time()

    def __call__(self, sentence: str) -> None:
        """Say that this begins now."""
        print(f"[{time.time() - self.started:4.0f} s] {sentence}", file=sys.stderr, flush=True)


def silent(sentence: str) -> None:
    """For tests and programs that have nobody to tell."""
