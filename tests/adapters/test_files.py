"""Dataset folders: where they may lie, what they may hold, what their manifests say."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub_ext.adapters import files
from hub_ext.adapters.files import Differences
from hub_ext.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configured root."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(root: Path) -> Path:
    """A dataset of three files, one in a folder, one an inner link."""
    made = root / "mri"
    (made / "ct").mkdir(parents=True)
    (made / "ct" / "1.dcm").write_bytes(b"slice")
    (made / "a.csv").write_bytes(b"id;age\n")
    (made / "first").symlink_to("ct/1.dcm")
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where manifests are kept."""
    return tmp_path / "manifests"


# --- where ---


def test_a_folder_below_a_root_is_resolved(root: Path, folder: Path) -> None:
    assert files.resolve(root / "mri" / ".." / "mri", [root]) == folder
    (root.parent / "other").symlink_to(root)
    assert files.resolve(folder, [root.parent / "other"]) == folder


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("mri/../..", "does not lie below"),
        ("../outside", "does not lie below"),
        ("link", "does not lie below"),
        ("gone", "no folder"),
        ("loop", "no folder"),
        ("mri/a.csv", "is a file"),
        (".", "root of all"),
        ("mri\0", "no folder"),
    ],
)
def test_what_is_elsewhere_is_refused(root: Path, folder: Path, path: str, said: str) -> None:
    (root.parent / "outside").mkdir()
    (root / "link").symlink_to(root.parent / "outside")
    (root / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=said):
        files.resolve(root / path, [root])


def test_a_root_whose_name_begins_alike_does_not_count(root: Path) -> None:
    sibling = root.parent / "root-2" / "mri"
    sibling.mkdir(parents=True)
    with pytest.raises(InputError, match="does not lie below"):
        files.resolve(sibling, [root])


def test_without_roots_nothing_may_be_registered(folder: Path) -> None:
    with pytest.raises(InputError, match="No folder for datasets") as refused:
        files.resolve(folder, [])
    assert "dataset_roots" in refused.value.advice


def test_present_tells_gone_and_replaced_from_unknown(root: Path, folder: Path) -> None:
    assert files.present(folder, [root]) is True
    assert files.present(root / "gone", [root]) is False
    assert files.present(folder / "a.csv", [root]) is False
    folder.rename(root / "moved")
    folder.symlink_to(root / "moved")
    assert files.present(folder, [root]) is False
    assert files.present(root / ("x" * 300), [root]) is None


def test_free_room_is_unknown_where_it_cannot_be_asked(tmp_path: Path) -> None:
    assert (files.free_bytes(tmp_path) or 0) > 0
    assert files.free_bytes(tmp_path / "gone") is None


# --- what ---


def test_the_manifest_names_every_file_with_size_and_hash(folder: Path, store: Path) -> None:
    manifest = files.write_manifest(folder, store)

    kept = files.manifest_path(store, manifest.digest)
    expected = [
        {"manifest": 1},
        {"path": "a.csv", "sha256": hashlib.sha256(b"id;age\n").hexdigest(), "size": 7},
        {"path": "ct/1.dcm", "sha256": hashlib.sha256(b"slice").hexdigest(), "size": 5},
        {"path": "first", "link": "ct/1.dcm"},
    ]
    lines = kept.read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert lines[1] == json.dumps(expected[1], sort_keys=True, separators=(",", ":")).encode()
    assert manifest.digest == f"sha256:{hashlib.sha256(kept.read_bytes()).hexdigest()}"
    assert (manifest.files, manifest.total_bytes, manifest.mounts) == (3, 12, ())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert os.listdir(store) == [kept.name]


def test_the_digest_depends_on_names_and_contents_only(folder: Path, store: Path, root: Path) -> None:
    before = files.write_manifest(folder, store).digest
    folder.rename(root / "elsewhere")
    os.utime(root / "elsewhere" / "a.csv", (0, 0))
    assert files.write_manifest(root / "elsewhere", store).digest == before
    (root / "elsewhere" / "a.csv").rename(root / "elsewhere" / "b.csv")
    assert files.write_manifest(root / "elsewhere", store).digest != before


def test_names_that_are_no_text_are_kept(folder: Path, store: Path) -> None:
    odd = os.fsencode(folder) + b"/caf\xe9\n.txt"
    with open(odd, "wb") as file:
        file.write(b"x")
    manifest = files.write_manifest(folder, store)
    assert manifest.files == 4
    assert not files.compare(folder, store, manifest.digest)


def test_progress_goes_from_nothing_to_all(folder: Path, store: Path) -> None:
    told: list[tuple[int, int]] = []
    files.write_manifest(folder, store, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 12)
    assert told[-1] == (12, 12)
    assert told == sorted(told)


