"""deploy/bootstrap restore-host: what it would take back, and when it refuses. No package is changed here.

The way itself was walked by hand, on roots that an earlier version had raised.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hub_ext.cli.setup.layout import CHECKOUT

# name, version, source, essential, newest of the own sources, candidate, offered by the others alone
RAISED = """\
base-files 13.8+deb13u8 base-files essential 12.4+deb12u15 12.4+deb12u15 -
bash 5.2.15-2+b13 bash essential 5.2.15-2+b13 5.2.15-2+b13 -
containerd 1.7.24~ds1-6+deb13u1 containerd - 1.6.20~ds1-1+deb12u3 1.6.20~ds1-1+deb12u3 theirs
curl 7.88.1-10+deb12u14 curl - 7.88.1-10+deb12u15 7.88.1-10+deb12u15 -
docker-buildx 0.13.1+ds1-3 docker-buildx - - - theirs
docker-cli 26.1.5+dfsg1-9+b1 docker.io - - - -
docker.io 26.1.5+dfsg1-9+b1 docker.io - 20.10.24+dfsg1-1+b6 20.10.24+dfsg1-1+b6 -
dpkg 1.22.21 dpkg essential 1.21.23 1.21.23 -
dpkg-dev 1.22.21 dpkg - 1.21.23 1.21.23 -
libc-bin 2.41-12 glibc essential 2.36-9+deb12u14 2.36-9+deb12u14 -
libc6 2.41-12 glibc - 2.36-9+deb12u14 2.36-9+deb12u14 -
libc6:i386 2.41-12 glibc - 2.36-9+deb12u14 2.36-9+deb12u14 -
libxyz1 3-1 xyz - 2-1 2-1 theirs
mine 1 mine - - - -
nodejs 20.19.2-1nodesource1 nodejs - 18.20.4+dfsg-1~deb12u1 18.20.4+dfsg-1~deb12u1 -
tar 1.35+deb13u1 tar essential 1.34+deb12u1 1.34+deb12u1 -
"""
PLAN = """\
down base-files 12.4+deb12u15
down containerd 1.6.20~ds1-1+deb12u3
remove docker-buildx
remove docker-cli
remove docker.io
first dpkg 1.21.23
down dpkg-dev 1.21.23
down libc-bin 2.36-9+deb12u14
down libc6 2.36-9+deb12u14
down libc6:i386 2.36-9+deb12u14
down libxyz1 2-1
first tar 1.34+deb12u1
"""


def in_shell(command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    rooms = "; ".join(f'. "{CHECKOUT}/deploy/lib/{room}.sh"' for room in ("say", "packages", "restore"))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{rooms}; {command}"],
        input=given,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("HUB_EXT_")},
    )


def output(command: str, given: str = "") -> str:
    done = in_shell(command, given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plan_has_what_is_of_the_next_debian_and_nothing_else() -> None:
    """Somebody's own packages, and newer ones of other publishers, are no concern of ours."""
    assert output("restore_plan", RAISED) == PLAN


def test_dpkg_goes_before_the_library_that_its_newer_version_needs() -> None:
    assert output("apt_arguments first", PLAN) == "dpkg=1.21.23\ntar=1.34+deb12u1\n"
    rest = output("apt_arguments down remove", PLAN).split()
    assert {"libc6=2.36-9+deb12u14", "base-files=12.4+deb12u15", "docker.io-", "docker-cli-"} <= set(rest)
    assert "dpkg=1.21.23" not in rest


def test_a_host_as_its_sources_say_has_no_plan() -> None:
    own = "libc6 2.36-9+deb12u14 glibc - 2.36-9+deb12u14 2.36-9+deb12u14 -\n"
    newer = "libc6 2.41-12+deb13u5 glibc - 2.41-12+deb13u5 2.41-12+deb13u5 -\n"
    update = "libc6 2.41-12+deb13u4 glibc - 2.41-12+deb13u5 2.41-12+deb13u5 -\n"
    backport = "runc 1.1.15-2~bpo12+1 runc - 1.1.15-2~bpo12+1 1.1.5-1 -\n"
    assert output("restore_plan", own + newer + update + backport) == ""


