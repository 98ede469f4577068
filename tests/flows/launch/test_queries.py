"""What a start and its form ask of the store: a few statements, however much else is in it."""

from __future__ import annotations

from dataclasses import replace

from hub_ext.adapters.store import images, launches, memberships, persons, projects, revisions
from hub_ext.flows.launch import choices
from hub_ext.model import ImageState, LaunchState, MemberRole, Membership
from tests.support.scenario import Scenario
from tests.support.statements import statements

MANY = 200


def grow(scenario: Scenario) -> None:
    """Other people's projects and launches, and many more entries, revisions among them."""
    with scenario.site.store.transaction() as tx:
        entry, project = images.get(tx, "answer"), projects.get(tx, "neuro")
        known = revisions.get(tx, "answer", 1)
        launch = next(one for one in launches.listing(tx))
        for number in range(MANY):
            state = ImageState.PUBLISHED if number % 2 else ImageState.RETIRED
            images.add(tx, replace(entry, slug=f"more-{number}", state=state, version=1))
            revisions.add(tx, replace(known, entry=f"more-{number}"))
            other = replace(
                scenario.carol,
                id=f"per-{number}",
                subject=f"s{number}",
                username=f"u{number}",
                uid=70_000 + number,
            )
            persons.add(tx, other)
            projects.add(tx, replace(project, slug=f"study-{number}", gid=80_000 + number))
            place = (f"mem-{number}", other.id, f"study-{number}")
            memberships.add(tx, Membership(*place, MemberRole.MEMBER, scenario.site.now(), project.created))
            past = replace(launch, id=f"lau-{number}", person_id=other.id, project=f"study-{number}")
            launches.add(tx, replace(past, state=LaunchState.ENDED, volume_ids=(), version_ids=()))


async def _counts(scenario: Scenario) -> tuple[int, int]:
    with statements(scenario.site.store._engine) as of_admission:
        await scenario.refused(gpus=7)
    with statements(scenario.site.store._engine) as of_form:
        await choices(scenario.site, scenario.ada.id, "other", groups=frozenset())
    return len(of_admission), len(of_form)


async def test_they_do_not_grow_with_what_others_have(scenario: Scenario) -> None:
    await scenario.admitted()
    await _counts(scenario)
    few = await _counts(scenario)
    grow(scenario)
    assert await _counts(scenario) == few
    assert few[0] <= 40
    assert few[1] <= 60
