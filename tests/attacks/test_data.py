"""Every way of writing to a dataset, by the very user who owns its files."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_ext.adapters.engine import Engine
from tests.attacks.cell import Body, Ground, begin, end, hardened, printed, run, weakened
from tests.attacks.conftest import SUBMOUNT, WAYS, lay_out

# What some file systems cannot do at all.
OPTIONAL = {"setxattr", "fsetxattr", "set_flags", "tmpfile"}


def probes(root: str) -> dict[str, list[str]]:
    return {way: ["write", root, way] for way in WAYS}


def tree_hash(folder: Path) -> str:
    """Everything a write could have changed: names, contents, owners, modes, times."""
    known = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        known.update(repr((str(path), seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns)).encode())
        known.update(path.read_bytes() if path.is_file() else b"")
    return known.hexdigest()


@pytest.fixture
def scratch(data: Path, tmp_path: Path) -> Iterator[Path]:
    """A dataset of the same kind, which the control may spoil."""
    folder, other = tmp_path / "spoiled", tmp_path / "spoiled-other"
    folder.mkdir()
    other.mkdir()
    (folder / SUBMOUNT).mkdir()
    lay_out(folder)
    lay_out(other)
    subprocess.run(["mount", "--bind", other, folder / SUBMOUNT], check=True)
    yield folder
    subprocess.run(["umount", "--recursive", folder / SUBMOUNT], check=True)


def mount_of(body: Body) -> Body:
    """The dataset's mount in a body."""
    found: Body = next(mount for mount in body["HostConfig"]["Mounts"] if mount["Target"] == "/data/mri")
    return found


def writable(body: Body) -> None:
    mount_of(body)["ReadOnly"] = False
    mount_of(body)["BindOptions"] = {}


def read_only_on_top(body: Body) -> None:
    mount_of(body)["BindOptions"] = {"ReadOnlyNonRecursive": True}


def propagating(body: Body) -> None:
    mount_of(body)["BindOptions"] = {"ReadOnlyNonRecursive": True, "Propagation": "rslave"}


@pytest.mark.parametrize(
    "place", ["/data/mri", f"/data/mri/{SUBMOUNT}", "/run/hub-ext"], ids=["dataset", "submount", "session"]
)
async def test_no_way_of_writing_works(engine: Engine, ground: Ground, place: str) -> None:
    assert ground.session is not None
    before = tree_hash(ground.data), tree_hash(ground.session)
    body = hardened(ground)
    seen = await run(engine, body, {**probes(place), "read": ["read", f"{place}/append"]})
    assert seen["read"] == len(b"confidential\n"), "the probes ran as somebody who may not even read"
    assert {way: seen[way] for way in WAYS} == dict.fromkeys(WAYS, "EROFS")
    assert (tree_hash(ground.data), tree_hash(ground.session)) == before


@pytest.mark.parametrize("below", ["", f"/{SUBMOUNT}"], ids=["dataset", "submount"])
async def test_control_every_way_works_where_the_mount_is_writable(
    engine: Engine, ground: Ground, scratch: Path, below: str
) -> None:
    before = tree_hash(scratch)
    body = weakened(hardened(ground), writable)
    mount_of(body)["Source"] = str(scratch)
    seen = await run(engine, body, probes(f"/data/mri{below}"))
    failed = {way: seen[way] for way in WAYS if seen[way] != "done"}
    assert set(failed) <= OPTIONAL, failed
    assert set(failed.values()) <= {"EOPNOTSUPP", "ENOTTY"}
    assert tree_hash(scratch) != before


async def test_control_a_submount_is_open_where_recursion_is_not_forced(
    engine: Engine, ground: Ground, scratch: Path
) -> None:
    body = weakened(hardened(ground), read_only_on_top)
    mount_of(body)["Source"] = str(scratch)
    seen = await run(
        engine,
        body,
        {
            "top": ["write", "/data/mri", "append"],
            "below": ["write", f"/data/mri/{SUBMOUNT}", "append"],
        },
    )
    assert (seen["top"], seen["below"]) == ("EROFS", "done")


@pytest.mark.parametrize(("weaken", "appears"), [(None, False), (propagating, True)], ids=["ours", "control"])
async def test_a_mount_made_later_on_the_host_does_not_reach_a_running_session(
    engine: Engine, ground: Ground, tmp_path: Path, weaken: object, appears: bool
) -> None:
    folder, late = tmp_path / "late-data", tmp_path / "late"
    for made in (folder, folder / "place", late):
        made.mkdir()
        made.chmod(0o755)
    (late / "flag").touch()
    # A mount of its own that shares its events, as the root of most machines does.
    await _mount("--bind", folder, folder)
    await _mount("--make-shared", folder)
    body = weakened(hardened(ground), propagating) if weaken else hardened(ground)
    mount_of(body)["Source"] = str(folder)
    name = await begin(engine, body, {"appears": ["appears", "/data/mri/place/flag", 2]})
    try:
        await printed(engine, name, "waiting")
        await _mount("--bind", late, folder / "place")
        assert (await end(engine, name))["appears"] is appears
    finally:
        await engine.remove(name)
        await asyncio.to_thread(subprocess.run, ["umount", "--recursive", folder], check=True)


async def _mount(*arguments: str | Path) -> None:
    await asyncio.to_thread(subprocess.run, ["mount", *map(str, arguments)], check=True)


async def test_nothing_of_the_host_is_mounted_but_what_was_granted(engine: Engine, ground: Ground) -> None:
    body = hardened(ground)
    weak = weakened(body, lambda body: body["HostConfig"]["Binds"].append("/usr/share:/mnt"))
    own = (
        "/proc",
        "/sys",
        "/dev",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/resolv.conf",
        "/usr/sbin/docker-init",
    )

    async def foreign(body: Body) -> set[str]:
        seen = await run(engine, body, {"mounts": ["mounts"]})
        return {place for place in seen["mounts"] if not place.startswith(own) and place != "/"}

    granted = {
        "/home/jovyan",
        "/project",
        "/data/mri",
        f"/data/mri/{SUBMOUNT}",
        "/tmp",
        "/run",
        "/run/hub-ext",
    }
    assert await foreign(body) == granted
    assert await foreign(weak) == granted | {"/mnt"}