def test_special_files_are_refused_by_name(folder: Path, store: Path) -> None:
    os.mkfifo(folder / "ct" / "pipe")
    os.mknod(folder / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    (folder / "s").symlink_to("ct/1.dcm")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(folder)  # the name of a socket has 108 bytes at most
        listening.bind("socket")
        os.chdir(here)
        with pytest.raises(InputError, match="special files") as refused:
            files.write_manifest(folder, store)
    for name in ("ct/pipe (FIFO)", "null (device)", "socket (socket)"):
        assert name in refused.value.message
    assert not store.exists() or os.listdir(store) == []


@pytest.mark.parametrize("target", ["../../secret", "/etc/passwd", "ct/../../mri-2/x", "out/x"])
def test_links_that_leave_are_refused(folder: Path, store: Path, root: Path, target: str) -> None:
    (root / "mri-2").mkdir()
    (folder / "ct" / "out").symlink_to("../..")
    (folder / "ct" / "out").unlink()
    (folder / "out").symlink_to(root / "mri-2", target_is_directory=True)
    (folder / "leaving").symlink_to(target)
    with pytest.raises(InputError, match="symlinks that leave it") as refused:
        files.write_manifest(folder, store)
    assert "leaving" in refused.value.message


def test_an_absolute_link_is_refused_even_into_the_folder(folder: Path, store: Path) -> None:
    (folder / "absolute").symlink_to(folder / "a.csv")
    with pytest.raises(InputError, match="absolute"):
        files.write_manifest(folder, store)


def test_a_folder_behind_a_link_is_not_walked(folder: Path, store: Path) -> None:
    (folder / "again").symlink_to("ct", target_is_directory=True)
    assert files.write_manifest(folder, store).files == 4


def test_an_empty_folder_is_refused(root: Path, store: Path) -> None:
    (root / "empty" / "deep").mkdir(parents=True)
    with pytest.raises(InputError, match="no file"):
        files.write_manifest(root / "empty", store)


def test_a_file_that_grows_while_it_is_read_is_refused(folder: Path, store: Path) -> None:
    def grow(done: int, total: int) -> None:
        with (folder / "a.csv").open("ab") as file:
            file.write(b"more\n")

    with pytest.raises(InputError, match="changed while"):
        files.write_manifest(folder, store, progress=grow)
    assert os.listdir(store) == []


@pytest.mark.parametrize("becomes", ["link", "fifo"])
def test_a_file_that_becomes_something_else_is_refused(folder: Path, store: Path, becomes: str) -> None:
    secret = folder.parent / "secret"
    secret.write_bytes(b"secret\n")  # of the same size

    def swap(done: int, total: int) -> None:
        if done == 0:
            (folder / "a.csv").unlink()
            if becomes == "link":
                (folder / "a.csv").symlink_to(secret)
            else:
                os.mkfifo(folder / "a.csv")

    with pytest.raises(InputError, match=r"cannot be read|changed while"):
        files.write_manifest(folder, store, progress=swap)


@contextmanager
def without_privileges() -> Iterator[None]:
    """As root nothing is unreadable: look as somebody else."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65000)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("path", [".", "ct", "a.csv"])
def test_what_we_may_not_read_is_said(path: str) -> None:
    # Not below tmp_path, which nobody else may enter.
    with tempfile.TemporaryDirectory() as made:
        folder, store = Path(made) / "mri", Path(made) / "manifests"
        (folder / "ct").mkdir(parents=True)
        (folder / "a.csv").write_bytes(b"x")
        store.mkdir()
        for open_to_all in (Path(made), store):
            open_to_all.chmod(0o777)
        with without_privileges():
            files.write_manifest(folder, store)
        (folder / path).chmod(0)
        with (
            without_privileges(),
            pytest.raises(InputError, match="cannot be read: Permission denied") as said,
        ):
            files.write_manifest(folder, store)
        assert repr(os.path.normpath(folder / path)) in said.value.message


# --- mounts ---


@pytest.fixture
def mounted(folder: Path) -> Iterator[Path]:
    """Something really mounted within the folder, under a name with a space."""
    point = folder / "ct" / "a b"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)
    yield point
    subprocess.run(["umount", point], check=True)


def test_mounts_in_a_folder_are_noted_and_read(folder: Path, store: Path, mounted: Path) -> None:
    (mounted / "2.dcm").write_bytes(b"another")
    manifest = files.write_manifest(folder, store)
    assert manifest.mounts == ("ct/a b",)
    assert manifest.files == 4


# --- again ---


def test_an_untouched_folder_is_whole(folder: Path, store: Path) -> None:
    digest = files.write_manifest(folder, store).digest
    assert files.compare(folder, store, digest) == Differences()
    assert not files.compare(folder, store, digest)


def test_every_difference_is_named(folder: Path, store: Path) -> None:
    (folder / "b.csv").write_bytes(b"b")
    digest = files.write_manifest(folder, store).digest
    (folder / "a.csv").write_bytes(b"ID;age\n")  # same size
    (folder / "b.csv").unlink()
    (folder / "c.csv").write_bytes(b"c")
    (folder / "first").unlink()
    (folder / "first").symlink_to("a.csv")
    found = files.compare(folder, store, digest)
    assert found == Differences(missing=("b.csv",), added=("c.csv",), changed=("a.csv", "first"))
    assert found


def test_an_edited_or_lost_manifest_is_said(folder: Path, store: Path) -> None:
    digest = files.write_manifest(folder, store).digest
    kept = files.manifest_path(store, digest)
    kept.write_bytes(kept.read_bytes().replace(b'"size":7', b'"size":8'))
    with pytest.raises(InputError, match="was edited"):
        files.compare(folder, store, digest)
    kept.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        files.compare(folder, store, digest)
