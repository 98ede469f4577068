"""Programs are unpacked from a package source by the real apt; newer ones take the place of earlier ones."""

from __future__ import annotations

import gzip
import hashlib
import os
import shlex
import shutil
import subprocess
from email.utils import formatdate
from pathlib import Path

import pytest

from hub_ext.cli.setup.layout import CHECKOUT

ROOMS = ("say", "packages", "engine", "python", "unpacked")
PROGRAM = "usr/bin/docker-registry"
PUBLISHED = "Sat, 13 May 2023 23:21:12 +0800"


class Source:
    """A Debian package source in a folder, unsigned; `trusted` says that apt may take it as it is.

    `origin` is what its Release says, `others` are sources beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted = True
        self.origin = "Debian"
        self.others: list[Source] = []

    def offer(self, version: str, *, name: str = "docker-registry") -> None:
        """Offer that package in that version, and nothing else."""
        shutil.rmtree(self.folder, ignore_errors=True)
        root = self.folder / "root"
        for path, text in {
            "DEBIAN/control": f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: a test\n",
            f"usr/bin/{name}": f"#!/bin/sh\necho {version}\n",
        }.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (root / f"usr/bin/{name}").chmod(0o755)
        changelog = root / f"usr/share/doc/{name}/changelog.Debian.gz"
        changelog.parent.mkdir(parents=True)
        entry = f"{name} ({version}) bookworm; urgency=low\n\n -- N <n@x.org>  {PUBLISHED}\n"
        # The same bytes whenever the same is offered again.
        changelog.write_bytes(gzip.compress(entry.encode(), mtime=0))
        self.package = self.folder / f"{name}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--build", root, self.package], check=True, capture_output=True)
        self._index((root / "DEBIAN/control").read_text())

    def _index(self, control: str) -> None:
        content = self.package.read_bytes()
        hashed = hashlib.sha256(content).hexdigest()
        entry = f"{control}Filename: ./{self.package.name}\nSize: {len(content)}\nSHA256: {hashed}\n"
        (self.folder / "Packages").write_text(entry)
        listed = f"{hashlib.sha256(entry.encode()).hexdigest()} {len(entry)} Packages"
        (self.folder / "Release").write_text(
            f"Origin: {self.origin}\nSuite: test\nCodename: test\nDate: {formatdate(usegmt=True)}\n"
            f"SHA256:\n {listed}\n"
        )

    def stanza(self) -> str:
        mark = "Trusted: yes\n" if self.trusted else ""
        return f"Types: deb\nURIs: file:{self.folder}\nSuites: ./\n{mark}"

    def ensure(self, state: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
        """What the bootstrap does, with these sources in the place of the machine's."""
        stanzas = "\n".join(source.stanza() for source in (self, *self.others))
        derived = f"derive_sources() {{ printf '%s' {shlex.quote(stanzas)}; }}; "
        return bootstrap(state, derived + before, f"ensure_unpacked {' '.join(words)}")


