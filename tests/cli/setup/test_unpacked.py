"""Programs are unpacked from a package source by the real apt; newer ones take the place of earlier ones."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from hub_ext.cli.setup.layout import CHECKOUT

ROOMS = ("say", "packages", "engine", "unpacked")
PROGRAM = "usr/bin/docker-registry"


class Source:
    """A Debian package source in a folder, unsigned; `trusted` says that apt may take it as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted = True

    def offer(self, version: str, *, published: str = "Sat, 13 May 2023 23:21:12 +0800") -> None:
        """Offer docker-registry in that version, and no other."""
        shutil.rmtree(self.folder, ignore_errors=True)
        root = self.folder / "root"
        for name, text in {
            "DEBIAN/control": f"Package: docker-registry\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: a test\n",
            PROGRAM: f"#!/bin/sh\necho {version}\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / PROGRAM).chmod(0o755)
        changelog = root / "usr/share/doc/docker-registry/changelog.Debian.gz"
        changelog.parent.mkdir(parents=True)
        entry = f"docker-registry ({version}) bookworm; urgency=low\n\n -- N <n@x.org>  {published}\n"
        changelog.write_bytes(gzip.compress(entry.encode()))
        self.package = self.folder / f"docker-registry_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--build", root, self.package], check=True, capture_output=True)
        self._index((root / "DEBIAN/control").read_text())

    def _index(self, control: str) -> None:
        content = self.package.read_bytes()
        hashed = hashlib.sha256(content).hexdigest()
        entry = f"{control}Filename: ./{self.package.name}\nSize: {len(content)}\nSHA256: {hashed}\n"
        (self.folder / "Packages").write_text(entry)

    def ensure(self, state: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """What the bootstrap does, with this source in the place of the machine's."""
        mark = "[trusted=yes] " if self.trusted else ""
        script = "".join(f'. "{CHECKOUT}/deploy/lib/{room}.sh"; ' for room in ROOMS)
        script += (
            f"STATE={state} SHARED={state} HOST_RELEASE=bookworm ENGINE=install; "
            "derive_sources() { local folder=$SHARED/unpacked/apt/$1; "
            'mkdir -p "$folder/sources" "$folder/lists/partial" "$folder/cache/archives/partial"; '
            f'echo "deb {mark}file:{self.folder} ./" >"$folder/sources/test.list"; }}; '
            f"ensure_unpacked {' '.join(words)}"
        )
        return subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "source")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def version(state: Path) -> str:
    """What the program says that is used now."""
    program = state / "unpacked/current" / PROGRAM
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_unpacked_with_its_version_and_day(source: Source, state: Path) -> None:
    source.offer("2.8.2+ds1-1")
    done = source.ensure(state)
    assert done.returncode == 0, done.stderr
    assert version(state) == "2.8.2+ds1-1"
    table = (state / "unpacked/current/packages.tsv").read_text()
    assert table == "docker-registry\t2.8.2+ds1-1\tbookworm\t2023-05-13\n"
    assert not (state / "unpacked/current/usr/share").exists()


def test_a_newer_one_takes_its_place_when_somebody_looks(source: Source, state: Path) -> None:
    source.offer("2.8.2+ds1-1")
    source.ensure(state)
    source.offer("2.8.2+ds1-1+deb12u1")
    assert source.ensure(state).returncode == 0
    assert version(state) == "2.8.2+ds1-1"  # not a day later
    assert source.ensure(state, "now").returncode == 0
    assert version(state) == "2.8.2+ds1-1+deb12u1"
    assert len(list((state / "unpacked").glob("*/packages.tsv"))) == 2  # it, and `current`


def test_programs_in_use_stay(source: Source, state: Path) -> None:
    source.offer("1")
    source.ensure(state)
    former = (state / "unpacked/current").resolve()
    shutil.copy("/bin/sleep", former / "usr/bin/sleep")
    running = subprocess.Popen([former / "usr/bin/sleep", "60"])
    try:
        source.offer("2")
        source.ensure(state, "now")
        assert version(state) == "2"
        assert former.is_dir()
    finally:
        running.kill()
        running.wait()
    source.ensure(state, "now")
    assert not former.exists()


def test_a_source_that_is_down_stops_nobody_who_has_them(source: Source, state: Path) -> None:
    source.offer("1")
    source.ensure(state)
    shutil.rmtree(source.folder)
    done = source.ensure(state, "now")
    assert done.returncode == 0, done.stderr
    assert "going on with what was unpacked before" in done.stderr
    assert version(state) == "1"


def test_without_them_a_source_that_is_down_is_said(source: Source, state: Path) -> None:
    done = source.ensure(state)
    assert done.returncode == 1
    assert "Debian's package sources cannot be read." in done.stderr
    assert not (state / "unpacked/looked").exists()


def test_an_unsigned_source_is_refused(source: Source, state: Path) -> None:
    """The control is every other test here: the same source, trusted."""
    source.offer("1")
    source.trusted = False
    assert source.ensure(state).returncode == 1
    assert not (state / "unpacked/current").exists()


def test_a_package_that_is_not_the_signed_one_is_refused(source: Source, state: Path) -> None:
    source.offer("1")
    content = bytearray(source.package.read_bytes())
    content[-1] ^= 1
    source.package.write_bytes(content)
    assert source.ensure(state).returncode == 1
    assert not (state / "unpacked/current").exists()
