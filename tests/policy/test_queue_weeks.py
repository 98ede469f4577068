"""Weeks of the line for GPUs: nobody starves, projects get the same, and what was told is kept.

The bound: who is aged waits for no longer than the leases that run then, and those of everybody who was aged
before them, hold their GPUs, and as long again for each GPU that is lost meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hub_ext.model import Gpu, GpuHealth, Lease
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind
from hub_ext.model.queue import Line, ProjectUse, Standing, Waiting, WaitingState
from hub_ext.policy import gpus as shares
from hub_ext.policy.queue import kept_from, places, reasons, turns, waitable

from .test_queue import AGED, HOUR, cards, held
from .worlds import NOW, row

TICK = timedelta(minutes=30)
LONGEST = timedelta(hours=8)  # for which anybody holds a GPU
SLOWEST = 2 * TICK  # from a call to its launch


def fate(seed: int) -> random.Random:
    """The same weeks for the same seed."""
    return random.Random(seed)  # noqa: S311


@dataclass
class Weeks:
    """A site on which requests come and go at random; what must always hold is checked at each tick."""

    chance: random.Random
    gpus: list[Gpu]
    aged_after: timedelta
    load: float
    largest: int
    trouble: bool = True
    now: datetime = NOW
    rows: list[Waiting] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    projects: dict[str, str] = field(default_factory=dict)  # of each lease's launch
    hours: dict[str, float] = field(default_factory=dict)
    patience: dict[str, timedelta] = field(default_factory=dict)  # left to each aged row
    made: int = 0
    longest: timedelta = timedelta()

    def line(self) -> Line:
        own = [lease.launch_id for lease in self.leases]
        projects = {f"p{number}" for number in range(4)}
        now = {slug: sum(self.projects[one] == slug for one in own) for slug in projects}
        return Line(
            tuple(self.rows),
            standings=(Standing("p3", GpuStanding(LimitKind.PROJECT, GpuLimits(held=1), now["p3"])),),
            used=tuple(ProjectUse(slug, self.hours.get(slug, 0.0), now[slug]) for slug in sorted(projects)),
            aged_after=self.aged_after,
        )

    def start(self, project: str, chosen: tuple[tuple[Gpu, int], ...], launch_id: str) -> None:
        until = self.now + TICK * self.chance.randint(1, LONGEST // TICK)
        self.projects[launch_id] = project
        for device, share in chosen:
            assert (device.id, share) not in {(one.gpu_id, one.share) for one in self.leases}
            self.leases.append(Lease(f"{launch_id}{device.id}", device.id, share, launch_id, self.now, until))

    def tick(self) -> None:
        self.now += TICK
        for one in self.leases:
            slug = self.projects[one.launch_id]
            self.hours[slug] = self.hours.get(slug, 0.0) + TICK / HOUR
        self.leases = [one for one in self.leases if one.until is None or one.until > self.now]
        if self.trouble:
            self._trouble()
        self._arrive()
        self._started()
        self._call()

    def _trouble(self) -> None:
        if self.chance.random() < 0.01:  # a GPU is lost, or found again
            spot = self.chance.randrange(len(self.gpus))
            lost = self.gpus[spot].health is GpuHealth.LOST
            self.gpus[spot] = replace(self.gpus[spot], health=GpuHealth.OK if lost else GpuHealth.LOST)
            for one in self.patience:  # what had been kept back on it is gone: one more round of leases
                self.patience[one] += LONGEST
        if self.rows and self.chance.random() < 0.02:
            self.rows.remove(self.chance.choice(self.rows))

    def _arrive(self) -> None:
        while self.chance.random() < self.load / (1 + self.load):
            self.made += 1
            wanted = self.chance.randint(1, self.largest)
            came = replace(row(self.made, f"p{self.chance.randint(0, 3)}", wanted), asked=self.now)
            if self.chance.random() < 0.3:  # who does not wait in line
                kept = kept_from(self.line(), self.gpus, self.leases, self.now, came.server)
                told = reasons(
                    self.line(),
                    tuple(self.gpus),
                    tuple(self.leases),
                    self.now,
                    server=came.server,
                    wanted=wanted,
                )
                chosen = shares.choose(self.gpus, (*self.leases, *kept), wanted)
                assert (chosen is None) == bool(told)
                if chosen:
                    self.start(came.project, chosen, f"lau-{self.made}")
            elif len(self.rows) < 60 and waitable(self.gpus, wanted):
                self.rows.append(came)

    def _started(self) -> None:
        """Some of the called ones get up."""
        for one in [one for one in self.rows if one.state is WaitingState.CALLED]:
            assert one.called is not None
            if self.now - one.called < SLOWEST and self.chance.random() < 0.5:
                continue
            kept = kept_from(self.line(), self.gpus, self.leases, self.now, one.server)
            chosen = shares.choose(self.gpus, (*self.leases, *kept), one.gpus)
            if chosen is None:  # a GPU was lost meanwhile
                assert self.trouble
                continue
            self.start(one.project, chosen, f"lau-{one.id}")
            self.rows.remove(one)
            self.longest = max(self.longest, self.now - one.asked)

    def _call(self) -> None:
        told = turns(self.line(), self.gpus, self.leases, self.now)
        aged = [one for one in told if self.now - one.row.asked >= self.aged_after]
        for turn in told:
            one = turn.row
            if turn.due:
                called = replace(one, state=WaitingState.CALLED, called=self.now)
                self.rows[self.rows.index(one)] = called
            elif turn in aged and one.state is WaitingState.WAITING:
                # At most the leases that run, and then those of everybody who was before.
                before = sum(other.row.asked <= one.asked for other in aged)
                self.patience.setdefault(one.id, (before + 1) * (LONGEST + 2 * SLOWEST))
                if not turn.on_hold:
                    self.patience[one.id] -= TICK
                    assert self.patience[one.id] > timedelta(), f"{one} starves"
        strictly = [one for one in aged if not one.due and not one.on_hold and len(one.kept) < one.row.gpus]
        if strictly and all(device.shares == 1 for device in self.gpus):
            assert not any(one.due for one in told if one not in aged)


@settings(max_examples=25)
@given(
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.integers(1, 2),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_nobody_starves_in_three_weeks_of_anything(seed: int, many: int, each: int, load: float) -> None:
    site = Weeks(fate(seed), list(cards(many, each)), AGED, load, largest=many)
    for _ in range(timedelta(weeks=3) // TICK):
        site.tick()
    assert site.made > 50


def test_projects_that_ask_without_end_get_the_same() -> None:
    """Who asks more often, and for longer, gets no more hours."""
    site = Weeks(fate(3), list(cards(3)), timedelta(weeks=99), 0.0, largest=1, trouble=False)
    number = 0
    for _ in range(timedelta(weeks=4) // TICK):
        for project, many in (("p0", 1), ("p1", 3), ("p2", 9)):
            while sum(one.project == project for one in site.rows) < many:
                number += 1
                site.rows.append(replace(row(number, project), asked=site.now))
        site.tick()
    used = [site.hours[project] for project in ("p0", "p1", "p2")]
    assert sum(used) > 0.8 * 3 * 4 * 7 * 24
    assert max(used) - min(used) <= 2 * LONGEST / HOUR


def test_an_end_that_is_told_is_kept_where_nobody_else_comes() -> None:
    """Everybody's turn comes by the time that was told, when leases run to their ends."""
    site = Weeks(fate(5), list(cards(2)), AGED, 0.0, largest=1, trouble=False)
    site.leases = [held(0, hours=3), held(1, hours=5)]
    site.projects = {"lau-0": "p0", "lau-1": "p1"}
    site.rows = [replace(row(number, "p0"), asked=NOW + number * TICK / 10) for number in range(2)]
    told = {place.row.id: place.by for place in places(site.line(), site.gpus, site.leases, site.now)}
    while site.rows:
        site.tick()
        for one in site.rows:
            by = told[one.id]
            assert by is not None
            assert one.state is WaitingState.CALLED or site.now <= by
