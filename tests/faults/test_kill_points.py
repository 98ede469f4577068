"""Each process killed at each step of a launch and of a stop: within a minute all is as if it had not been.

One kill meets all steps at once, each with a launch of its own; what became of each is judged by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hub_ext.adapters.store import audit
from hub_ext.flows.reconcile import Mend, launch_of
from hub_ext.model import Launch, LaunchState, Verb
from tests.faults.house import STRAY, House
from tests.faults.kill_points import POINTS, Step, Victim


@dataclass
class Killed:
    """What became of everybody's launch, once store, engine and Hub agreed again."""

    house: House
    before: dict[Step, Launch]
    after: dict[Step, Launch]
    disagreements: list[str]


@pytest.fixture(scope="module")
def killed(house: House) -> dict[Victim, Killed]:
    """By victim, made when a point first asks for it."""
    return {}


def _kill(house: House, victim: Victim) -> Killed:
    house.stop_all()
    house.bring_all_to_their_steps()
    before = {step: house.launch(step) for step in Step}
    house.kill(victim)
    seconds, disagreements = house.wait_agreed()
    print(f"{victim} killed: {'; '.join(disagreements) or 'agreed'} after {seconds:.1f} s")
    return Killed(house, before, {step: house.launch(step) for step in Step}, disagreements)


@pytest.mark.parametrize(("victim", "step"), POINTS, ids=[f"{victim}-{step}" for victim, step in POINTS])
def test_killed_there(house: House, killed: dict[Victim, Killed], victim: Victim, step: Step) -> None:
    if victim not in killed:
        killed[victim] = _kill(house, victim)
    found = killed[victim]
    assert found.disagreements == []
    before, after = found.before[step], found.after[step]
    assert before.id == after.id
    assert house.untold(after) == ""
    if step.of_stop:
        assert after.state is LaunchState.ENDED
        assert after.stop_reason == "stopped-by-person"
    if step in (Step.STOPPED, Step.REMOVED, Step.ENDED):
        # Known from before the kill, also where the container is gone by now.
        assert after.outcome == "exit status 0"


def test_a_mend_that_was_begun_is_done_and_told_once(house: House, killed: dict[Victim, Killed]) -> None:
    """The reconciler was killed between the record of a mend and the mend."""
    assert Victim.RECONCILER in killed
    with house.site.store.reading() as tx:
        (told,) = audit.listing(tx, subject=STRAY, verb=Verb.RECONCILE_MENDED)
    assert told.facts["mend"] == Mend.CONTAINER_REMOVED
    assert STRAY not in {launch_of(container) for container in house.containers()}
