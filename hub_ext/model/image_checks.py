"""Trials of image revisions: really started, their own smoke test run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CheckOutcome(StrEnum):
    """How a trial ended. Stored."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    OUT_OF_MEMORY = "out-of-memory"
    TIMED_OUT = "timed-out"
    ERROR = "error"  # engine or registry: nothing is known of the image
    INTERRUPTED = "interrupted"

    @property
    def against_image(self) -> bool:
        """Whether the image itself is to blame."""
        return self in (CheckOutcome.FAILED, CheckOutcome.OUT_OF_MEMORY, CheckOutcome.TIMED_OUT)


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """One trial of a revision. `log` is the end of what it printed, `status` its exit status or -1."""

    id: str
    entry: str
    number: int
    digest: str
    started: datetime
    checked_by: str
    ended: datetime | None = None
    outcome: CheckOutcome = CheckOutcome.RUNNING
    status: int = -1
    log: str = ""
