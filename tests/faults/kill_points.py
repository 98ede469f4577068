"""Where in a launch and in a stop each process is killed: one table, and how its steps are recognised.

Every step is one person's launch, held where the table says by an engine gate, so that one kill
meets all the steps at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """What is killed by SIGKILL."""

    CONTAINER = "container"  # the notebook's first process
    HUB = "hub"
    RECONCILER = "reconciler"
    ENGINE = "engine"
    GATE = "gate"  # who authorises requests to servers
    FRONT = "front"


class Step(StrEnum):
    """How far a launch or a stop has come."""

    # of a launch
    ADMITTED = "admitted"
    PULLED = "pulled"
    SEEDING = "seeding"
    SEEDED = "seeded"
    CREATED = "created"
    INSPECTED = "inspected"
    STARTED = "started"
    ANSWERING = "answering"
    CONFIRMED = "confirmed"
    # of a stop
    ANNOUNCED = "announced"
    STOPPING = "stopping"
    STOPPED = "stopped"
    REMOVED = "removed"
    ENDED = "ended"

    @property
    def of_stop(self) -> bool:
        """Whether the server runs already, and is being stopped."""
        return list(Step).index(self) >= list(Step).index(Step.ANNOUNCED)


@dataclass(frozen=True)
class At:
    """Which call of a launch is held: `kind` as tests/faults/house.py names it, and when."""

    kind: str
    when: str  # before, during or after the engine does it


# Confirmed and ended are no calls: the kill comes as soon as the store says so, from the call before them.
HELD: dict[Step, At] = {
    Step.ADMITTED: At("image", "before"),
    Step.PULLED: At("volume", "before"),
    Step.SEEDING: At("seed", "after"),
    Step.SEEDED: At("create", "before"),
    Step.CREATED: At("create", "after"),
    Step.INSPECTED: At("inspect", "after"),
    Step.STARTED: At("start", "after"),
    Step.ANSWERING: At("running", "after"),
    Step.CONFIRMED: At("running", "after"),
    Step.ANNOUNCED: At("stop", "before"),
    Step.STOPPING: At("stop", "during"),
    Step.STOPPED: At("stop", "after"),
    Step.REMOVED: At("remove", "after"),
    Step.ENDED: At("gone", "after"),
}
# Where a notebook's process is, which could be killed.
ALIVE = {Step.STARTED, Step.ANSWERING, Step.CONFIRMED, Step.ANNOUNCED, Step.STOPPING}

POINTS: tuple[tuple[Victim, Step], ...] = tuple(
    (victim, step) for victim in Victim for step in Step if victim is not Victim.CONTAINER or step in ALIVE
)
