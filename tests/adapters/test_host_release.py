"""The release of a host beside what its own package sources offer, from outputs of a real Debian 12 host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub_ext.adapters import host_release
from hub_ext.adapters.host import HostError
from hub_ext.adapters.host_release import HostRelease, RaisedPackage

INSTALLED = """\
installed base-files 13.8+deb13u8 yes
installed bash 5.2.15-2+b13 yes
installed docker.io 26.1.5+dfsg1-9+deb13u1+b1 
config-files dash 99 yes
installed dpkg 1.22.22 yes
installed libc6 2.41-12+deb13u5 
"""
RELEASES = """\
Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://mirror.example/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64
     origin mirror.example
 500 http://other.example/docker trixie/stable amd64 Packages
     release o=Docker,a=trixie,l=Docker CE,c=stable,b=amd64
     origin other.example
 500 http://mirror.example/debian bookworm/main amd64 Packages
     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin mirror.example
Pinned packages:
"""
OFFERED = """\
base-files:
  Installed: (none)
  Candidate: 12.4+deb12u15
  Version table:
     12.4+deb12u15 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
bash:
  Installed: (none)
  Candidate: 5.2.15-2+b13
  Version table:
     5.2.15-2+b13 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
libc6:
  Installed: (none)
  Candidate: 2.36-9+deb12u14
  Version table:
     2.36-9+deb12u14 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
     2.36-9+deb12u7 500
        500 http://mirror.example/debian-security bookworm-security/main amd64 Packages
"""


class Apt:
    """A host's apt and dpkg; remembers which sources apt was pointed to."""

    def __init__(self, installed: str = INSTALLED, releases: str = RELEASES, offered: str = OFFERED):
        self.outputs = {"dpkg-query": installed, "releases": releases, "offered": offered}
        self.sources: list[str] = []
        self.packages: list[str] = []

    def __call__(self, *command: str) -> str:
        if command[0] == "dpkg-query":
            return self.outputs["dpkg-query"]
        options, _, packages = " ".join(command).partition(" policy")
        for option in options.split():
            if option.startswith(("Dir::Etc::SourceParts=", "Dir::Etc::PreferencesParts=")):
                self.sources += os.listdir(option.partition("=")[2])
        self.packages += packages.split()
        return self.outputs["offered" if packages else "releases"]


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """A folder like /etc/apt as an earlier version left it."""
    folder = tmp_path / "apt"
    for name in (
        "sources.list.d/debian.sources",
        "sources.list.d/hub-ext-trixie.sources",
        "preferences.d/nodejs",
        "preferences.d/hub-ext-trixie",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def os_release(tmp_path: Path, text: str = 'ID=debian\nVERSION_CODENAME="trixie"\n\n# end\n') -> Path:
    path = tmp_path / "os-release"
    path.write_text(text)
    return path


def test_files_of_an_earlier_version(apt: Path, tmp_path: Path):
    names = ("preferences.d/hub-ext-trixie", "sources.list.d/hub-ext-trixie.sources")
    assert host_release.leftover_files(apt) == tuple(apt / name for name in names)
    assert host_release.leftover_files(tmp_path / "no-apt") == ()


def test_base_packages_that_the_own_sources_do_not_offer(apt: Path, tmp_path: Path):
    run = Apt()
    assert host_release.host_release(apt, os_release(tmp_path), run) == HostRelease(
        "trixie",
        ("bookworm",),
        (
            RaisedPackage("base-files", "13.8+deb13u8", "12.4+deb12u15"),
            RaisedPackage("libc6", "2.41-12+deb13u5", "2.36-9+deb12u14"),
        ),
    )
    # dpkg is installed, yet nothing offers it: nothing is said of it.
    assert run.packages == ["base-files", "bash", "dpkg", "libc6"]
    assert set(run.sources) == {"debian.sources", "nodejs"}


def test_an_older_package_waits_for_its_update_and_is_not_raised(apt: Path, tmp_path: Path):
    installed = "installed libc6 2.36-9+deb12u7 \ninstalled base-files 12.4+deb12u15 yes\n"
    text = "ID=debian\nVERSION_CODENAME=bookworm\n"
    release = host_release.host_release(apt, os_release(tmp_path, text), Apt(installed))
    assert release == HostRelease("bookworm", ("bookworm",), ())


@pytest.mark.parametrize(
    "text",
    ["ID=ubuntu\nVERSION_CODENAME=noble\n", "ID=debian\n", "", "ID=raspbian\nVERSION_CODENAME=bookworm\n"],
)
def test_a_host_that_is_no_debian_release_is_unknown(apt: Path, tmp_path: Path, text: str):
    with pytest.raises(HostError):
        host_release.host_release(apt, os_release(tmp_path, text), Apt())


def test_a_host_without_lists_of_a_debian_release_is_unknown(apt: Path, tmp_path: Path):
    for releases in ("Package files:\n", RELEASES.replace("o=Debian", "o=Debian Backports")):
        with pytest.raises(HostError) as raised:
            host_release.host_release(apt, os_release(tmp_path), Apt(releases=releases))
        assert raised.value.advice == "Run `apt-get update`."


def test_a_host_without_apt_is_unknown(apt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError):
        host_release.host_release(apt, os_release(tmp_path), Apt())


def test_a_command_that_fails_is_unknown(tmp_path: Path):
    for command in (("false",), (str(tmp_path / "no-program"),)):
        with pytest.raises(HostError):
            host_release.command_output(*command)


def test_this_very_host_is_read_by_its_own_apt(tmp_path: Path):
    """A source of one release, offered by a folder, against what dpkg says is installed here."""
    for folder in ("apt/sources.list.d", "lists"):
        (tmp_path / folder).mkdir(parents=True)
    stem = tmp_path / "lists" / "mirror.example_debian_dists_bookworm"
    Path(f"{stem}_InRelease").write_text(
        "Origin: Debian\nCodename: bookworm\nSuite: oldstable\nVersion: 12.15\n"
    )
    packages = "Package: libc6\nArchitecture: {}\nVersion: 0.1\nMaintainer: -\nFilename: a\nSize: 1\n"
    architecture = host_release.command_output("dpkg", "--print-architecture").strip()
    Path(f"{stem}_main_binary-{architecture}_Packages").write_text(packages.format(architecture))
    line = "deb [trusted=yes] http://mirror.example/debian {} main\n"
    (tmp_path / "apt/sources.list.d/debian.list").write_text(line.format("bookworm"))
    (tmp_path / "apt/sources.list.d/hub-ext-trixie.list").write_text(line.format("trixie"))

    def run(*command: str) -> str:
        lists = ("-o", f"Dir::State::lists={tmp_path}/lists") if command[0] == "apt-cache" else ()
        return host_release.command_output(command[0], *lists, *command[1:])

    release = host_release.host_release(tmp_path / "apt", os_release(tmp_path), run)
    assert (release.codename, release.offered) == ("trixie", ("bookworm",))
    assert [(package.name, package.offered) for package in release.raised] == [("libc6", "0.1")]