def bootstrap(
    state: Path, before: str, command: str, *, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command of the bootstrap's, with its files read and `before` done."""
    script = "".join(f'. "{CHECKOUT}/deploy/lib/{room}.sh"; ' for room in ROOMS)
    script += f"CHECKOUT={CHECKOUT}; STATE={shlex.quote(str(state))}; SHARED=$STATE; "
    script += "HOST_RELEASE=bookworm; HOST_PACKAGES=(docker-registry); ENGINE=install; "
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{script}{before}{command}"],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )


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


def test_what_does_not_say_that_it_is_debian_is_not_taken(source: Source, state: Path) -> None:
    """A newer one of somebody else's, from a source that apt trusts."""
    vendor = Source(source.folder.with_name("vendor"))
    vendor.origin = "Vendor"
    vendor.offer("99.0")
    source.offer("1")
    source.others = [vendor]
    assert source.ensure(state).returncode == 0
    assert version(state) == "1"
    vendor.origin = "Debian"  # the control
    vendor.offer("99.0")
    other_state = state.with_name("other")
    assert source.ensure(other_state).returncode == 0
    assert version(other_state) == "99.0"


def test_a_package_that_only_somebody_else_offers_is_missing(source: Source, state: Path) -> None:
    source.origin = "Vendor"
    source.offer("99.0")
    done = source.ensure(state)
    assert done.returncode == 1
    assert "Debian's package sources do not offer docker-registry of Debian bookworm." in done.stderr
    assert f"The whole log is {state}/logs/bootstrap.log." in done.stderr


def test_a_source_that_fails_stops_nobody_where_another_offers_all(source: Source, state: Path) -> None:
    source.offer("1")
    source.others = [Source(source.folder.with_name("absent"))]
    done = source.ensure(state)
    assert done.returncode == 0, done.stderr
    assert version(state) == "1"
    assert "Not every package source answers; the others offer what is needed." in done.stderr
    assert not (state / "unpacked/looked").exists()  # it is tried again at the next start
    source.offer("2")
    assert source.ensure(state).returncode == 0
    assert version(state) == "2"
    source.others = []
    assert source.ensure(state).returncode == 0
    assert (state / "unpacked/looked").exists()


@pytest.mark.parametrize("signed", [True, False])
def test_the_machine_s_own_source_must_be_signed(
    tmp_path: Path, source: Source, state: Path, signed: bool
) -> None:
    """`Trusted: yes` and what apt's settings allow count for nothing here. The control is signed."""
    source.offer("1")
    suite = source.folder / "dists/bookworm"
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True
    ).stdout.strip()
    index = suite / f"main/binary-{architecture}/Packages"
    index.parent.mkdir(parents=True)
    content = (source.folder / "Packages").read_bytes()
    index.write_bytes(content)
    (suite / "Release").write_text(
        f"Origin: Debian\nSuite: oldstable\nCodename: bookworm\nDate: {formatdate(usegmt=True)}\n"
        f"Components: main\nArchitectures: {architecture}\nSHA256:\n"
        f" {hashlib.sha256(content).hexdigest()} {len(content)} main/binary-{architecture}/Packages\n"
    )
    settings = tmp_path / "etc"
    (settings / "sources.list.d").mkdir(parents=True)
    field = "Trusted: yes"
    if signed:
        field = f"Signed-By: {sign(suite, tmp_path / 'keys')}"
    (settings / "sources.list.d/own.sources").write_text(
        f"Types: deb\nURIs: file:{source.folder}\nSuites: bookworm\nComponents: main\n{field}\n"
    )
    apt_config = tmp_path / "apt.conf"
    apt_config.write_text(
        f'Dir::Etc "{settings}";\nAPT::Get::AllowUnauthenticated "true";\n'
        'Acquire::AllowInsecureRepositories "true";\nAcquire::AllowWeakRepositories "true";\n'
    )
    done = bootstrap(state, "", "ensure_unpacked", environment={"APT_CONFIG": str(apt_config)})
    if signed:
        assert done.returncode == 0, done.stderr
        assert version(state) == "1"
    else:
        assert done.returncode == 1
        assert "Missing: docker-registry of Debian bookworm." in done.stderr
        assert "is not signed" in (state / "logs/bootstrap.log").read_text()
        assert not (state / "unpacked/current").exists()


def sign(suite: Path, keys: Path) -> Path:
    """Signs the Release there; the public key's file."""
    keys.mkdir(mode=0o700)
    gpg = ["gpg", "--batch", "--quiet", "--homedir", str(keys), "--passphrase", ""]
    for words in (
        ["--quick-gen-key", "nobody@example.org", "rsa2048", "sign", "never"],
        ["--clearsign", "--output", str(suite / "InRelease"), str(suite / "Release")],
        ["--output", str(suite.parent / "public.gpg"), "--export"],
    ):
        subprocess.run([*gpg, *words], check=True, capture_output=True)
    subprocess.run(["gpgconf", "--homedir", keys, "--kill", "all"], check=False)
    return suite.parent / "public.gpg"


def test_a_folder_that_lacks_a_package_is_unpacked_again(source: Source, state: Path) -> None:
    source.offer("1")
    source.ensure(state)
    (state / "unpacked/current/packages.tsv").write_text("")
    (state / "unpacked/current" / PROGRAM).unlink()
    done = source.ensure(state)
    assert done.returncode == 0, done.stderr
    assert version(state) == "1"
    assert (state / "unpacked/current/packages.tsv").read_text().startswith("docker-registry\t1\t")


def test_such_a_folder_stays_beside_while_it_is_used(source: Source, state: Path) -> None:
    source.offer("1")
    source.ensure(state)
    program = state / "unpacked/current/usr/bin/sleep"
    shutil.copy("/bin/sleep", program)
    (state / "unpacked/current/packages.tsv").unlink()
    running = subprocess.Popen([program, "60"])
    try:
        assert source.ensure(state).returncode == 0
        assert version(state) == "1"
        assert len(list((state / "unpacked").glob("old.*/*/usr/bin/sleep"))) == 1
    finally:
        running.kill()
        running.wait()
    assert source.ensure(state, "now").returncode == 0
    assert not list((state / "unpacked").glob("old.*"))


