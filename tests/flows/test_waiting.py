"""What waits for whom: each sees what they may act on, and nothing of their own making to decide on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.store import gpus, images, launches, leases, revisions
from hub_ext.flows import data, grants, people, requests
from hub_ext.flows.duties import duties_of_username
from hub_ext.flows.site import Site, open_site
from hub_ext.flows.waiting import Waiting, waiting
from hub_ext.model import (
    Actor,
    ActorKind,
    DatasetClass,
    Gpu,
    ImageRevision,
    ImageState,
    Launch,
    LaunchState,
    Lease,
    Localised,
    SiteRole,
)
from hub_ext.model.image_checks import CheckOutcome
from hub_ext.model.requests import AccessRequest
from hub_ext.settings import Settings
from tests.support.image_checks import ended
from tests.support.scenario import STEWARD, Scenario, build

WORDS = Localised("x", "x")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Scenario]:
    (tmp_path / "state").mkdir()
    site = open_site(Settings(tmp_path / "state", dataset_roots=(tmp_path / "data",)))
    scenario = asyncio.run(build(site, tmp_path / "data", {"answer": f"sha256:{'0' * 64}"}))
    for name, role in (("cora", SiteRole.CURATOR), ("stella", SiteRole.STEWARD)):
        people.add_person(site, STEWARD, issuer="demo", subject=name, username=name, roles=(role,))
    data.register_dataset(site, STEWARD, "echo", WORDS, WORDS, DatasetClass.CODED)
    yield scenario
    site.close()


def of(site: Site, username: str) -> Waiting:
    known = duties_of_username(site, username, frozenset(SiteRole), ())
    assert known
    return waiting(site, known.duties)


def test_nothing_waits_at_first(made: Scenario) -> None:
    assert [of(made.site, name) for name in ("ada", "cora", "stella")] == [Waiting()] * 3


def test_a_request_waits_for_the_steward_and_is_shown_to_who_asked(made: Scenario) -> None:
    ada = Actor(ActorKind.PERSON, made.ada.id)
    asked = requests.ask_access(made.site, ada, "echo", "onco", "to compare")
    assert isinstance(asked, AccessRequest)
    assert [told.request.id for told in of(made.site, "stella").decisions] == [asked.id]
    assert [told.request.id for told in of(made.site, "ada").own] == [asked.id]
    assert of(made.site, "ada").decisions == of(made.site, "cora").decisions == ()
    people.change_person(made.site, STEWARD, made.ada.id, roles=(SiteRole.STEWARD,))
    assert of(made.site, "ada").decisions == (), "nobody decides on their own"


def test_a_newer_revision_waits_for_the_curator(made: Scenario) -> None:
    with made.site.store.transaction() as tx:
        revisions.add(tx, ImageRevision("answer", 2, f"sha256:{'1' * 64}", made.site.now(), "tester"))
    assert [(one.entry.slug, one.newest) for one in of(made.site, "cora").behind] == [("answer", 2)]
    assert of(made.site, "stella").behind == ()
    with made.site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        images.replace(tx, replace(entry, revision=2), expected_version=entry.version)
    assert of(made.site, "cora").behind == ()


def test_failed_checks_of_what_starts_or_is_newest_wait_for_the_curator(made: Scenario) -> None:
    site = made.site
    with site.store.transaction() as tx:
        for number in (2, 3):
            revisions.add(tx, ImageRevision("answer", number, f"sha256:{str(number) * 64}", site.now(), "t"))

    def failed() -> list[tuple[str, int]]:
        return [(check.entry, check.number) for check in of(site, "cora").failed]

    for number in (1, 2, 3):
        ended(site, "answer", CheckOutcome.FAILED, number)
    assert failed() == [("answer", 1), ("answer", 3)], "nobody starts the second, and nobody is to"
    assert of(site, "stella").failed == ()
    ended(site, "answer", CheckOutcome.PASSED, 3)
    assert failed() == [("answer", 1)], "another revision that passes changes nothing for this one"
    ended(site, "answer", CheckOutcome.INTERRUPTED, 1)
    ended(site, "answer", CheckOutcome.ERROR, 1)
    assert failed() == [("answer", 1)], "nor does one that found out nothing"
    ended(site, "answer", CheckOutcome.NO_SMOKE_TEST, 1)
    assert failed() == []
    for outcome in (CheckOutcome.NO_SERVER, CheckOutcome.OUT_OF_MEMORY, CheckOutcome.TIMED_OUT):
        ended(site, "answer", outcome, 1)
        assert failed() == [("answer", 1)]
        ended(site, "answer", CheckOutcome.PASSED, 1)
    ended(site, "answer", CheckOutcome.FAILED, 1)
    with site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        images.replace(tx, replace(entry, state=ImageState.RETIRED), expected_version=entry.version)
    assert failed() == []


def test_a_grant_that_ends_soon_waits_for_the_steward(made: Scenario) -> None:
    soon = made.site.now() + timedelta(days=3)
    given = grants.add_grant(made.site, STEWARD, "echo", "onco", valid_until=soon)
    assert [one.grant.id for one in of(made.site, "stella").endings] == [given.grant.id]
    assert of(made.site, "cora").endings == ()


def test_a_lost_gpu_is_told_to_its_holder_and_to_operators(made: Scenario) -> None:
    site, now = made.site, made.site.now()
    people.add_person(
        site, STEWARD, issuer="demo", subject="otto", username="otto", roles=(SiteRole.OPERATOR,)
    )
    launch = Launch(
        *("lau-1", "server", made.ada.id, "ada", "", "onco", "local", "answer", 1, f"sha256:{'0' * 64}"),
        *((), (), "s", 1, 2**30, 1.0, 60, LaunchState.RUNNING, now),
    )
    gpu = Gpu("GPU-1", "local", "nvidia.com/gpu=1", "H100", 0, now)
    lease = Lease("lea-1", gpu.id, 0, launch.id, now)
    with site.store.transaction() as tx:
        gpus.add(tx, gpu)
        launches.add(tx, launch)
        leases.add(tx, lease)
    assert not of(site, "otto").lost
    with site.store.transaction() as tx:
        leases.replace(tx, replace(lease, lost=now))
    for name in ("ada", "otto"):
        assert [(one.gpu, one.launch) for one in of(site, name).lost] == [(gpu, launch)]
    assert of(site, "bob").lost == of(site, "stella").lost == ()
    with site.store.transaction() as tx:
        leases.end(tx, launch.id, now)
    assert not of(site, "otto").lost