def test_versions_of_apts_table() -> None:
    policy = (
        "libc6:\n  Installed: (none)\n  Candidate: 2.36-9+deb12u14\n  Version table:\n"
        "     2.41-12+deb13u5 50\n         50 http://mirror.example/debian trixie/main amd64 Packages\n"
        "     2.36-9+deb12u14 500\n        500 http://mirror.example/debian bookworm/main amd64 Packages\n"
        "mine:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
        "libc6:i386:\n  Installed: (none)\n  Candidate: 2\n  Version table:\n     2 500\n"
    )
    rows = "libc6 2.36-9+deb12u14 2.41-12+deb13u5 2.36-9+deb12u14\nlibc6:i386 2 2\n"
    assert output("policy_rows", policy) == rows


def test_what_only_the_other_sources_offer_is_theirs() -> None:
    installed = "a 3 a -\nb 1 b essential\nc 1 c -"
    joined = output(f"join_tables '{installed}' 'a 2 3 2\nb 1 1' 'a 2 2 1\nb 1 1'")
    assert joined == "a 3 a - 2 2 theirs\nb 1 b essential 1 1 -\nc 1 c - - - -\n"


def test_own_sources_are_all_but_those_of_an_earlier_version(tmp_path: Path) -> None:
    for name in (
        "sources.list.d/debian.sources",
        "sources.list.d/hub-ext-trixie.list",
        "preferences.d/hub-ext-trixie",
    ):
        (tmp_path / "apt" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "apt" / name).touch()
    folder = tmp_path / "own"
    folder.mkdir()
    output(f"APT_FOLDER={tmp_path}/apt; own=(); own_options {folder}")
    assert sorted(path.name for path in folder.glob("*/*")) == ["debian.sources", "partial"]
    files = output(f"APT_FOLDER={tmp_path}/apt; leftover_files").split()
    assert [Path(file).name for file in files] == ["hub-ext-trixie", "hub-ext-trixie.list"]
    assert output(f"APT_FOLDER={tmp_path}/nothing; leftover_files") == ""


def test_steps_are_shown_with_their_versions() -> None:
    steps = (
        "Inst dpkg [1.22.22] (1.21.23 Debian:12.15/oldstable [amd64]) [locales:amd64 ]\n"
        "Remv docker.io [26.1.5+b1]\n"
        "Inst libnew (1-1 Debian:12.15/oldstable [amd64])\n"
    )
    shown = "  dpkg 1.22.22 -> 1.21.23\n  docker.io 26.1.5+b1 is removed\n  libnew 1-1 is installed\n"
    assert output("step_lines", steps) == shown


def process(folder: Path, number: int, program: str, root: str = "/") -> None:
    entry = folder / str(number)
    entry.mkdir(parents=True)
    (entry / "exe").symlink_to(program)
    (entry / "root").symlink_to(root)


def test_running_containers_refuse_it(tmp_path: Path) -> None:
    process(tmp_path, 10, "/usr/bin/containerd-shim-runc-v2", root=str(tmp_path))
    process(tmp_path, 11, "/elsewhere/bin/containerd-shim-runc-v2")
    refuses = f"PROC={tmp_path}; refuse_while_containers_run"
    assert in_shell(f"{refuses} 'Remv docker.io [26]'").returncode == 0
    process(tmp_path, 12, "/usr/bin/containerd-shim-runc-v2 (deleted)")
    done = in_shell(f"{refuses} 'Remv docker.io [26]'")
    assert done.returncode == 1
    assert "Containers run in this host's engine (process 12, for one)." in done.stderr
    # Without an engine among the packages its containers are left alone.
    assert in_shell(f"{refuses} 'Inst dpkg [2] (1 Debian)'").returncode == 0


def test_only_a_yes_goes_on() -> None:
    for answer in ("", "no\n", "y\n"):
        done = in_shell("confirm_restore", answer)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "hub-ext: Nothing was changed.")
    assert in_shell("confirm_restore", "yes\n").returncode == 0
    assert in_shell("HUB_EXT_YES=1; confirm_restore").returncode == 0
