"""Datasets and versions: what may be registered, immutability, and how a reader sees the files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.files import Differences
from hub_ext.adapters.store import datasets, versions
from hub_ext.errors import EngineError, InputError, NotFound, SettingsError
from hub_ext.flows import data, dataset_versions, people
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    AuditEvent,
    Dataset,
    DatasetClass,
    DatasetVersion,
    Localised,
    Person,
    Verb,
    VersionState,
)
from tests.flows.conftest import Clock

AddPerson = Callable[..., Person]
Record = Callable[[], list[AuditEvent]]
Register = Callable[..., Dataset]
NONE = Localised("", "")


@pytest.fixture
def register(site: Site, actor: Actor) -> Register:
    """Registers a dataset by slug."""

    def add(slug: str, kind: DatasetClass = DatasetClass.CODED, **more: Any) -> Dataset:
        return data.register_dataset(site, actor, slug, Localised(slug, slug), NONE, kind, **more)

    return add


@pytest.fixture
def fill(roots: Path) -> Callable[..., Path]:
    """A folder with one file below the root."""

    def make(name: str, content: str = "id;age\n") -> Path:
        folder = roots / name
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(content)
        return folder

    return make


# --- datasets ---


def test_register_is_recorded(
    site: Site, actor: Actor, register: Register, add_person: AddPerson, record: Record
) -> None:
    lise = add_person("lise")
    register("ct")
    made = register(
        "mri",
        DatasetClass.IDENTIFYING,
        stewards=(lise.id,),
        contact="mri@hospital.example",
        never_with=("ct", "coded", "ct"),
        read_gids=(5012, 100, 5012),
    )

    assert (made.never_with, made.read_gids) == (("coded", "ct"), (100, 5012))
    with site.store.reading() as tx:
        assert datasets.get(tx, "mri") == made
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.DATASET_REGISTERED, "mri", actor)
    assert event.facts == {
        "data_class": "identifying",
        "stewards": [lise.id],
        "never_with": ["coded", "ct"],
        "decodes": [],
        "read_gids": [100, 5012],
    }


@pytest.mark.parametrize(
    ("slug", "more", "said"),
    [
        ("MRI", {}, "cannot be the slug"),
        ("../mri", {}, "cannot be the slug"),
        ("coded", {}, "name of a class"),
        ("mri", {"never_with": ("identifyng",)}, "neither another dataset nor a class"),
        ("mri", {"never_with": ("mri",)}, "neither another dataset nor a class"),
        ("mri", {"decodes": ("ct",)}, "class key"),
        ("mri", {"kind": DatasetClass.KEY}, "class key"),
        ("mri", {"kind": DatasetClass.KEY, "decodes": ("coded",)}, "not classes"),
        ("mri", {"read_gids": (0,)}, "not a group"),
        ("mri", {"read_gids": (2**31,)}, "not a group"),
        ("mri", {"contact": "a\nb"}, "line break"),
        ("ct", {}, "already"),
    ],
)
def test_what_does_not_fit_is_refused(
    register: Register, record: Record, slug: str, more: dict[str, Any], said: str
) -> None:
    register("ct")
    with pytest.raises(InputError, match=said):
        register(slug, **more)
    assert len(record()) == 1


def test_stewards_are_living_people(
    site: Site, actor: Actor, register: Register, add_person: AddPerson
) -> None:
    with pytest.raises(NotFound):
        register("mri", stewards=("per-nobody",))
    lise = add_person("lise")
    people.end_person(site, actor, lise.id, "left")
    with pytest.raises(InputError, match="was ended"):
        register("mri", stewards=(lise.id,))


def test_change_is_recorded(site: Site, actor: Actor, register: Register, record: Record) -> None:
    before = register("mri")
    after = data.change_dataset(site, actor, "mri", read_gids=(5012,), never_with=("open",))

    assert after == replace(before, read_gids=(5012,), never_with=("open",))
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.DATASET_CHANGED, "mri")
    assert event.facts == {"changed": {"never_with": [[], ["open"]], "read_gids": [[], [5012]]}}


def test_end_is_recorded_and_final(
    site: Site, actor: Actor, register: Register, record: Record, clock: Clock
) -> None:
    register("mri")
    ended = data.end_dataset(site, actor, "mri", "study closed")
    assert ended.ended == clock.moment
    event = record()[-1]
    assert (event.verb, event.subject, event.facts) == (Verb.DATASET_ENDED, "mri", {"why": "study closed"})
    with pytest.raises(InputError, match="was ended"):
        data.change_dataset(site, actor, "mri", contact="x@y")
    with pytest.raises(InputError, match="already"):
        register("mri")


# --- versions ---


async def version(site: Site, actor: Actor, folder: Path, slug: str = "mri") -> DatasetVersion:
    return await dataset_versions.register_version(site, actor, slug, folder, probe=False)


async def test_a_version_is_recorded_and_supersedes_the_one_before(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path], record: Record
) -> None:
    register("mri")
    one = await version(site, actor, fill("one"))
    two = await version(site, actor, fill("two"))

    assert (one.number, two.number, two.state) == (1, 2, VersionState.CURRENT)
    with site.store.reading() as tx:
        assert versions.get(tx, one.id) == replace(one, state=VersionState.SUPERSEDED)
        assert versions.current(tx, "mri") == two
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.VERSION_REGISTERED, two.id)
    assert event.facts == {
        "dataset": "mri",
        "number": 2,
        "folder": two.folder,
        "manifest_digest": two.manifest_digest,
        "files": 1,
        "total_bytes": 7,
        "node": "local",
        "mounts_inside": [],
        "probed": False,
    }


async def test_a_registered_folder_never_changes(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path]
) -> None:
    register("mri")
    folder = fill("one")
    await version(site, actor, folder)
    (folder / "a.csv").write_text("other")
    with pytest.raises(InputError, match="versions never change"):
        await version(site, actor, folder)


@pytest.mark.parametrize("name", ["one", "one/deep", "."])
async def test_two_datasets_share_no_files(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path], roots: Path, name: str
) -> None:
    register("mri")
    register("ct")
    await version(site, actor, fill("group/one"))
    folder = roots / "group" / name
    folder.mkdir(exist_ok=True)
    (folder / "b.csv").write_text("x")
    with pytest.raises(InputError, match="shares files with version 1 of 'mri'"):
        await version(site, actor, folder, "ct")


async def test_a_withdrawn_version_frees_its_folder(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path], record: Record
) -> None:
    register("mri")
    register("ct")
    folder = fill("one")
    one = await version(site, actor, folder)
    withdrawn = dataset_versions.withdraw_version(site, actor, "mri", 1, "wrong files")

    assert withdrawn == replace(one, state=VersionState.WITHDRAWN)
    event = record()[-1]
    assert (event.verb, event.subject) == (Verb.VERSION_WITHDRAWN, one.id)
    assert event.facts == {"dataset": "mri", "number": 1, "why": "wrong files"}
    with site.store.reading() as tx:
        assert versions.current(tx, "mri") is None
    with pytest.raises(InputError, match="already"):
        dataset_versions.withdraw_version(site, actor, "mri", 1, "again")
    await version(site, actor, folder, "ct")


async def test_withdrawing_the_current_version_brings_none_back(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path]
) -> None:
    register("mri")
    await version(site, actor, fill("one"))
    await version(site, actor, fill("two"))
    dataset_versions.withdraw_version(site, actor, "mri", 2, "wrong files")
    with site.store.reading() as tx:
        assert versions.current(tx, "mri") is None
    assert (await version(site, actor, fill("three"))).number == 3


async def test_folders_that_may_not_be_registered(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path], roots: Path, record: Record
) -> None:
    register("mri")
    (roots / "escape").symlink_to("/etc")
    os.mkfifo(fill("special") / "pipe")
    (roots / "empty").mkdir()
    for name, said in (
        ("gone", "no folder"),
        ("escape", "does not lie below"),
        ("special", "special files"),
        ("empty", "no file"),
    ):
        with pytest.raises(InputError, match=said):
            await version(site, actor, roots / name)
    assert len(record()) == 1


async def test_a_root_that_an_operator_put_into_the_state_folder_holds_datasets(
    site: Site, actor: Actor, register: Register, tmp_path: Path
) -> None:
    root = tmp_path / "state" / "data"
    (root / "mri").mkdir(parents=True)
    (root / "mri" / "a.csv").write_text("x")
    inner = replace(site, settings=replace(site.settings, dataset_roots=(root,)))
    register("mri")
    assert (
        await dataset_versions.register_version(inner, actor, "mri", root / "mri", probe=False)
    ).number == 1


@pytest.mark.parametrize("beside", ["state/data", "."])
async def test_our_own_state_is_no_dataset(
    site: Site, actor: Actor, register: Register, tmp_path: Path, beside: str
) -> None:
    wide = replace(site, settings=replace(site.settings, dataset_roots=(tmp_path.parent,)))
    register("mri")
    folder = tmp_path / beside
    folder.mkdir(exist_ok=True)
    (folder / "a.csv").write_text("x")
    with pytest.raises(InputError, match="state folder"):
        await version(wide, actor, folder)


async def test_an_unknown_or_ended_dataset_gets_no_version(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path]
) -> None:
    folder = fill("one")
    with pytest.raises(InputError, match="no dataset"):
        await version(site, actor, folder)
    register("mri")
    data.end_dataset(site, actor, "mri", "closed")
    with pytest.raises(InputError, match="was ended"):
        await version(site, actor, folder)


async def test_verify_reads_the_files_again(
    site: Site, actor: Actor, register: Register, fill: Callable[..., Path], roots: Path
) -> None:
    register("mri")
    folder = fill("one")
    one = await version(site, actor, folder)
    await version(site, actor, fill("two"))
    assert await dataset_versions.verify_version(site, "mri", 1) == (
        replace(one, state=VersionState.SUPERSEDED),
        Differences(),
    )
    (folder / "a.csv").write_text("ID;age\n")
    assert (await dataset_versions.verify_version(site, "mri", 1))[1] == Differences(changed=("a.csv",))
    assert not (await dataset_versions.verify_version(site, "mri"))[1]
    with pytest.raises(InputError, match="no version 3"):
        await dataset_versions.verify_version(site, "mri", 3)
    folder.rename(roots / "moved")
    folder.symlink_to(roots / "moved")
    with pytest.raises(InputError, match="replaced by a link"):
        await dataset_versions.verify_version(site, "mri", 1)


# --- as a reader sees it, on the real engine ---


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that others may enter, as tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="hub-ext-data-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def mri(shared: Path) -> Path:
    """A folder of a hospital: 0750 and 0640, of group 5012, with a folder in it."""
    folder = shared / "mri"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.dcm").write_text("x")
    for path, mode in ((folder, 0o750), (folder / "deep", 0o750), (folder / "deep" / "a.dcm", 0o640)):
        os.chown(path, 0, 5012)
        path.chmod(mode)
    return folder


async def test_readable_with_the_datasets_groups_only(engine_site: Site, mri: Path) -> None:
    await dataset_versions.check_readable(engine_site, mri, (100, 5012))
    with pytest.raises(InputError, match="cannot read") as refused:
        await dataset_versions.check_readable(engine_site, mri, ())
    assert "read_gids" in refused.value.advice
    assert repr(str(mri)) in refused.value.message


async def test_one_unreadable_file_deep_down_is_named(engine_site: Site, mri: Path) -> None:
    (mri / "deep" / "a.dcm").chmod(0o600)
    with pytest.raises(InputError, match="with the groups 5012 cannot read") as refused:
        await dataset_versions.check_readable(engine_site, mri, (5012,))
    assert repr(str(mri / "deep" / "a.dcm")) in refused.value.message


async def test_a_version_that_nobody_could_read_is_not_registered(
    engine_site: Site, actor: Actor, register: Register, mri: Path, shared: Path, record: Record
) -> None:
    site = replace(engine_site, settings=replace(engine_site.settings, dataset_roots=(shared,)))
    register("mri")
    with pytest.raises(InputError, match="cannot read"):
        await dataset_versions.register_version(site, actor, "mri", mri)
    assert len(record()) == 1
    data.change_dataset(site, actor, "mri", read_gids=(5012,))
    made = await dataset_versions.register_version(site, actor, "mri", mri)
    assert made.number == 1
    assert record()[-1].facts["probed"] is True
    site.engine.close()


async def test_a_folder_that_the_engine_does_not_see_is_said(engine_site: Site, shared: Path) -> None:
    with pytest.raises(InputError, match="engine sees no folder"):
        await dataset_versions.check_readable(engine_site, shared / "gone", ())


async def test_without_an_engine_or_image_nothing_is_guessed(engine_site: Site, shared: Path) -> None:
    def site(**other: str) -> Site:
        return replace(engine_site, settings=replace(engine_site.settings, **other))  # type: ignore[arg-type]

    with pytest.raises(SettingsError, match="seed_image"):
        await dataset_versions.check_readable(site(seed_image=""), shared, ())
    with pytest.raises(EngineError):
        await dataset_versions.check_readable(site(engine_url="unix:///nowhere.sock"), shared, ())
