"""What a session is and what stands about it, as its pages and the programs in it read it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from hub_ext.adapters import session_files
from hub_ext.adapters.store import launches, versions
from hub_ext.errors import StoreError
from hub_ext.expression.session_facts import facts_json, facts_tree
from hub_ext.flows import blocks, grants, idle_warnings, session_warnings
from hub_ext.flows.launch import session
from hub_ext.flows.site import Site
from hub_ext.model import BlockKind, BlockScope, Launch, LaunchState, StopReason
from hub_ext.policy.idle import Warn
from hub_ext.settings import Settings
from tests.flows.conftest import Clock
from tests.support import scenario as scenarios
from tests.support.scenario import STEWARD, Scenario

DIGEST = "sha256:" + "a" * 64


@pytest_asyncio.fixture
async def ada(site: Site, clock: Clock, roots: Path, settings: Settings) -> AsyncIterator[Scenario]:
    """The scenario; admissions ask the real engine, no container is made."""
    own = replace(site, settings=replace(site.settings, engine_url=settings.engine_url, disk_reserve_bytes=0))
    try:
        yield await scenarios.build(own, roots, {"answer": DIGEST})
    finally:
        own.engine.close()


async def running(ada: Scenario) -> Launch:
    plan = await ada.admitted(datasets=("mri", "table"), server_name="two")
    with ada.site.store.transaction() as tx:
        launch = replace(launches.get(tx, plan.launch_id), state=LaunchState.RUNNING, started=ada.site.now())
        launches.replace(tx, launch)
    return launch


def read(ada: Scenario, launch: Launch) -> session_warnings.Session:
    found = session_warnings.read(ada.site, launch.id)
    assert found is not None
    return found


async def test_the_facts_are_those_of_the_launch_and_of_nobody_else(ada: Scenario) -> None:
    launch = await running(ada)
    shown = facts_tree(read(ada, launch).facts)
    assert shown == {
        "format": 1,
        "launch": launch.id,
        "server_name": "two",
        "project": {"slug": "onco", "title": {"en": "onco study", "fr": "étude onco"}},
        "environment": {
            "slug": "answer",
            "title": shown["environment"]["title"],
            "revision": 1,
            "digest": DIGEST,
        },
        "datasets": [
            {
                "slug": slug,
                "title": {"en": f"{slug} in English", "fr": f"{slug} en français"},
                "version": 1,
                "folder": f"/data/{slug}",
            }
            for slug in ("mri", "table")
        ],
        "size": {"slug": "s", "title": {"en": "Small: 1 CPU, 2 GiB", "fr": "Petite : 1 CPU, 2 Gio"}},
        "cpus": 1.0,
        "mem_bytes": 2 * 1024**3,
        "gpus": 0,
        "started": "2026-05-04T08:00:00Z",
        "end": {
            "at": "2027-05-04T08:00:00Z",
            "why": {
                "en": 'your place in the project "onco" ends; the access to "mri" ends; '
                'the access to "table" ends',
                "fr": "votre place dans le projet « onco » prend fin ; l’accès à « mri » prend fin ; "
                "l’accès à « table » prend fin",
            },
        },
        "idle_seconds": launch.idle_seconds,
        "busy_ceiling_seconds": ada.site.settings.busy_ceiling_seconds,
        "kept": [
            {
                "kind": kind,
                "folder": folder,
                "allowed_bytes": getattr(ada.site.settings, f"{kind}_bytes"),
                "used_bytes": None,
            }
            for kind, folder in (("home", "/home/jovyan"), ("project", "/project"))
        ],
    }
    text = facts_json(read(ada, launch).facts)
    for secret in (str(ada.site.settings.state_dir), str(ada.site.settings.dataset_roots[0]), "bob", "carol"):
        assert secret not in text
    with ada.site.store.reading() as tx:
        mounted = versions.listing(tx, ids=launch.version_ids)
    assert len(mounted) == 2
    assert not [version for version in mounted if version.manifest_digest in text or version.folder in text]


async def test_the_file_holds_the_facts_of_its_moment(ada: Scenario) -> None:
    plan = await ada.admitted()
    folder = Path(session.write_file(ada.site, plan.launch_id))
    assert folder == ada.site.settings.sessions_dir / plan.launch_id
    shown = json.loads((folder / session_files.FILE).read_text(encoding="utf-8"))
    assert (shown["launch"], shown["started"]) == (plan.launch_id, "2026-05-04T08:00:00Z")
    assert [dataset["slug"] for dataset in shown["datasets"]] == ["mri"]


async def test_an_earlier_end_is_the_end(ada: Scenario, clock: Clock) -> None:
    launch = await running(ada)
    assert read(ada, launch).warnings.end is None
    grants.revoke_grant(ada.site, STEWARD, ada.grants["mri>onco"], "the committee asked")
    found = read(ada, launch)
    assert found.facts.end is not None
    assert found.facts.end.at == clock()
    assert [reason.subject for reason in found.facts.end.reasons] == ["mri"]
    assert found.warnings.end == found.facts.end


async def test_a_warning_stands_until_its_person_asks_for_more_time(ada: Scenario, clock: Clock) -> None:
    launch = await running(ada)
    assert read(ada, launch).warnings.stop.reason is None
    idle_warnings.write_down(ada.site, [(launch, Warn(StopReason.IDLE, clock.later(minutes=20)))])
    stop = read(ada, launch).warnings.stop
    assert (stop.reason, stop.at, stop.left) == (StopReason.IDLE, clock.later(minutes=20), 3)
    idle_warnings.extend(ada.site, ada.plan_actor, launch.id)
    stop = read(ada, launch).warnings.stop
    assert (stop.reason, stop.left, stop.extended_until) == (None, 2, clock.later(minutes=20 + 120))


@pytest.mark.parametrize(
    ("scope", "subject", "told"),
    [
        (BlockScope.PERSON, "ada", True),
        (BlockScope.PROJECT, "onco", True),
        (BlockScope.EVERYTHING, "", True),
        (BlockScope.PERSON, "bob", False),
        (BlockScope.PROJECT, "neuro", False),
    ],
)
async def test_blocks_are_told_to_whom_they_concern(
    ada: Scenario, clock: Clock, scope: BlockScope, subject: str, told: bool
) -> None:
    launch = await running(ada)
    wanted = blocks.Wanted(BlockKind.DRAIN, scope, subject, "a new disk", end_by=clock.later(days=1))
    blocks.add(ada.site, STEWARD, wanted)
    shown = read(ada, launch).warnings.blocks
    assert [notice.end_by for notice in shown] == ([clock.later(days=1)] if told else [])


async def test_what_has_ended_is_no_session_and_what_is_unknown_is_an_error(ada: Scenario) -> None:
    launch = await running(ada)
    with ada.site.store.transaction() as tx:
        launches.replace(tx, replace(launch, state=LaunchState.ENDED, ended=ada.site.now()))
    assert session_warnings.read(ada.site, launch.id) is None
    assert session_warnings.read(ada.site, "lau-never") is None
    ada.site.store.close()
    ada.site.settings.state_dir.joinpath("store.sqlite").write_bytes(b"nonsense")
    with pytest.raises(StoreError):
        session_warnings.read(ada.site, launch.id)
