"""The line for GPUs: who waits for how many, and what each one's turn hangs on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hub_ext.model.gpu_limits import GpuStanding, LimitKind
from hub_ext.model.reasons import Reason


class WaitingState(StrEnum):
    """Where a request in line stands. Stored.

    waiting    for its turn
    called     its GPUs are kept for it, and its server is being started
    started    its launch was admitted
    cancelled  by its person or by an operator
    failed     its turn came, and its server could not be started
    """

    WAITING = "waiting"
    CALLED = "called"
    STARTED = "started"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def living(self) -> bool:
        """Whether it still stands in line."""
        return self in (WaitingState.WAITING, WaitingState.CALLED)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request in line: whose server, and the whole choice with which it is started.

    `calls` is how often its turn came, `why` for which reasons it failed, `said` what the operator said who
    cancelled it. At most one living row for each server of a person.
    """

    id: str
    person_id: str
    username: str
    server_name: str
    project: str
    node: str
    environment: str
    datasets: tuple[str, ...]
    size: str
    gpus: int
    state: WaitingState
    asked: datetime
    called: datetime | None = None
    calls: int = 0
    launch_id: str = ""
    ended: datetime | None = None
    why: tuple[Reason, ...] = ()
    said: str = ""

    @property
    def server(self) -> tuple[str, str]:
        """Whose server, and which."""
        return self.person_id, self.server_name

    def holder(self, kind: LimitKind) -> str:
        """Whose limits of that kind hold for it."""
        return self.person_id if kind is LimitKind.PERSON else self.project


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person or project stands with their GPUs. `whose` is a person's id or a project's slug."""

    whose: str
    standing: GpuStanding


@dataclass(frozen=True, slots=True)
class ProjectUse:
    """GPU-hours that a project has held this month, and how many leases it holds now."""

    project: str
    hours: float
    held: int


@dataclass(frozen=True, slots=True)
class Line:
    """Everybody who stands in line for the GPUs of one node, and what their turns hang on.

    `standings` and `used` are of the persons and projects in line; whoever is missing there has no limits,
    and has used nothing. `resting` are the ids of rows that wait for something else first: for their own
    server, which runs without them, to stop; for their person's servers of another project to stop, where a
    person has servers of one project at a time; or for operators to lift what they have stopped.
    Who has waited for `aged_after` goes strictly first.
    """

    rows: tuple[Waiting, ...] = ()
    standings: tuple[Standing, ...] = ()
    used: tuple[ProjectUse, ...] = ()
    resting: frozenset[str] = frozenset()
    aged_after: timedelta = timedelta(hours=12)

    def standings_of(self, row: Waiting) -> tuple[GpuStanding, ...]:
        """Those of its person and of its project."""
        return tuple(one.standing for one in self.standings if one.whose == row.holder(one.standing.kind))
