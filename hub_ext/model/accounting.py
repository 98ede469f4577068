"""What was held for how long, and the accounts made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the site's calendar."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not (1 <= self.number <= 12 and 2000 <= self.year <= 9000):
            raise ValueError(f"{self.year}-{self.number} is no month")

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    def plus(self, months: int) -> Month:
        """That many months later; earlier where negative."""
        year, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, number + 1)


@dataclass(frozen=True, slots=True)
class HeldServer:
    """The time from the start of a launch's container to its end; `until` None: it still runs."""

    person_id: str
    project: str
    since: datetime
    until: datetime | None
    cpus: float
    mem_bytes: int


@dataclass(frozen=True, slots=True)
class HeldGpu:
    """The time of a lease; `until` None: it is held. `part` of the device: 1.0 where nobody may share it.

    `idle_share` is the share of the time watched in which the device computed nothing; None: never watched.
    """

    person_id: str
    project: str
    since: datetime
    until: datetime | None
    part: float = 1.0
    idle_share: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What one person's servers in one project held in one month, whether they used it or not.

    `gpu_idle_hours` are those GPU-hours of which it was seen that the device computed nothing.
    """

    month: Month
    project: str
    person_id: str
    starts: int = 0
    cpu_hours: float = 0.0
    mem_gib_hours: float = 0.0
    gpu_hours: float = 0.0
    gpu_idle_hours: float = 0.0
