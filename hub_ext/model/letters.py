"""Letters to people who must act: that something waits, never what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LetterKind(StrEnum):
    """What a letter says. Stored."""

    REQUEST_WAITS = "request-waits"
    REQUEST_ASKED_BACK = "request-asked-back"
    REQUEST_DECIDED = "request-decided"
    PROPOSAL_WAITS = "proposal-waits"
    PROPOSAL_DECIDED = "proposal-decided"
    GRANT_ENDS = "grant-ends"
    GPU_LOST = "gpu-lost"
    QUEUE_STARTED = "queue-started"
    QUEUE_FAILED = "queue-failed"


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the outbox. `path` is the console's page that it leads to, and names nobody.

    `due` is when it is tried next; `sent` or `given_up` close it. `problem` is the server's last code.
    """

    id: str
    kind: LetterKind
    person_id: str
    path: str
    created: datetime
    due: datetime
    tries: int = 0
    sent: datetime | None = None
    given_up: datetime | None = None
    problem: str = ""
