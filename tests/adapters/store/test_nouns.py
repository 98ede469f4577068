"""Every noun goes in and comes out as it was, in both databases."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from hub_ext.adapters import store as nouns
from hub_ext.adapters.store import (
    Store,
    datasets,
    exposures,
    gpus,
    grants,
    images,
    launches,
    leases,
    memberships,
    nodes,
    persons,
    projects,
    revisions,
    versions,
    volumes,
)
from hub_ext.adapters.store.table_parts import metadata
from hub_ext.errors import Conflict, NotFound, StoreError
from hub_ext.model import ImageEntry, ImageState, LaunchState, VersionState, VolumeKind
from tests.adapters.store.samples import (
    DATASET,
    EVERY,
    EXPOSURE,
    GPU,
    GRANT,
    IMAGE,
    LATER,
    LAUNCH,
    LEASE,
    MEMBERSHIP,
    NODE,
    NOW,
    PERSON,
    PROJECT,
    REVISION,
    SPONSOR,
    SUCCESSOR,
    VERSION,
    VOLUME,
    add_all,
    filled,
    launch,
)


def test_every_field_survives(store: Store) -> None:
    with store.transaction() as tx:
        for module, value, key in EVERY:
            assert module.find(tx, *key) is None
            module.add(tx, value)
    with store.reading() as tx:
        for module, value, key in EVERY:
            assert module.find(tx, *key) == value
            if module is not exposures:
                assert module.get(tx, *key) == value


def test_samples_leave_no_field_at_its_default() -> None:
    """Else the test above would not see a field that is lost."""
    for _, value, _ in EVERY:
        if value in (SPONSOR, SUCCESSOR):
            continue
        for field in fields(value):
            # The launch's server name is "" because that is the Hub's name of the default server.
            if field.default is not field.default_factory and field.name not in ("server_name", "node"):
                assert getattr(value, field.name) != field.default or field.name == "version", field.name


@pytest.mark.parametrize(("module", "value", "key"), EVERY, ids=lambda part: getattr(part, "__name__", ""))
def test_columns_are_the_fields(module: ModuleType, value: Any, key: object) -> None:
    table = metadata.tables[module.__name__.rpartition(".")[2]]
    assert [column.name for column in table.columns] == [field.name for field in fields(value)]


def test_unknown_keys(store: Store) -> None:
    with store.transaction() as tx:
        for module, value, key in EVERY:
            if module is exposures:
                continue
            with pytest.raises(NotFound, match=str(key[0])):
                module.get(tx, *key)
            if module is images:
                with pytest.raises(NotFound):
                    images.replace(tx, value, expected_version=1)
            elif hasattr(module, "replace"):
                with pytest.raises(NotFound):
                    module.replace(tx, value)
        with pytest.raises(NotFound):
            revisions.mark_published(tx, "python", 1, NOW)


def test_duplicates_conflict_and_the_transaction_goes_on(store: Store) -> None:
    with store.transaction() as tx:
        add_all(tx)
        for module, value, _ in EVERY:
            if module is not exposures:
                with pytest.raises(Conflict):
                    module.add(tx, value)
        projects.add(tx, replace(PROJECT, slug="cardio", gid=projects.next_gid(tx)))
    with store.reading() as tx:
        assert projects.get(tx, "cardio").gid == 60001


def test_nothing_refers_to_what_is_not_there(store: Store) -> None:
    alone = [MEMBERSHIP, VERSION, GRANT, REVISION, GPU, LAUNCH, LEASE, VOLUME, PERSON, IMAGE]
    with store.transaction() as tx:
        for module, value, _ in EVERY:
            if value in alone:
                with pytest.raises(NotFound, match="does not exist"):
                    module.add(tx, value)


@pytest.mark.parametrize(
    "change", [{"issuer": "https://idp", "subject": "s-2"}, {"uid": 20001}], ids=["sign-in", "uid"]
)
def test_persons_are_unique(store: Store, change: dict[str, Any]) -> None:
    fresh: dict[str, Any] = {"id": "per-9", "subject": "s-9", "uid": 20009}
    other = replace(SPONSOR, **(fresh | change))
    with store.transaction() as tx:
        add_all(tx)
        with pytest.raises(Conflict, match="|".join(change)):
            persons.add(tx, other)
        persons.add(tx, replace(other, subject="s-10", uid=20010))


def test_replace_updates_one(store: Store) -> None:
    with filled(store).transaction() as tx:
        persons.replace(tx, replace(PERSON, display_name="(erased)", email="", roles=(), ended=None))
        with pytest.raises(Conflict, match="uid"):
            persons.replace(tx, replace(PERSON, uid=SPONSOR.uid))
    with store.reading() as tx:
        assert persons.get(tx, "per-2").display_name == "(erased)"
        assert persons.get(tx, "per-2").roles == ()
        assert persons.get(tx, "per-1") == SPONSOR


def test_persons_are_found(store: Store) -> None:
    with store.transaction() as tx:
        assert persons.next_uid(tx) == 20000
        add_all(tx)
        assert persons.next_uid(tx) == 20002
        assert persons.find_sign_in(tx, "https://idp", "s-2") == PERSON
        assert persons.find_sign_in(tx, "https://other", "s-2") is None
        assert persons.find_username(tx, "anne") is None  # has ended
        living = replace(PERSON, id="per-3", subject="s-3", uid=20002, ended=None)
        persons.add(tx, living)
        later = replace(living, id="per-4", subject="s-4", uid=20003, created=LATER)
        persons.add(tx, later)
        assert persons.find_username(tx, "anne") == later
        assert persons.listing(tx) == (PERSON, living, later, SPONSOR)
        assert persons.listing(tx, ids=["per-1"]) == (SPONSOR,)
        assert persons.listing(tx, ids=[]) == ()


def test_listings_filter(store: Store) -> None:
    with filled(store).reading() as tx:
        assert memberships.listing(tx, person_id="per-2", project="onco") == (MEMBERSHIP,)
        assert memberships.listing(tx, person_id="per-1") == memberships.listing(tx, project="x") == ()
        assert nouns.approvals.listing(tx, project="onco") == nouns.approvals.listing(tx)
        assert nouns.approvals.listing(tx, project="x") == ()
        assert datasets.listing(tx, slugs=["mri", "x"]) == datasets.listing(tx) == (DATASET,)
        assert datasets.listing(tx, slugs=[]) == ()
        assert projects.listing(tx, slugs=["onco"]) == projects.listing(tx) == (PROJECT,)
        assert grants.listing(tx, project="onco", dataset="mri") == grants.listing(tx) == (GRANT,)
        assert grants.listing(tx, project="x") == grants.listing(tx, dataset="x") == ()
        assert gpus.listing(tx, node="local") == (GPU,)
        assert gpus.listing(tx, node="x") == ()
        assert nodes.listing(tx) == (NODE,)
        assert revisions.listing(tx, "python") == revisions.listing(tx) == (REVISION,)
        assert revisions.listing(tx, "python-2") == ()
        assert volumes.listing(tx, node="local", project="onco", ids=["vol-1"]) == (VOLUME,)
        assert volumes.listing(tx, node="x") == volumes.listing(tx, project="x") == ()
        assert exposures.listing(tx, volume_id="vol-1", dataset="mri") == (EXPOSURE,)
        assert exposures.listing(tx, volume_ids=["vol-1"]) == exposures.listing(tx) == (EXPOSURE,)
        assert exposures.listing(tx, dataset="x") == exposures.listing(tx, volume_ids=[]) == ()


def test_versions_have_one_current(store: Store) -> None:
    second = replace(VERSION, id="ver-2", number=2, state=VersionState.CURRENT)
    with filled(store).transaction() as tx:
        assert versions.current(tx, "mri") is None
        versions.add(tx, second)
        assert versions.current(tx, "mri") == second
        with pytest.raises(Conflict):
            versions.add(tx, replace(second, id="ver-3", number=3))
        with pytest.raises(Conflict, match="number"):
            versions.add(tx, replace(VERSION, id="ver-3", number=2))
        assert versions.listing(tx, dataset="mri") == (VERSION, second)
        assert versions.listing(tx, datasets=["mri", "x"]) == (VERSION, second)
        assert versions.listing(tx, ids=["ver-2"]) == (second,)
        versions.replace(tx, replace(second, state=VersionState.WITHDRAWN))
        assert versions.current(tx, "mri") is None


def test_images_refuse_a_stale_edit(store: Store) -> None:
    with filled(store).transaction() as tx:
        stored = images.replace(tx, replace(IMAGE, tag="new"), expected_version=1)
        assert stored == images.get(tx, "python") == replace(IMAGE, tag="new", version=2)
        with pytest.raises(Conflict, match="meanwhile"):
            images.replace(tx, replace(IMAGE, tag="mine"), expected_version=1)
        assert images.get(tx, "python") == stored


def test_images_by_state_and_project(store: Store) -> None:
    def slugs(found: tuple[ImageEntry, ...]) -> list[str]:
        return [entry.slug for entry in found]

    with filled(store).reading() as tx:
        assert slugs(images.listing(tx)) == ["python", "python-2"]
        assert slugs(images.listing(tx, states=[ImageState.DRAFT])) == ["python-2"]
        assert slugs(images.listing(tx, project="onco")) == ["python", "python-2"]
        assert slugs(images.listing(tx, project="cardio")) == ["python-2"]


def test_revisions_are_numbered_and_published(store: Store) -> None:
    with filled(store).transaction() as tx:
        assert revisions.next_number(tx, "python") == 2
        assert revisions.next_number(tx, "python-2") == 1
        revisions.add(tx, replace(REVISION, number=2, published=None))
        revisions.mark_published(tx, "python", 2, LATER)
        assert revisions.get(tx, "python", 2).published == LATER


def test_a_share_has_one_active_lease(store: Store) -> None:
    held = replace(LEASE, id="lea-2", ended=None, until=None)
    with filled(store).transaction() as tx:
        leases.add(tx, held)
        with pytest.raises(Conflict, match="share"):
            leases.add(tx, replace(held, id="lea-3"))
        leases.add(tx, replace(held, id="lea-3", share=0, since=LATER))
        assert [lease.id for lease in leases.active(tx)] == ["lea-2", "lea-3"]
        assert len(leases.active(tx, node="local", launch_id="lau-1")) == 2
        assert leases.active(tx, node="x") == leases.active(tx, launch_id="x") == ()
        ended = leases.end(tx, "lau-1", LATER)
        assert [(lease.id, lease.ended) for lease in ended] == [("lea-2", LATER), ("lea-3", LATER)]
        assert leases.end(tx, "lau-1", LATER + timedelta(days=1)) == leases.active(tx) == ()
        leases.add(tx, replace(held, id="lea-4"))
        assert len(leases.listing(tx, launch_id="lau-1")) == 4
        assert leases.get(tx, "lea-1") == LEASE


def test_volumes_are_found_while_they_live(store: Store) -> None:
    home = replace(VOLUME, id="vol-2", name="hx-vol-2", ended=None)
    folder = replace(home, id="vol-3", name="hx-vol-3", kind=VolumeKind.PROJECT, person_id=None)
    with filled(store).transaction() as tx:
        assert volumes.find_home(tx, "local", "onco", "per-2") is None
        assert volumes.find_project(tx, "local", "onco") is None
        volumes.add(tx, home)
        volumes.add(tx, folder)
        assert volumes.find_home(tx, "local", "onco", "per-2") == home
        assert volumes.find_home(tx, "local", "onco", "per-1") is None
        assert volumes.find_project(tx, "local", "onco") == folder
        for second in (replace(home, id="vol-4", name="n"), replace(folder, id="vol-4", name="n")):
            with pytest.raises(Conflict, match="project"):
                volumes.add(tx, second)
        with pytest.raises(Conflict, match="name"):
            volumes.add(tx, replace(VOLUME, id="vol-4"))


def test_an_exposure_keeps_its_first_time(store: Store) -> None:
    with filled(store).transaction() as tx:
        assert not exposures.add(tx, replace(EXPOSURE, first=LATER))
        assert exposures.listing(tx) == (EXPOSURE,)
        versions.add(tx, replace(VERSION, id="ver-2", number=2))
        assert exposures.add(tx, replace(EXPOSURE, version_id="ver-2", first=LATER))
        assert len(exposures.listing(tx, volume_id="vol-1")) == 2


def test_launches_newest_first(store: Store) -> None:
    with filled(store).transaction() as tx:
        launches.add(tx, launch(2, server_name="b"))
        launches.add(tx, launch(3, state=LaunchState.ENDED))
        launches.add(tx, launch(4, state=LaunchState.FAILED, person_id="per-1"))

        def ids(**filters: Any) -> list[str]:
            return [found.id for found in launches.listing(tx, **filters)]

        assert ids() == ["lau-4", "lau-3", "lau-2", "lau-1"]
        assert ids(limit=2) == ["lau-4", "lau-3"]
        assert ids(active=True) == ["lau-2", "lau-1"]
        assert ids(active=False) == ["lau-4", "lau-3"]
        assert ids(person_id="per-1") == ["lau-4"]
        assert ids(person_id="per-2", project="onco", node="local", active=True) == ["lau-2", "lau-1"]
        assert ids(project="x") == ids(node="x") == []
        assert ids(version_id="ver-1", limit=1) == ["lau-4"]
        assert ids(version_id="ver-") == ids(version_id="ver-%") == []
        newest = launches.last_of(tx, "per-2", "")
        assert newest is not None
        assert newest.id == "lau-3"
        assert launches.last_of(tx, "per-2", "x") is None


def test_a_reading_transaction_writes_nothing(store: Store) -> None:
    with filled(store).reading() as tx:
        for module, value, _ in EVERY:
            if module is not exposures:
                with pytest.raises(StoreError, match="reading"):
                    module.add(tx, value)
        with pytest.raises(StoreError, match="reading"):
            leases.end(tx, "lau-1", NOW)
        with pytest.raises(StoreError, match="reading"):
            images.replace(tx, IMAGE, expected_version=1)
        with pytest.raises(StoreError, match="reading"):
            revisions.mark_published(tx, "python", 1, NOW)


def test_times_without_zone_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no time zone"), store.transaction() as tx:
        nodes.add(tx, replace(NODE, created=NOW.replace(tzinfo=None)))