def test_a_full_disk_leaves_what_was_there(source: Source, state: Path) -> None:
    source.offer("1")
    source.ensure(state)
    source.offer("2")
    # The table cannot be written, and everything before it can.
    full = (
        'mktemp() { local made; made=$(command mktemp "$@"); echo "$made"; case $* in *new.*) '
        'ln -s /dev/full "$made/packages.tsv"; ln -s /dev/full "$made/packages.tsv.new" ;; esac; }; '
    )
    done = source.ensure(state, "now", before=full)
    assert done.returncode == 0, done.stderr
    assert "going on with what was unpacked before" in done.stderr
    assert version(state) == "1"
    assert not list((state / "unpacked").glob("new.*"))
    source.ensure(state, "now")  # the control
    assert version(state) == "2"


def test_nothing_is_made_in_the_root_folder(source: Source, state: Path) -> None:
    source.offer("1")
    failing = 'mktemp() { case $* in *new.*) return 1 ;; *) command mktemp "$@" ;; esac; }; '
    try:
        done = source.ensure(state, before=failing)
        assert done.returncode == 1
        assert "Fetching and unpacking them failed." in done.stderr
        assert not Path("/fetched").exists()
    finally:
        shutil.rmtree("/fetched", ignore_errors=True)


def test_no_temporary_folder_is_left(source: Source, state: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    before = f"export TMPDIR={tmp_path}/temporary; "
    source.offer("1", name="other")
    assert source.ensure(state, before=before).returncode == 1
    source.offer("1")
    assert source.ensure(state, before=before).returncode == 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_apt_fetches_in_its_sandbox(source: Source, state: Path) -> None:
    source.offer("1")
    shown = bootstrap(state, "APT=(echo); ", "private_apt bookworm update").stdout
    assert "AllowUnauthenticated=false" in shown  # the control
    assert "Sandbox" not in shown
    source.ensure(state)
    for folder in ("lists/partial", "cache/archives/partial"):
        assert (state / "unpacked/apt/bookworm" / folder).owner() == "_apt"


def test_what_changes_after_apt_s_check_is_refused(source: Source, state: Path) -> None:
    """The user as whom apt fetches can write in the folder until then."""
    source.offer("1")
    changed = "chown() { [ $1 != 0:0 ] || printf x >>$2/docker-registry_1_all.deb; command chown $@; }; "
    done = source.ensure(state, before=changed)
    assert done.returncode == 1
    assert "docker-registry_1_all.deb: FAILED" in done.stderr
    assert not (state / "unpacked/current").exists()
    assert source.ensure(state).returncode == 0  # the control


def test_programs_are_removed_before_the_lock_is_released(source: Source, state: Path) -> None:
    source.offer("1")
    check = "flock -n $SHARED/unpacked/lock true && echo released || echo locked"
    check = f"remove_unused_programs() {{ {check}; }}; "
    assert source.ensure(state, before=check).stdout == "locked\n"


def test_a_path_is_no_pattern(source: Source, tmp_path: Path) -> None:
    state = tmp_path / "a[1]*"
    source.offer("1")
    source.ensure(state)
    former = (state / "unpacked/current").resolve()
    shutil.copy("/bin/sleep", former / "usr/bin/sleep")
    running = subprocess.Popen([former / "usr/bin/sleep", "60"])
    try:
        source.offer("2")
        source.ensure(state, "now")
        assert former.is_dir()
    finally:
        running.kill()
        running.wait()
    source.ensure(state, "now")
    assert not former.exists()


def test_a_version_that_comes_back_is_left_as_it_is(source: Source, state: Path) -> None:
    """An engine may run from it; a mirror that lags behind offers it again."""
    source.offer("1")
    source.ensure(state)
    former = (state / "unpacked/current").resolve()
    inode = former.stat().st_ino
    shutil.copy("/bin/sleep", former / "usr/bin/sleep")
    running = subprocess.Popen([former / "usr/bin/sleep", "60"])
    try:
        source.offer("2")
        source.ensure(state, "now")
        source.offer("1")
        source.ensure(state, "now")
        assert version(state) == "1"
        assert former.stat().st_ino == inode
        assert (former / "usr/bin/sleep").exists()
    finally:
        running.kill()
        running.wait()


def test_one_package_is_one_package(source: Source, state: Path) -> None:
    source.offer("1")
    assert "To be unpacked, not installed: 1 package, 0 MB to fetch" in source.ensure(state).stderr
