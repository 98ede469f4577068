"""Trials of image revisions: really started, their own smoke test run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.phrase import Phrase


class CheckOutcome(StrEnum):
    """How a trial ended. Stored."""

    RUNNING = "running"
    PASSED = "passed"
    NO_SMOKE_TEST = "no-smoke-test"  # its server answers, and there is nothing else to try
    FAILED = "failed"
    NO_SERVER = "no-server"
    OUT_OF_MEMORY = "out-of-memory"
    TIMED_OUT = "timed-out"
    ERROR = "error"  # engine or registry: nothing is known of the image
    INTERRUPTED = "interrupted"

    @property
    def for_image(self) -> bool:
        """Whether the image may be used, by what was tried of it."""
        return self in (CheckOutcome.PASSED, CheckOutcome.NO_SMOKE_TEST)

    @property
    def against_image(self) -> bool:
        """Whether the image itself is to blame."""
        return self in (
            *(CheckOutcome.FAILED, CheckOutcome.NO_SERVER),
            *(CheckOutcome.OUT_OF_MEMORY, CheckOutcome.TIMED_OUT),
        )


# What says something of the image; a trial that was interrupted takes back nothing that was found before.
VERDICTS = tuple(outcome for outcome in CheckOutcome if outcome.for_image or outcome.against_image)


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


class CheckRunner(StrEnum):
    """Which program is at a trial. Stored."""

    CONSOLE = "console"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class CheckRun:
    """Who is at a trial, and when they last said so. `why`: fact and advice of what failed of ours."""

    check_id: str
    runner: CheckRunner
    seen: datetime
    why: tuple[Phrase, ...] = ()
